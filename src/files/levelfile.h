/*
 * The file of one level: kept open, opened again when it was renamed or deleted from outside,
 * rolled over, and appended to as a transaction that may roll over in between.
 *
 * A transaction is what is appended from levelfile_begin() to levelfile_commit() or
 * levelfile_undo(). What an undo could not take back is owed: until it is, the level takes nothing.
 *
 * For one thread at a time, the one that has the writer's role (commit.h). Failures are reported
 * here, through limits, and counted in the metrics.
 */
#ifndef PBU_LEVELFILE_H
#define PBU_LEVELFILE_H

#include "base/diag.h"
#include "base/level.h"
#include "base/metrics.h"
#include "files/folder.h"
#include "files/health.h"
#include "files/journal.h"
#include "files/logfile.h"
#include "files/logs_settings.h"
#include "files/rollover.h"
#include "files/syncset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the levels of a folder have in common; the logs' (logs.h). */
struct levelfile_common {
	struct logs_settings settings;
	struct metrics *metrics;
	struct folder folder;
	int64_t now; /* seconds of CLOCK_REALTIME */
	struct period period;
	bool names_dirty;	/* names to be synced: levelfile_names_changed() */
	bool sync_failed;	/* with SYNC_ALWAYS, since logs_take_time() */
	bool keeps_back;	/* readers are shown nothing before logs_show() */
	struct syncset retired; /* files that are no level's any more, still to be synced */
	struct syncset_report sync;
	struct health health;
	struct diag_limit open_limit, write_limit, rollover_limit;
};

struct levelfile {
	struct levelfile_common *common;
	enum level level;
	struct logfile file;
	int64_t since; /* start of the period that its content is of */
	bool stuck;    /* could not be rolled over: not tried again before the next check */
	bool bad;      /* the last write or opening failed, and health.h knows */
	bool rolled;   /* rolled over after the last pruning, and can't be taken back */
	struct rollover_name next;   /* of its next roll-over, unless the period is another */
	struct rollover_name latest; /* of its last; all 0: none */
	struct journal journal;
};

/* A closed one. */
void levelfile_init(struct levelfile *lf, struct levelfile_common *common, enum level level);

/* How its bytes, and the names that it makes, get to the disk: LOG_FSYNC, for every level. */
enum sync levelfile_sync_mode(const struct levelfile *lf);

/* It has created or renamed a file: the folder is to be synced, unless SYNC_NO. */
void levelfile_names_changed(struct levelfile *lf);

/* Opens it for the first time. False, with errno. */
bool levelfile_open(struct levelfile *lf);

/* Closes it; what was written is synced before, or with SYNC_EVERYSEC left in common->retired. */
void levelfile_close(struct levelfile *lf);

/* Takes back what is owed. False, and reported, when it can't be. */
bool levelfile_settle(struct levelfile *lf);

/* Notices what became of the file, opens it when it is closed, and tries again what failed. With
 * `reopen` opens it again though it may be the same. */
void levelfile_check(struct levelfile *lf, bool reopen);

/* Whether the file is open and has a name. One that was deleted is closed. */
bool levelfile_is_open(struct levelfile *lf);

/* Rolls it over when its content is of an earlier period than the present one. */
void levelfile_roll_over_if_due(struct levelfile *lf);

/*
 * The name that the next roll-over takes when it is free. False: its number is not known, as its
 * period is another than that of the last roll-over. To list the folder for it takes 0.4 s where
 * that holds 200,000 files, so it is done beforehand, without the role; otherwise the roll-over
 * takes the name without a number, and lists the folder only when that is taken.
 */
bool levelfile_next_name(const struct levelfile *lf, struct rollover_name *n);

/* Takes the name, with the number that rollover_find_free() found, if it still is the next. */
void levelfile_set_number(struct levelfile *lf, const struct rollover_name *found);

/* How many bytes it still takes below LOG_MAX_BYTES; SIZE_MAX: no limit. */
size_t levelfile_room(const struct levelfile *lf);

/* Rolls it over, unless it turns out that `bytes` do fit. False: no file is open. */
bool levelfile_make_room(struct levelfile *lf, size_t bytes);

/* Begins a transaction. */
void levelfile_begin(struct levelfile *lf);

/* As logfile_append(), with a report when it fails. */
bool levelfile_append(struct levelfile *lf, struct iovec *iov, size_t n);

/* Takes the transaction back; what can't be is owed. */
void levelfile_undo(struct levelfile *lf);

/* The transaction is whole, in all levels. */
void levelfile_commit(struct levelfile *lf);

/* Syncs it now, if it is dirty. After a failure the kernel may have dropped the bytes: it is closed
 * then, for levelfile_check() to open it again. */
void levelfile_sync(struct levelfile *lf);

#endif
