/* A running program gives up what it does not need. */
#ifndef PBU_CONFINE_H
#define PBU_CONFINE_H

/* What the program does with files, one of the first two; and whether it connects to others. */
enum confine {
	CONFINE_WRITES = 1,
	CONFINE_READS = 2,    /* it can't change one: none can be opened for writing, made, named,
			       * removed. Code may be made at run time, by PCRE2 for expressions. */
	CONFINE_CONNECTS = 4, /* it looks names up and connects, by TCP and UDP. Nobody connects to
			       * it that way. */
};

/*
 * For good, and for every thread started later: no privileges by starting a program, no core file,
 * no other process of the same user that looks into the memory; and where it was built with
 * libseccomp, only the system calls that the program needs: it starts no program and no process,
 * and reaches no network without CONFINE_CONNECTS. To be called when everything is open and before
 * the first thread is started. What a system does not have is a warning.
 */
void confine(unsigned what);

#endif
