/*
 * Descriptors whose bytes are to get to the disk, with the report of the result. It knows
 * descriptors only: which they are is up to its user, and so is what follows from a failure.
 */
#ifndef PBU_SYNCSET_H
#define PBU_SYNCSET_H

#include "base/diag.h"
#include "base/metrics.h"

#include <stdbool.h>
#include <stddef.h>

/* As many descriptors as wait at most. */
#define SYNCSET_MAX 64

/* Where results go; any thread. */
struct syncset_report {
	const char *folder; /* for messages */
	struct metrics *metrics;
	struct diag_limit limit;
};

struct syncset {
	struct {
		int fd;		  /* owned */
		const char *name; /* of the file, in the folder; "": it is the folder itself */
		unsigned bit;	  /* the user's */
	} item[SYNCSET_MAX];
	size_t n;
};

/* Takes the descriptor over; the name must live as long as the set. False: there is no room. */
bool syncset_add(struct syncset *set, int fd, const char *name, unsigned bit);

/* Syncs and closes them all, one by one, and empties the set. Returns the bits of those that
 * failed. */
unsigned syncset_run(struct syncset *set, struct syncset_report *r);

/* Syncs one descriptor, which stays the caller's; counts that, and reports a failure. */
bool syncset_sync(int fd, const char *name, struct syncset_report *r);

#endif
