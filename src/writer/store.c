#include "writer/store.h"

#include "base/clock.h"
#include "base/diag.h"
#include "files/append.h"
#include "writer/cutback.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
folder_of(const struct store *s)
{
	return s->logs.common.folder.fd;
}

/* --- the checkpoint --- */

/* Each of the files: those of the levels, then that of what is rejected. */
static const struct logfile *
file_at(const struct store *s, size_t i)
{
	return i < LEVEL_COUNT ? &s->logs.level[i].file : &s->rejected;
}

/* What the checkpoint says of an open file. False, with errno. */
static bool
describe(const struct logfile *f, struct checkpoint_file *c)
{
	snprintf(c->name, sizeof(c->name), "%s", f->name);
	c->length = f->size - (f->owed < f->size ? f->owed : f->size);
	c->mid_line = f->mid_line;
	return identity_of(f->fd, "", false, &c->id, NULL);
}

/* Whether the open file is in the checkpoint, so that it may be appended to. */
static bool
is_known(const struct store *s, const struct logfile *f)
{
	struct identity id;

	/* Asked each time: one that was deleted and made anew may have the inode again. */
	if (!identity_of(f->fd, "", false, &id, NULL))
		return false;
	for (size_t i = 0; i < s->checkpoint.files; i++) {
		const struct checkpoint_file *c = &s->checkpoint.file[i];

		if (identity_equal(&c->id, &id) && strcmp(c->name, f->name) == 0 &&
		    f->size >= c->length)
			return true;
	}
	return false;
}

/* Syncs all that was appended, and the names. */
static bool
sync_all(struct store *s)
{
	struct levelfile_common *c = &s->logs.common;

	if (s->sync == SYNC_NO)
		return true;
	if (s->rejected.fd >= 0 && s->rejected.dirty) {
		s->rejected.dirty = false;
		if (!syncset_sync(s->rejected.fd, s->rejected.name, &c->sync))
			s->sync_failed = true;
	}
	if (c->sync_failed || !logs_end_group(&s->logs))
		s->sync_failed = true;
	return !s->sync_failed;
}

static bool
describe_all(const struct store *s, struct checkpoint *next)
{
	next->files = 0;
	for (size_t i = 0; i < CHECKPOINT_FILES; i++) {
		const struct logfile *f = file_at(s, i);

		if (f->fd >= 0 && !describe(f, &next->file[next->files++]))
			return false;
	}
	return partitions_save(&s->partitions, next);
}

static bool
write_checkpoint(struct store *s)
{
	struct checkpoint next = s->checkpoint;
	int64_t now = clock_now_ns();
	bool good;

	if (!sync_all(s))
		return false; /* said already */
	good = describe_all(s, &next);
	s->checkpoint.place = next.place; /* which may have moved */
	s->checkpoint.places = next.places;
	good = good && checkpoint_write(folder_of(s), &next, s->seen, now, s->sync != SYNC_NO);
	if (!good) {
		s->checkpoint_errors++;
		diag_error_limited(&s->checkpoint_limit, "can't write \"%s/%s\": %s",
		    s->logs.common.settings.folder, CHECKPOINT_NAME, diag_reason(errno));
		return false;
	}
	s->checkpoint = next;
	s->checkpoints++;
	s->written = now;
	s->changed = false;
	logs_show(&s->logs);
	if (s->rejected.fd >= 0)
		logfile_commit(&s->rejected);
	return true;
}

bool
store_checkpoint(struct store *s)
{
	return !s->changed || write_checkpoint(s);
}

/* --- the start, and the end --- */

