/* A running program gives up what it does not need. */
#ifndef PBU_CONFINE_H
#define PBU_CONFINE_H

/* What the program does with files. */
enum confine {
	CONFINE_WRITES,
	CONFINE_READS, /* it can't change one: none can be opened for writing, made, named, removed.
			* Code may be made at run time, by PCRE2 for expressions. */
};

/*
 * For good, and for every thread started later: no privileges by starting a program, no core file,
 * no other process of the same user that looks into the memory; and where it was built with
 * libseccomp, only the system calls that the program needs: it starts no program and no process,
 * and reaches no network. To be called when everything is open and before the first thread is
 * started. What a system does not have is a warning.
 */
void confine(enum confine what);

#endif
