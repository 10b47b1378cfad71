/*
 * Group commit: the one door to the log files.
 *
 * Any number of threads submit tickets, and none of them waits for another. The first to arrive
 * becomes the writer; those who come while it writes queue up, and are the next group: one append
 * per file, and with SYNC_ALWAYS one fdatasync per file, serve it whole. Nobody but the writer
 * touches a log file. A finished ticket comes back to the thread that wrote its group, mostly
 * another than the one that submitted it.
 */
#ifndef PBU_COMMIT_H
#define PBU_COMMIT_H

#include "buf.h"
#include "level.h"
#include "metrics.h"
#include "options.h"

#include <stdbool.h>
#include <stdint.h>

struct commit; /* the queue, the writer's state, and the log folder */

/* What one request wants written; filled by its thread, and its own before and after submit. */
struct commit_entries {
	struct buf level[LEVEL_COUNT]; /* whole entries, each ended by a newline, by file */
	uint64_t records[LEVEL_COUNT]; /* how many entries each holds */
	int64_t arrival;	       /* CLOCK_REALTIME, nanoseconds: decides the day */
};

enum commit_result {
	COMMIT_DONE,   /* every byte was accepted by write(2); with SYNC_ALWAYS, synced too */
	COMMIT_LATE,   /* nothing written: its period was rolled over since `arrival`. Take the
			  time again, render again and submit again. */
	COMMIT_FAILED, /* could not be written or synced; entries are not half-written */
};

/* Entries on their way. It and they are the submitter's until submit, and again when it is
 * finished; in between nobody else may touch them. */
struct commit_ticket {
	const struct commit_entries *entries;
	size_t bytes;		    /* of memory that the submitter holds until it is finished */
	enum commit_result result;  /* once it is finished */
	struct commit_ticket *next; /* in the queue, or in a list of finished ones */
	void *owner;		    /* the submitter's own */
};

/* Calls for a thread to commit_resume(), soon; called by any thread, and must do neither that nor
 * submit. */
typedef void commit_wake(void *context);

/*
 * Opens the folder (creating it with its parents), takes its lock, and prepares the files:
 * yesterday's are rolled over. The options must outlive it. NULL on error, with the reason in
 * words in error (size bytes).
 */
struct commit *commit_open(const struct options *o, struct metrics *m, char *error, size_t size);

/* How a thread is called when there is a queue and nobody writes; to be set before any submission.
 */
void commit_wake_by(struct commit *c, commit_wake *wake, void *context);

/*
 * Submits a ticket, its entries set. Returns a list of finished tickets, which the caller has to
 * take on: this one, others, or none. A ticket with nothing in it is finished at once. While
 * unfinished tickets hold more than THREADS * MAX_BODY_BYTES, it waits.
 */
struct commit_ticket *commit_submit(struct commit *c, struct commit_ticket *ticket);

/* Writes the next group of the queue, unless somebody else does. Returns what commit_submit()
 * does; a thread that was called, or that ends, has to call it. */
struct commit_ticket *commit_resume(struct commit *c);

/*
 * Housekeeping, for the main thread, twice a second: notices files renamed or deleted from
 * outside, rolls over when midnight passes without traffic, syncs for SYNC_EVERYSEC. The
 * sync itself does not hold up the writer.
 */
void commit_tick(struct commit *c);

/* Reopens every file now (SIGHUP). */
void commit_reopen(struct commit *c);

/* Whether records can be written now: tries it, without touching a log file. False: why, in words.
 */
bool commit_writable(struct commit *c, char *why, size_t size);

/* Syncs (unless SYNC_NO) and closes. No ticket may be under way. */
void commit_close(struct commit *c);

#endif
