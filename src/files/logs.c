#include "files/logs.h"

#include "diag.h"
#include "files/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHY_SIZE 512

static bool
is_enabled(const struct logs *l, enum level i)
{
	return (l->options->levels & LEVEL_BIT(i)) != 0;
}

/* Whatever was written to it and is acknowledged must be on the disk, once its descriptor is
 * gone nobody can sync it. */
static void
sync_and_close(struct logs *l, struct logfile *f)
{
	if (l->options->sync != SYNC_NO)
		sync_file(l, f);
	logfile_close(f);
}

static bool
open_file(struct logs *l, struct logfile *f)
{
	if (!logfile_open(f, l->folder.fd))
		return false;
	if (f->nuls > 0)
		diag_warn("\"%s/%s\": cut off %" PRIu64
			  " NUL bytes at its end, which a crash of the "
			  "file system has left",
		    l->options->log_folder, f->name, f->nuls);
	/* It may have been created. */
	if (f->size == 0)
		l->names_dirty = true;
	return true;
}

/* The period that a file belongs to which was just opened: its last write tells. */
static int64_t
period_of_content(const struct logs *l, const struct logfile *f)
{
	struct period p;

	if (f->size == 0)
		return l->period.start;
	p = rollover_period(l->options->rotate, f->mtime);
	return p.start < l->period.start ? p.start : l->period.start;
}

/* Opens a closed file. When it is the one that was open before, it is of the same period still. */
static bool
open_level(struct logs *l, enum level i)
{
	struct logs_level *level = &l->level[i];
	dev_t dev = level->file.dev;
	ino_t ino = level->file.ino;

	if (!open_file(l, &level->file)) {
		diag_error_limited(&l->open_limit, "can't open \"%s/%s\": %s",
		    l->options->log_folder, level->file.name, logfile_error(errno));
		return false;
	}
	if (level->file.dev != dev || level->file.ino != ino)
		level->since = period_of_content(l, &level->file);
	return true;
}

/*
 * Opens the file that its name leads to now, in place of the one that is open. When that fails
 * the old one is kept as long as it has a name somewhere, because then what is written to it can
 * be found.
 */
static void
replace_level(struct logs *l, enum level i)
{
	struct logs_level *level = &l->level[i];
	struct logfile fresh = LOGFILE_CLOSED(level->file.name);
	struct stat st;

	if (!open_file(l, &fresh)) {
		diag_error_limited(&l->open_limit, "can't open \"%s/%s\" again: %s",
		    l->options->log_folder, fresh.name, logfile_error(errno));
		if (fstat(level->file.fd, &st) != 0 || st.st_nlink == 0)
			logfile_close(&level->file);
		return;
	}
	if (fresh.dev == level->file.dev && fresh.ino == level->file.ino) {
		/* The same: only the descriptor is new. */
		int old = level->file.fd;

		level->file.fd = fresh.fd;
		close(old);
		return;
	}
	logfile_settle(&level->file);
	sync_and_close(l, &level->file);
	level->file = fresh;
	level->since = period_of_content(l, &fresh);
	diag_info("%s was renamed or deleted: opened it again", fresh.name);
}

/* Whether its name leads to the file that is open; else errno says what is there instead. */
static bool
is_in_place(const struct logs *l, const struct logfile *f, struct stat *st)
{
	if (fstatat(l->folder.fd, f->name, st, 0) != 0)
		return false;
	errno = ESTALE;
	return logfile_is(f, st);
}

static void
check_level(struct logs *l, enum level i)
{
	struct logfile *f = &l->level[i].file;
	struct stat st;

	if (f->fd < 0)
		open_level(l, i);
	else if (is_in_place(l, f, &st))
		logfile_set_size(f, (uint64_t)st.st_size);
	else
		replace_level(l, i);
}

