#include "files/levelfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void
levelfile_init(struct levelfile *lf, struct levelfile_common *common, enum level level)
{
	*lf = (struct levelfile){.common = common,
	    .level = level,
	    .file = LOGFILE_CLOSED(level_file(level)),
	    .journal = JOURNAL_EMPTY};
}

enum sync
levelfile_sync_mode(const struct levelfile *lf)
{
	return lf->common->settings.sync;
}

void
levelfile_names_changed(struct levelfile *lf)
{
	if (levelfile_sync_mode(lf) != SYNC_NO)
		lf->common->names_dirty = true;
}

/* Closes a file that is no level's any more. Whatever was written to it and is acknowledged must
 * get to the disk; with SYNC_EVERYSEC housekeeping sees to that, as long as it has room. */
static void
retire(struct levelfile *lf, struct logfile *f)
{
	const enum sync mode = levelfile_sync_mode(lf);
	struct levelfile_common *c = lf->common;

	/* Readers go on to the next, though the descriptor may stay open for a while. */
	logfile_let_go(f);
	if (f->fd >= 0 && f->dirty && mode != SYNC_NO) {
		if (mode == SYNC_EVERYSEC && syncset_add(&c->retired, f->fd, f->name, 0))
			f->fd = -1;
		else if (!syncset_sync(f->fd, f->name, &c->sync) && mode == SYNC_ALWAYS)
			c->sync_failed = true;
	}
	logfile_close(f);
}

static bool
open_file(struct levelfile *lf, struct logfile *f)
{
	struct levelfile_common *c = lf->common;

	if (!logfile_open(f, c->folder.fd))
		return false;
	if (f->nuls > 0)
		diag_warn("\"%s/%s\": cut off %" PRIu64
			  " NUL bytes at its end, which a crash of the "
			  "file system has left",
		    c->settings.folder, f->name, f->nuls);
	/* It may have been created. */
	if (f->size == 0)
		levelfile_names_changed(lf);
	return true;
}

/* The period that a file belongs to which was just opened: its last write tells. */
static int64_t
period_of_content(const struct levelfile *lf, const struct logfile *f)
{
	const struct levelfile_common *c = lf->common;
	struct period p;

	if (f->size == 0)
		return c->period.start;
	p = rollover_period(c->settings.rotate, f->mtime);
	return p.start < c->period.start ? p.start : c->period.start;
}

bool
levelfile_open(struct levelfile *lf)
{
	dev_t dev = lf->file.dev;
	ino_t ino = lf->file.ino;

	if (!open_file(lf, &lf->file))
		return false;
	/* The one that was open before is of the same period still. */
	if (lf->file.dev != dev || lf->file.ino != ino)
		lf->since = period_of_content(lf, &lf->file);
	return true;
}

/* Logs that the file could not be opened or written. */
static void
report(struct levelfile *lf, struct diag_limit *limit, const char *what, const char *again,
    const char *reason)
{
	char why[512];

	snprintf(why, sizeof(why), "can't %s \"%s/%s\"%s: %s", what, lf->common->settings.folder,
	    lf->file.name, again, reason);
	diag_error_limited(limit, "%s", why);
	lf->bad = true;
	health_bad(&lf->common->health, LEVEL_BIT(lf->level), why);
}

static void
report_write(struct levelfile *lf)
{
	report(lf, &lf->common->write_limit, "write", "", diag_reason(errno));
	metrics_add(&lf->common->metrics->write_errors, 1);
}

static void
try_open(struct levelfile *lf)
{
	if (!levelfile_open(lf))
		report(lf, &lf->common->open_limit, "open", "", logfile_error(errno));
}

/*
 * Opens the file that its name leads to now, in place of the one that is open. When that fails
 * the old one is kept as long as it has a name somewhere, because then what is written to it can
 * be found.
 */
