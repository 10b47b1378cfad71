/* What one request wants written, on its way to whatever writes it. */
#ifndef PBU_TICKET_H
#define PBU_TICKET_H

#include "base/buf.h"
#include "base/level.h"

#include <stdint.h>

/* An entry, where whatever writes them wants each by itself. */
struct entry_mark {
	size_t len;	    /* in the buffer of its level, after those before it */
	uint32_t key_len;   /* of its logger's name, in `keys`, */
	uint32_t added_len; /* and after it, of what tells it from what was sent (render_added.h) */
	uint32_t index;	    /* of the record in its request, dropped ones counted */
	enum level level;
};

struct entries {
	struct buf level[LEVEL_COUNT]; /* whole entries, each ended by a newline, by file */
	uint64_t records[LEVEL_COUNT]; /* how many entries each holds */
	int64_t arrival;	       /* CLOCK_REALTIME, nanoseconds: decides the day */
	/* Only where they are wanted: all entries in the order of the request, a struct entry_mark
	 * each, and their loggers' names and what belongs to them. */
	struct buf marks;
	struct buf keys;
};

/* What names a request for those that read its records later: an Idempotency-Key. */
struct ticket_batch {
	const char *id; /* not terminated; NULL: none was sent */
	size_t len;
	uint64_t number;
};

enum ticket_result {
	TICKET_DONE,   /* every byte was accepted by write(2); with SYNC_ALWAYS, synced too. Or all
			  in-sync replicas have it. */
	TICKET_LATE,   /* nothing written: its period was rolled over since `arrival`. Take the
			  time again, render again and submit again. */
	TICKET_FAILED, /* could not be written: nothing of it is in any file, or can stay there.
			  Or, with SYNC_ALWAYS, not synced: it may be there. Or not acknowledged,
			  by Kafka: any part of it may be there. */
	TICKET_TOO_LARGE, /* an entry is larger than what can be written, now or later: nothing of
			     it is anywhere */
};

/* How far a ticket is, for who publishes it. */
struct ticket_progress {
	size_t mark, key;	    /* what of entries->marks and ->keys is taken */
	size_t offset[LEVEL_COUNT]; /* and of each level */
	int64_t begun;		    /* CLOCK_MONOTONIC, nanoseconds */
	_Atomic size_t pending; /* entries that are not acknowledged, and one until all are taken */
	_Atomic int error;	/* the first of any of them; 0: none */
};

/* It and its entries are the submitter's until submit, and again when it is finished; in between
 * nobody else may touch them. */
struct ticket {
	const struct entries *entries;
	size_t bytes;		   /* of memory that the submitter holds until it is finished */
	enum ticket_result result; /* once it is finished */
	const char *why; /* and unless it is DONE or LATE: why, in words; constant, or NULL */
	size_t which;	 /* of a TOO_LARGE one: which record, from 0 on */
	struct ticket_batch batch;
	struct ticket_progress progress; /* the sink's own */
	struct ticket *next;		 /* in the queue, or in a list of finished ones */
	void *owner;			 /* the submitter's own */
};

#endif