/* When the folder itself is another now, so are all the files. */
static bool
refresh_folder(struct logs *l, char *why, size_t size)
{
	bool changed = false;

	if (!folder_refresh(&l->folder, &changed, why, size)) {
		diag_error_limited(&l->folder_limit, "%s", why);
		return false;
	}
	for (enum level i = 0; changed && i < LEVEL_COUNT; i++) {
		if (is_enabled(l, i))
			check_level(l, i);
	}
	return true;
}

static bool
rollover_failed(struct logs *l, enum level i)
{
	diag_error_limited(&l->rollover_limit, "can't roll over \"%s/%s\": %s",
	    l->options->log_folder, l->level[i].file.name, diag_reason(errno));
	metrics_add(&l->metrics->rollover_errors, 1);
	l->level[i].stuck = true;
	return false;
}

static void
prune_level(struct logs *l, enum level i)
{
	const char *name = l->level[i].file.name;

	if (!rollover_prune(l->folder.fd, name, l->options->backup_count))
		diag_error_limited(&l->rollover_limit, "can't delete the oldest of \"%s/%s\": %s",
		    l->options->log_folder, name, diag_reason(errno));
}

/* Renames the level's file and begins a new one. On failure it is kept and goes on. */
static bool
roll_over(struct logs *l, enum level i)
{
	struct logs_level *level = &l->level[i];
	const enum rotate rotate = l->options->rotate;
	char name[ROLLOVER_NAME_SIZE];
	struct stat st;

	/* Not what others put in its place, and not with half an entry at its end. */
	if (!is_in_place(l, &level->file, &st) || !logfile_settle(&level->file) ||
	    !rollover_rename(l->folder.fd, level->file.name, rotate,
		rotate == ROTATE_NEVER ? l->now : level->since, name))
		return rollover_failed(l, i);
	l->names_dirty = true;
	metrics_add(&l->metrics->rollovers, 1);
	diag_info("rolled over %s to %s", level->file.name, name);
	sync_and_close(l, &level->file);
	open_level(l, i);
	prune_level(l, i);
	return true;
}

/* Rolls over what is of an earlier period. */
static void
roll_over_if_due(struct logs *l, enum level i)
{
	struct logs_level *level = &l->level[i];

	if (level->file.fd < 0 || level->stuck)
		return;
	if (level->file.size == 0)
		level->since = l->period.start;
	if (level->since < l->period.start)
		roll_over(l, i);
}

bool
logs_open(struct logs *l, const struct options *o, struct metrics *m, int64_t now, char *error,
    size_t size)
{
	*l = (struct logs){.options = o, .metrics = m, .now = now};
	l->period = rollover_period(o->rotate, now);
	for (enum level i = 0; i < LEVEL_COUNT; i++)
		l->level[i].file = (struct logfile)LOGFILE_CLOSED(level_file(i));
	if (!folder_open(&l->folder, o->log_folder, error, size))
		return false;
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		if (!is_enabled(l, i))
			continue;
		if (!open_file(l, &l->level[i].file)) {
			snprintf(error, size, "can't open \"%s/%s\": %s", o->log_folder,
			    l->level[i].file.name, logfile_error(errno));
			logs_close(l);
			return false;
		}
		/* A server that was killed may have acknowledged what it had not synced yet. */
		l->level[i].file.dirty = l->level[i].file.size > 0;
		l->names_dirty = true;
		l->level[i].since = period_of_content(l, &l->level[i].file);
	}
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		if (is_enabled(l, i)) {
			roll_over_if_due(l, i);
			prune_level(l, i);
		}
	}
	return true;
}

void
logs_close(struct logs *l)
{
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		logfile_settle(&l->level[i].file);
		sync_and_close(l, &l->level[i].file);
	}
	if (l->options->sync != SYNC_NO)
		sync_names(l);
	folder_close(&l->folder);
}

