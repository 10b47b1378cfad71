/*
 * The log files of the folder, one per enabled level: kept open, rolled over, pruned, synced,
 * and opened again when they were renamed or deleted from outside, or failed.
 *
 * For one thread at a time: the one that has the writer's role (commit.h). Times are seconds of
 * CLOCK_REALTIME. Failures are reported here, through limits, and counted in the metrics.
 */
#ifndef PBU_LOGS_H
#define PBU_LOGS_H

#include "diag.h"
#include "files/folder.h"
#include "files/logfile.h"
#include "files/rollover.h"
#include "level.h"
#include "metrics.h"
#include "options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct logs_level {
	struct logfile file;
	int64_t since; /* start of the period that its content is of */
	bool stuck;    /* could not be rolled over: not tried again before the next tick */
};

struct logs {
	const struct options *options;
	struct metrics *metrics;
	struct folder folder;
	struct logs_level level[LEVEL_COUNT]; /* closed where not enabled */
	int64_t now;
	struct period period;
	bool names_dirty; /* files were created or renamed since the folder's last sync */
	bool sync_failed; /* since logs_take_time(): what was written is not safe */
	struct diag_limit folder_limit, open_limit, write_limit, rollover_limit, sync_limit;
};

/* Of the clock, against the current period. */
enum logs_time {
	LOGS_SAME_PERIOD,
	LOGS_NEXT_PERIOD, /* its end has passed: logs_begin_period() is due */
	LOGS_SET_BACK,	  /* the clock was set back to before it; the period now is the clock's */
};

/*
 * Opens the folder and the files of the enabled levels, and rolls over those of an earlier
 * period. The options and metrics must outlive it. False, with the reason in error (size bytes).
 */
bool logs_open(struct logs *l, const struct options *o, struct metrics *m, int64_t now, char *error,
    size_t size);

/* Syncs (unless SYNC_NO) and closes. */
void logs_close(struct logs *l);

/* Takes the clock: once for each group, and each tick. */
enum logs_time logs_take_time(struct logs *l, int64_t now);

/* Rolls over every file to begin the period that the clock is in. */
void logs_begin_period(struct logs *l);

/* Notices what became of the files, opens those that are closed, and tries again what failed. */
void logs_check(struct logs *l);

/* Opens the files of those levels (a LEVEL_BIT each) again. */
void logs_reopen(struct logs *l, unsigned levels);

/* Makes sure that the level's file is open. */
bool logs_ready(struct logs *l, enum level level);

/* How many bytes the level's file still takes below LOG_MAX_BYTES; SIZE_MAX: no limit. */
size_t logs_room(const struct logs *l, enum level level);

/* Rolls the level's file over, unless it turns out that `bytes` do fit. False: no file is open. */
bool logs_make_room(struct logs *l, enum level level, size_t bytes);

/* Reports, with errno, that the level's file could not be appended to. */
void logs_report_write(struct logs *l, enum level level);

/* Whether records can be written; false, with the reason in words. */
bool logs_writable(struct logs *l, char *why, size_t size);

#endif
