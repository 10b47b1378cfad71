/* What one request wants written, on its way to whatever writes it. */
#ifndef PBU_TICKET_H
#define PBU_TICKET_H

#include "base/buf.h"
#include "base/level.h"

#include <stdint.h>

struct entries {
	struct buf level[LEVEL_COUNT]; /* whole entries, each ended by a newline, by file */
	uint64_t records[LEVEL_COUNT]; /* how many entries each holds */
	int64_t arrival;	       /* CLOCK_REALTIME, nanoseconds: decides the day */
};

enum ticket_result {
	TICKET_DONE,   /* every byte was accepted by write(2); with SYNC_ALWAYS, synced too */
	TICKET_LATE,   /* nothing written: its period was rolled over since `arrival`. Take the
			  time again, render again and submit again. */
	TICKET_FAILED, /* could not be written: nothing of it is in any file, or can stay there.
			  Or, with SYNC_ALWAYS, not synced: it may be there. */
};

/* It and its entries are the submitter's until submit, and again when it is finished; in between
 * nobody else may touch them. */
struct ticket {
	const struct entries *entries;
	size_t bytes;		   /* of memory that the submitter holds until it is finished */
	enum ticket_result result; /* once it is finished */
	struct ticket *next;	   /* in the queue, or in a list of finished ones */
	void *owner;		   /* the submitter's own */
};

#endif