enum logs_time
logs_take_time(struct logs *l, int64_t now)
{
	l->now = now;
	l->sync_failed = false;
	if (now >= l->period.start)
		return now < l->period.end ? LOGS_SAME_PERIOD : LOGS_NEXT_PERIOD;
	l->period = rollover_period(l->options->rotate, now);
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		if (l->level[i].since > l->period.start)
			l->level[i].since = l->period.start;
	}
	return LOGS_SET_BACK;
}

void
logs_begin_period(struct logs *l)
{
	l->period = rollover_period(l->options->rotate, l->now);
	logs_check(l);
}

void
logs_check(struct logs *l)
{
	char why[WHY_SIZE];

	refresh_folder(l, why, sizeof(why));
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		if (!is_enabled(l, i))
			continue;
		l->level[i].stuck = false;
		check_level(l, i);
		roll_over_if_due(l, i);
	}
}

void
logs_reopen(struct logs *l, unsigned levels)
{
	char why[WHY_SIZE];

	refresh_folder(l, why, sizeof(why));
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		if (!is_enabled(l, i) || (levels & LEVEL_BIT(i)) == 0)
			continue;
		if (l->level[i].file.fd < 0)
			open_level(l, i);
		else
			replace_level(l, i);
	}
}

/* Whether it has lost its last name, so that nobody would find what is written to it. Asked for
 * each group: to wait for the next tick would mean to lose what is acknowledged until then. */
static bool
is_deleted(const struct logfile *f)
{
	struct stat st;

	return f->fd >= 0 && fstat(f->fd, &st) == 0 && st.st_nlink == 0;
}

bool
logs_ready(struct logs *l, enum level level)
{
	struct logfile *f = &l->level[level].file;
	char why[WHY_SIZE];

	if (is_deleted(f)) {
		diag_info("%s was deleted: opening it again", f->name);
		logfile_close(f);
	}
	if (f->fd >= 0)
		return true;
	if (is_enabled(l, level) && refresh_folder(l, why, sizeof(why))) {
		if (f->fd < 0)
			open_level(l, level);
		roll_over_if_due(l, level);
	}
	if (f->fd >= 0)
		return true;
	metrics_add(&l->metrics->write_errors, 1);
	return false;
}

size_t
logs_room(const struct logs *l, enum level level)
{
	const struct logs_level *at = &l->level[level];
	/* It may get a newline first. */
	uint64_t used = at->file.size + at->file.mid_line;

	if (l->options->max_bytes == 0 || at->stuck)
		return SIZE_MAX;
	return used < l->options->max_bytes ? (size_t)(l->options->max_bytes - used) : 0;
}

bool
logs_make_room(struct logs *l, enum level level, size_t bytes)
{
	struct logs_level *at = &l->level[level];

	/* The size is only counted: others may have truncated or renamed it. */
	check_level(l, level);
	if (at->file.fd >= 0 && at->file.size > 0 && logs_room(l, level) < bytes)
		roll_over(l, level);
	return at->file.fd >= 0;
}

void
logs_report_write(struct logs *l, enum level level)
{
	diag_error_limited(&l->write_limit, "can't write \"%s/%s\": %s", l->options->log_folder,
	    l->level[level].file.name, diag_reason(errno));
	metrics_add(&l->metrics->write_errors, 1);
}

bool
logs_writable(struct logs *l, char *why, size_t size)
{
	if (!refresh_folder(l, why, size))
		return false;
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		struct logfile *f = &l->level[i].file;

		if (!is_enabled(l, i))
			continue;
		if (f->fd < 0 && !open_level(l, i)) {
			snprintf(why, size, "can't open \"%s/%s\": %s", l->options->log_folder,
			    f->name, logfile_error(errno));
			return false;
		}
		if (!logfile_settle(f)) {
			snprintf(why, size, "can't cut back \"%s/%s\": %s", l->options->log_folder,
			    f->name, diag_reason(errno));
			return false;
		}
	}
	return folder_probe(&l->folder, why, size);
}
