/* What every program does first: its arguments, its settings, --check, --help and --version. */
#ifndef PBU_PROGRAM_H
#define PBU_PROGRAM_H

#include "base/setting.h"

#include <stddef.h>

/* Exit status, in addition to EXIT_SUCCESS and EXIT_FAILURE. */
#define PROGRAM_EXIT_USAGE 2 /* a setting or an argument is wrong */

/* A part of a program's settings: a group, and where its struct is in the program's. */
struct program_settings {
	const struct setting_group *group;
	size_t offset;
};

struct program {
	const char *name;
	const char *purpose; /* what it does, as --help says it: whole lines */
	const struct program_settings *settings;
	size_t count;	     /* of settings: in the order of reading, of --check and of --help */
	bool without_socket; /* nobody connects to it, and it has no tokens */
};

/*
 * Reads the arguments, and the settings into their struct; the strings are the environment's and
 * argv's own. Reports every mistake in them on stderr. -1: the program is to run, on the socket at
 * *socket_path (NULL: descriptor 0; or it has none). Else the status to exit with. Main thread,
 * before any other is started.
 */
int program_begin(
    const struct program *p, int argc, char **argv, void *settings, const char **socket_path);

/* Fills the settings only. True when there was no mistake; see setting_read(). */
bool program_read_settings(
    const struct program *p, void *settings, struct buf *mistakes, struct buf *warnings);

#endif
