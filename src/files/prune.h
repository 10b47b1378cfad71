/* Pruning: which of the rolled-over files go, and which stay whatever their name says. */
#ifndef PBU_PRUNE_H
#define PBU_PRUNE_H

#include "files/rollover.h"

#include <stdbool.h>

/* Deletions of one call at most; the rest is for the next, so that other work gets its turn. */
#define PRUNE_AT_ONCE 1000

/* What is to be pruned, by whom. */
struct prune {
	unsigned keep; /* LOG_BACKUP_COUNT: so many files, the newest; 0: all */
	/* The first name that is not counted, and kept: roll-overs that are not acknowledged
	 * yet, and files of the future. */
	struct rollover_name next;
	struct rollover_name current; /* the period that it is now: after it comes the future */
	struct rollover_name latest;  /* rolled over last, and kept; all 0: none was */
};

struct prune_result {
	unsigned deleted;
	bool more;			 /* there were more than PRUNE_AT_ONCE to delete */
	char future[ROLLOVER_NAME_SIZE]; /* the name of a file of the future; "": none is there */
};

/*
 * Deletes the oldest of the rolled-over files of `file`, in that folder, beyond what is to be kept,
 * and logs each deletion. Nothing but a regular file with a name as rollover_parse() takes it is
 * touched; when the folder can't be listed to its end, none. False, with errno, then and when one
 * that should be deleted could not be. Any thread.
 */
bool prune_files(int folder, const char *file, const struct prune *p, struct prune_result *result);

#endif
