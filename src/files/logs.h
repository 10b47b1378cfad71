/*
 * The log files of the folder, one per enabled level: kept open, rolled over, pruned, synced,
 * and opened again when they were renamed or deleted from outside, or failed.
 *
 * For one thread at a time, the one that has the writer's role (commit.h), but for logs_do_chores()
 * and the health. Times are seconds of CLOCK_REALTIME. Failures are reported here,
 * through limits, and counted in the metrics.
 */
#ifndef PBU_LOGS_H
#define PBU_LOGS_H

#include "base/level.h"
#include "base/metrics.h"
#include "files/levelfile.h"
#include "files/logs_settings.h"
#include "files/prune.h"
#include "files/syncset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct logs {
	struct levelfile_common common;
	struct levelfile level[LEVEL_COUNT]; /* closed where not enabled */
	/* logs_do_chores() only: */
	bool warned[LEVEL_COUNT]; /* of files of the future */
	bool inherited;		  /* files that a server before has rolled over may be unsynced */
	unsigned round;		  /* its number */
};

/* Of the clock, against the current period. */
enum logs_time {
	LOGS_SAME_PERIOD,
	LOGS_NEXT_PERIOD, /* its end has passed: logs_check() is due */
	LOGS_SET_BACK,	  /* the clock was set back to before it; the period now is the clock's */
};

/*
 * Opens the folder and the files of the enabled levels, and rolls over those of an earlier
 * period. The settings are copied; what they point to, and the metrics, must outlive it, and it may
 * not be moved. False, with the reason in error (size bytes).
 */
bool logs_open(struct logs *l, const struct logs_settings *settings, struct metrics *m, int64_t now,
    char *error, size_t size);

/* The same in two steps, for who has something to do to the files between: the folder is open and
 * locked, then its files are. Once the first has succeeded, logs_close() is due. */
bool logs_open_folder(struct logs *l, const struct logs_settings *settings, struct metrics *m,
    int64_t now, char *error, size_t size);
bool logs_open_files(struct logs *l, char *error, size_t size);

/* Syncs (unless SYNC_NO) and closes. */
void logs_close(struct logs *l);

/* Where common.keeps_back was set before the files were opened: what was appended is there for
 * good, and readers are shown it. */
void logs_show(struct logs *l);

/* Takes the clock: once for each group, and each tick. */
enum logs_time logs_take_time(struct logs *l, int64_t now);

/* Begins the period that the clock is in: rolls over the files of an earlier one. Notices what
 * became of the files, opens those that are closed, and tries again what failed. Levels of `reopen`
 * (a LEVEL_BIT each) are opened again though it may be the same files. */
void logs_check(struct logs *l, unsigned reopen);

/* Makes sure that the level's file is open and takes something. */
bool logs_ready(struct logs *l, enum level level);

/* All of a group is written: with SYNC_ALWAYS syncs all that is dirty. False when any of it failed
 * since logs_take_time(): nothing of the group may be acknowledged. */
bool logs_end_group(struct logs *l);

/*
 * What takes its time and is done without the role: syncing for SYNC_EVERYSEC, pruning, looking for
 * the number of the next roll-over, and trying whether the folder can be written in.
 */
struct logs_chores {
	struct syncset unsynced;
	struct folder folder; /* a duplicate; -1: there is no descriptor left */
	unsigned prune;	 /* levels to be pruned, a LEVEL_BIT each; then those where more is left */
	unsigned number; /* levels whose next number is to be found; then those where it was */
	struct prune pruning[LEVEL_COUNT];
	struct rollover_name next[LEVEL_COUNT];
	unsigned healthy;  /* levels that are open and owe nothing, */
	uint64_t failures; /* and health_failures() before that was found */
	unsigned failed;   /* LEVEL_BITs, and LOGS_FOLDER_BIT, of syncs that failed */
};

#define LOGS_FOLDER_BIT (1U << LEVEL_COUNT)

/* What is to be done now. What is dirty does not count as dirty any more. */
void logs_take_chores(struct logs *l, struct logs_chores *chores);

/* Does it; one thread, without the role. Returns whether logs_end_chores() has to be called. */
bool logs_do_chores(struct logs *l, struct logs_chores *chores);

/* With the role again: what could not be synced is opened again, or counts as dirty again. */
void logs_end_chores(struct logs *l, const struct logs_chores *chores);

#endif
