/*
 * What the writer has: the log files, that of rejected messages, the places in the partitions, what
 * was seen, and the checkpoint that holds them together.
 *
 * Nothing is appended to a file before it is in the checkpoint, and no file gets another name
 * before all that is in it is. So whatever is there beyond the checkpoint, however the writer
 * ended, is in files that it knows, after their lengths.
 *
 * For one thread. Failures are reported here, and counted.
 */
#ifndef PBU_STORE_H
#define PBU_STORE_H

#include "base/ticket.h"
#include "files/logs.h"
#include "writer/checkpoint.h"
#include "writer/partitions.h"
#include "writer/seen.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_REJECTED "rejected.log"

struct store_settings {
	struct logs_settings logs;
	const char *topic, *group;
};

struct store {
	struct logs logs;
	struct logfile rejected; /* opened with the first that is */
	struct partitions partitions;
	struct seen *seen;
	struct checkpoint checkpoint; /* the last one that was written, but for its places */
	enum sync sync;		      /* LOG_FSYNC */
	bool changed;		      /* something is not in it */
	bool sync_failed; /* the kernel may have dropped bytes: only a new start can tell */
	int64_t written;  /* CLOCK_REALTIME of the last checkpoint, nanoseconds */
	uint64_t checkpoints, checkpoint_errors, cut_bytes;
	struct diag_limit checkpoint_limit, rejected_limit;
	struct metrics *metrics;
};

/* Opens the folder, cuts its files back to the checkpoint, if there is one, rolls yesterday's over,
 * and writes a new one. The settings' strings and the metrics must outlive it. False, with the
 * reason. */
bool store_open(struct store *s, const struct store_settings *settings, struct metrics *m,
    char *error, size_t size);

/* Takes the clock: a file of a period that is over is rolled over. Before each batch. */
void store_take_time(struct store *s);

/* How many bytes the level's file takes before it is rolled over. */
size_t store_room(struct store *s, enum level level);

/* Rolls it over, unless so many bytes do fit; nothing may be taken that is not appended yet. False:
 * it can't be now. */
bool store_make_room(struct store *s, enum level level, size_t bytes);

/* Appends the entries and the lines of rejected messages, all or nothing. False: nothing of it is
 * in any file; it can be tried again. */
bool store_append(struct store *s, const struct entries *entries, const struct buf *rejected);

/* Writes a checkpoint, unless nothing has changed. False: it could not be. */
bool store_checkpoint(struct store *s);

/* Twice a second, after a checkpoint: notices what others did to the files, deletes old ones, and
 * looks whether the folder can be written in. `reopen`: opens all of them again. */
void store_round(struct store *s, bool reopen);

/* Closes all, without a checkpoint. */
void store_close(struct store *s);

#endif