static void
replace(struct levelfile *lf)
{
	struct logfile fresh = LOGFILE_CLOSED(lf->file.name);
	struct stat st;

	if (!open_file(lf, &fresh)) {
		report(lf, &lf->common->open_limit, "open", " again", logfile_error(errno));
		if (fstat(lf->file.fd, &st) != 0 || st.st_nlink == 0)
			logfile_close(&lf->file);
		return;
	}
	if (fresh.dev == lf->file.dev && fresh.ino == lf->file.ino) {
		/* The same: only the descriptor is new. */
		int old = lf->file.fd;

		lf->file.fd = fresh.fd;
		close(old);
		/* The old one's hold has ended with it. */
		logfile_hold(&lf->file);
		return;
	}
	retire(lf, &lf->file);
	lf->file = fresh;
	lf->since = period_of_content(lf, &fresh);
	diag_info("%s was renamed or deleted: opened it again", fresh.name);
}

/* Whether its name leads to the file that is open; else errno says what is there instead. */
static bool
is_in_place(const struct levelfile *lf, struct stat *st)
{
	if (fstatat(lf->common->folder.fd, lf->file.name, st, 0) != 0)
		return false;
	errno = ESTALE;
	return logfile_is(&lf->file, st);
}

void
levelfile_check(struct levelfile *lf, bool reopen)
{
	struct stat st;

	lf->stuck = false;
	if (!levelfile_settle(lf))
		return;
	if (lf->file.fd < 0)
		try_open(lf);
	else if (!reopen && is_in_place(lf, &st))
		logfile_set_size(&lf->file, (uint64_t)st.st_size);
	else
		replace(lf);
}

bool
levelfile_is_open(struct levelfile *lf)
{
	struct stat st;

	/* Asked for each group: until the next round, what is acknowledged would be lost. */
	if (lf->file.fd >= 0 && fstat(lf->file.fd, &st) == 0 && st.st_nlink == 0) {
		diag_info("%s was deleted: opening it again", lf->file.name);
		logfile_close(&lf->file);
	}
	return lf->file.fd >= 0;
}

/* --- roll-over --- */

bool
levelfile_next_name(const struct levelfile *lf, struct rollover_name *n)
{
	const enum rotate rotate = lf->common->settings.rotate;

	*n = rollover_name_of(rotate, rotate == ROTATE_NEVER ? lf->common->now : lf->since);
	if (rollover_compare_periods(n, &lf->next) != 0)
		return false;
	*n = lf->next;
	return true;
}

void
levelfile_set_number(struct levelfile *lf, const struct rollover_name *found)
{
	struct rollover_name n;

	/* Unless there was a roll-over meanwhile, or another period began. */
	if (!levelfile_next_name(lf, &n) && rollover_compare_periods(&n, found) == 0)
		lf->next = *found;
}

/* Renames the file, and notes it in the journal. On failure nothing is changed. */
static bool
rename_file(struct levelfile *lf, struct rollover_name *n)
{
	struct stat st;

	/* Not what others put in its place, and not with half an entry at its end. */
	if (!is_in_place(lf, &st) || !logfile_settle(&lf->file) || !journal_reserve(&lf->journal))
		return false;
	levelfile_next_name(lf, n);
	return rollover_rename(lf->common->folder.fd, lf->file.name, n);
}

/* Renames the level's file and begins a new one. On failure it is kept and goes on. */
static void
roll_over(struct levelfile *lf)
{
	struct levelfile_common *c = lf->common;
	char name[ROLLOVER_NAME_SIZE];
	struct rollover_name n;

	if (!rename_file(lf, &n)) {
		diag_error_limited(&c->rollover_limit, "can't roll over \"%s/%s\": %s",
		    c->settings.folder, lf->file.name, diag_reason(errno));
		metrics_add(&c->metrics->rollover_errors, 1);
		lf->stuck = true;
		return;
	}
	rollover_format(lf->file.name, &n, name);
	diag_info("rolled over %s to %s", lf->file.name, name);
	metrics_add(&c->metrics->rollovers, 1);
	levelfile_names_changed(lf);
	lf->next = lf->latest = n;
	lf->next.number++;
	if (!journal_rolled(&lf->journal, &lf->file, &n, lf->since))
		retire(lf, &lf->file);
	lf->file = (struct logfile)LOGFILE_CLOSED(lf->file.name);
	try_open(lf);
}