/* Takes over what the folder's checkpoint says. */
static bool
load(struct store *s, const struct store_settings *settings, char *error, size_t size)
{
	struct checkpoint *c = &s->checkpoint;

	switch (checkpoint_read(folder_of(s), c, s->seen, error, size)) {
	case CHECKPOINT_BAD: return false;
	case CHECKPOINT_NONE: break;
	case CHECKPOINT_GOOD:
		if (strcmp(c->topic, settings->topic) != 0 ||
		    strcmp(c->group, settings->group) != 0) {
			snprintf(error, size,
			    "\"%s/%s\" is of the topic %s and the group %s, and not of %s and %s: "
			    "each needs a folder of its own; or move it away, when that writer is "
			    "not to go on",
			    settings->logs.folder, CHECKPOINT_NAME, c->topic, c->group,
			    settings->topic, settings->group);
			return false;
		}
		if (!cutback(folder_of(s), c, &s->cut_bytes, error, size))
			return false;
		break;
	}
	snprintf(c->topic, sizeof(c->topic), "%s", settings->topic);
	snprintf(c->group, sizeof(c->group), "%s", settings->group);
	c->files = 0;
	if (partitions_load(&s->partitions, c))
		return true;
	snprintf(error, size, "%s", diag_reason(ENOMEM));
	return false;
}

bool
store_open(struct store *s, const struct store_settings *settings, struct metrics *m, char *error,
    size_t size)
{
	struct logs_settings logs = settings->logs;
	bool opened = false, good;

	*s = (struct store){.rejected = LOGFILE_CLOSED(STORE_REJECTED),
	    .sync = logs.sync,
	    .changed = true,
	    .metrics = m,
	    .seen = seen_new()};
	/* From one checkpoint to the next is a group: what it syncs is synced before it ends. */
	if (logs.sync == SYNC_EVERYSEC)
		logs.sync = SYNC_ALWAYS;
	snprintf(error, size, "%s", diag_reason(ENOMEM));
	good = s->seen != NULL && (opened = logs_open_folder(&s->logs, &logs, m,
				       clock_now_ns() / CLOCK_NS_PER_SECOND, error, size));
	s->logs.common.keeps_back = true;
	good = good && load(s, settings, error, size) && logs_open_files(&s->logs, error, size);
	if (good && !write_checkpoint(s)) {
		snprintf(
		    error, size, "the first checkpoint can't be written in \"%s\"", logs.folder);
		good = false;
	}
	if (good)
		return true;
	if (opened)
		logs_close(&s->logs);
	partitions_free(&s->partitions);
	checkpoint_free(&s->checkpoint);
	seen_free(s->seen);
	return false;
}

void
store_close(struct store *s)
{
	logfile_let_go(&s->rejected);
	logfile_close(&s->rejected);
	logs_close(&s->logs);
	partitions_free(&s->partitions);
	checkpoint_free(&s->checkpoint);
	seen_free(s->seen);
}

/* --- names --- */

/* Whatever failed to be synced before the next group is not forgotten with it. */
static void
note_sync(struct store *s)
{
	if (s->logs.common.sync_failed)
		s->sync_failed = true;
}

void
store_take_time(struct store *s)
{
	note_sync(s);
	if (logs_take_time(&s->logs, clock_now_ns() / CLOCK_NS_PER_SECOND) != LOGS_NEXT_PERIOD)
		return;
	/* Files are renamed only when all that is in them is in the checkpoint. */
	if (store_checkpoint(s))
		logs_check(&s->logs, 0);
	note_sync(s);
}

size_t
store_room(struct store *s, enum level level)
{
	const struct levelfile *lf = &s->logs.level[level];

	/* An entry larger than LOG_MAX_BYTES gets a file of its own. */
	return lf->file.size == 0 ? SIZE_MAX : levelfile_room(lf);
}

bool
store_make_room(struct store *s, enum level level, size_t bytes)
{
	struct levelfile *lf = &s->logs.level[level];
	bool made;

	if (!store_checkpoint(s))
		return false;
	levelfile_begin(lf);
	made = levelfile_make_room(lf, bytes);
	levelfile_commit(lf);
	note_sync(s);
	return made;
}

/* --- appending --- */