void
levelfile_roll_over_if_due(struct levelfile *lf)
{
	const struct levelfile_common *c = lf->common;

	/* What is owed is not a roll-over's to keep. */
	if (lf->file.fd < 0 || lf->stuck || !journal_is_empty(&lf->journal))
		return;
	if (lf->file.size == 0)
		lf->since = c->period.start;
	if (lf->since < c->period.start) {
		roll_over(lf);
		levelfile_commit(lf);
	}
}

size_t
levelfile_room(const struct levelfile *lf)
{
	const uint64_t max = lf->common->settings.max_bytes;
	/* It may get a newline first. */
	uint64_t used = lf->file.size + lf->file.mid_line;

	if (max == 0 || lf->stuck)
		return SIZE_MAX;
	return used < max ? (size_t)(max - used) : 0;
}

bool
levelfile_make_room(struct levelfile *lf, size_t bytes)
{
	struct stat st;

	/* The size is only counted: others may have truncated or renamed it. A file with bytes of
	 * the transaction is not replaced by another, where they could not be taken back. */
	if (lf->file.pending == 0 && journal_is_empty(&lf->journal))
		levelfile_check(lf, false);
	else if (lf->file.fd >= 0 && is_in_place(lf, &st))
		logfile_set_size(&lf->file, (uint64_t)st.st_size);
	if (lf->file.fd >= 0 && lf->file.size > 0 && levelfile_room(lf) < bytes)
		roll_over(lf);
	return lf->file.fd >= 0;
}

/* --- the transaction --- */

void
levelfile_begin(struct levelfile *lf)
{
	logfile_begin(&lf->file);
}

bool
levelfile_append(struct levelfile *lf, struct iovec *iov, size_t n)
{
	if (logfile_append(&lf->file, iov, n))
		return true;
	report_write(lf);
	return false;
}

static bool
take_back_roll_overs(struct levelfile *lf)
{
	levelfile_names_changed(lf);
	if (!journal_undo(&lf->journal, lf->common->folder.fd, &lf->file, &lf->since))
		return false;
	lf->next = lf->journal.rolled;
	journal_clear(&lf->journal);
	diag_info("took back the roll-over of %s", lf->file.name);
	return true;
}

bool
levelfile_settle(struct levelfile *lf)
{
	if (journal_is_empty(&lf->journal) ? logfile_settle(&lf->file) : take_back_roll_overs(lf))
		return true;
	report_write(lf);
	return false;
}

void
levelfile_undo(struct levelfile *lf)
{
	if (!journal_is_empty(&lf->journal))
		levelfile_settle(lf);
	else if (!logfile_undo(&lf->file))
		report_write(lf);
}

void
levelfile_commit(struct levelfile *lf)
{
	if (!journal_is_empty(&lf->journal)) {
		struct logfile first = journal_clear(&lf->journal);

		retire(lf, &first);
		lf->rolled = true;
	}
	if (!lf->common->keeps_back)
		logfile_commit(&lf->file);
	if (lf->bad && lf->file.pending > 0) {
		lf->bad = false;
		health_good(&lf->common->health, LEVEL_BIT(lf->level));
	}
}

void
levelfile_sync(struct levelfile *lf)
{
	struct logfile *f = &lf->file;

	if (f->fd < 0 || !f->dirty)
		return;
	f->dirty = false;
	if (!syncset_sync(f->fd, f->name, &lf->common->sync)) {
		logfile_close(f);
		lf->common->sync_failed = true;
	}
}

void
levelfile_close(struct levelfile *lf)
{
	levelfile_settle(lf);
	retire(lf, &lf->file);
	retire(lf, &lf->journal.first);
	journal_free(&lf->journal);
}