static bool
open_rejected(struct store *s)
{
	if (s->rejected.fd >= 0)
		return true;
	if (!logfile_open(&s->rejected, folder_of(s))) {
		diag_error_limited(&s->rejected_limit, "can't open \"%s/%s\": %s",
		    s->logs.common.settings.folder, STORE_REJECTED, logfile_error(errno));
		return false;
	}
	s->logs.common.names_dirty = s->sync != SYNC_NO;
	return true;
}

/* Opens the files that are to be appended to, and sees to it that the checkpoint has them. */
static bool
get_ready(struct store *s, const struct entries *entries, const struct buf *rejected)
{
	bool known = true;

	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		const struct buf *bytes = &entries->level[i];

		if (bytes->len == 0)
			continue;
		/* They did fit; others may have appended to it meanwhile. */
		if (!logs_ready(&s->logs, i) ||
		    (store_room(s, i) < bytes->len && !store_make_room(s, i, bytes->len)))
			return false;
		known = known && is_known(s, &s->logs.level[i].file);
	}
	if (rejected->len > 0) {
		if (!open_rejected(s))
			return false;
		known = known && is_known(s, &s->rejected);
	}
	return known || write_checkpoint(s);
}

static bool
append_rejected(struct store *s, const struct buf *rejected)
{
	struct iovec iov = {rejected->data, rejected->len};

	logfile_begin(&s->rejected);
	if (rejected->len == 0 || logfile_append(&s->rejected, &iov, 1))
		return true;
	metrics_add(&s->metrics->write_errors, 1);
	diag_error_limited(&s->rejected_limit, "can't write \"%s/%s\": %s",
	    s->logs.common.settings.folder, STORE_REJECTED, diag_reason(errno));
	logfile_undo(&s->rejected);
	return false;
}

bool
store_append(struct store *s, const struct entries *entries, const struct buf *rejected)
{
	if (!get_ready(s, entries, rejected) || !append_rejected(s, rejected))
		return false;
	if (!append_entries(&s->logs, entries)) {
		logfile_undo(&s->rejected);
		return false;
	}
	s->changed = true;
	return true;
}

/* --- rounds --- */

/* One that was renamed or deleted by others is closed; the next to be rejected opens it anew. */
static void
check_rejected(struct store *s, bool reopen)
{
	struct stat st;

	if (s->rejected.fd < 0)
		return;
	if (!reopen && fstatat(folder_of(s), STORE_REJECTED, &st, 0) == 0 &&
	    logfile_is(&s->rejected, &st)) {
		logfile_set_size(&s->rejected, (uint64_t)st.st_size);
		return;
	}
	logfile_let_go(&s->rejected);
	logfile_close(&s->rejected);
}

/* Whether the checkpoint has all files that are open, and none of them shorter than it says. */
static bool
are_known(const struct store *s)
{
	for (size_t i = 0; i < CHECKPOINT_FILES; i++) {
		const struct logfile *f = file_at(s, i);

		if (f->fd >= 0 && !is_known(s, f))
			return false;
	}
	return true;
}

/* For when all is in the checkpoint: what is not keeps its name. */
static void
check_files(struct store *s, bool reopen)
{
	note_sync(s);
	logs_take_time(&s->logs, clock_now_ns() / CLOCK_NS_PER_SECOND);
	logs_check(&s->logs, reopen ? ~0U : 0);
	check_rejected(s, reopen);
	note_sync(s);
	if (!are_known(s))
		write_checkpoint(s);
}

void
store_round(struct store *s, bool reopen)
{
	struct logs_chores chores;

	if (store_checkpoint(s))
		check_files(s, reopen);
	/* It may be for want of room that there is none: old files are deleted all the same. */
	logs_take_chores(&s->logs, &chores);
	if (logs_do_chores(&s->logs, &chores))
		logs_end_chores(&s->logs, &chores);
	if ((chores.failed & ~LOGS_FOLDER_BIT) != 0)
		s->sync_failed = true;
}
