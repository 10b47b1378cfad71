#include "files/logs.h"

#include "base/clock.h"
#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHY_SIZE 512

/* While nothing fails, a probe every 2 s is enough: it writes 4 KiB. */
#define PROBE_ROUNDS 4

/* Longer than a system keeps what was written before it writes it by itself. */
#define UNSYNCED_SECONDS 120

static bool
is_enabled(const struct logs *l, enum level i)
{
	return (l->common.settings.levels & LEVEL_BIT(i)) != 0;
}

/* When the folder itself is another now, so are all the files. */
static bool
refresh_folder(struct logs *l)
{
	bool changed = false;
	char why[WHY_SIZE];

	if (!folder_refresh(&l->common.folder, &changed, why, sizeof(why))) {
		diag_error_limited(&l->common.open_limit, "%s", why);
		health_bad(&l->common.health, HEALTH_FOLDER_BIT, why);
		return false;
	}
	health_good(&l->common.health, HEALTH_FOLDER_BIT);
	for (enum level i = 0; changed && i < LEVEL_COUNT; i++) {
		if (is_enabled(l, i))
			levelfile_check(&l->level[i], false);
	}
	return true;
}

static void
find_number(struct levelfile *lf)
{
	struct rollover_name next;

	if (!levelfile_next_name(lf, &next) &&
	    rollover_find_free(lf->common->folder.fd, lf->file.name, &next))
		levelfile_set_number(lf, &next);
}

static bool
open_levels(struct logs *l, char *error, size_t size)
{
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		struct levelfile *lf = &l->level[i];

		if (!is_enabled(l, i))
			continue;
		if (!levelfile_open(lf)) {
			snprintf(error, size, "can't open \"%s/%s\": %s", l->common.settings.folder,
			    lf->file.name, logfile_error(errno));
			return false;
		}
		/* A server that was killed may have acknowledged what it had not synced yet. */
		lf->file.dirty = lf->file.size > 0;
		levelfile_names_changed(lf);
	}
	return true;
}

/* Whether bytes can be written; health knows it then. */
static bool
probe_folder(const struct folder *f, struct health *h)
{
	char why[WHY_SIZE];
	bool good = folder_probe(f, why, sizeof(why));

	if (good)
		health_good(h, HEALTH_PROBE_BIT);
	else
		health_bad(h, HEALTH_PROBE_BIT, why);
	return good;
}

bool
logs_open_folder(struct logs *l, const struct logs_settings *settings, struct metrics *m,
    int64_t now, char *error, size_t size)
{
	*l = (struct logs){.inherited = settings->sync != SYNC_NO,
	    .common = {.settings = *settings,
		.metrics = m,
		.now = now,
		.period = rollover_period(settings->rotate, now),
		.sync = {.folder = settings->folder, .metrics = m}}};
	for (enum level i = 0; i < LEVEL_COUNT; i++)
		levelfile_init(&l->level[i], &l->common, i);
	if (!folder_open(&l->common.folder, settings->folder, error, size))
		return false;
	health_init(&l->common.health);
	return true;
}

bool
logs_open_files(struct logs *l, char *error, size_t size)
{
	if (!open_levels(l, error, size))
		return false;
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		if (!is_enabled(l, i))
			continue;
		find_number(&l->level[i]);
		levelfile_roll_over_if_due(&l->level[i]);
		l->level[i].rolled = true;
	}
	/* Whoever starts it is told of a full disk at once. */
	probe_folder(&l->common.folder, &l->common.health);
	return true;
}

bool
logs_open(struct logs *l, const struct logs_settings *settings, struct metrics *m, int64_t now,
    char *error, size_t size)
{
	if (!logs_open_folder(l, settings, m, now, error, size))
		return false;
	if (!logs_open_files(l, error, size)) {
		logs_close(l);
		return false;
	}
	return true;
}

void
logs_show(struct logs *l)
{
	for (enum level i = 0; i < LEVEL_COUNT; i++)
		logfile_commit(&l->level[i].file);
}

static void
sync_names(struct logs *l)
{
	struct levelfile_common *c = &l->common;

	if (!c->names_dirty)
		return;
	c->names_dirty = !syncset_sync(c->folder.fd, "", &c->sync);
	if (c->names_dirty)
		c->sync_failed = true;
}

void
logs_close(struct logs *l)
{
	for (enum level i = 0; i < LEVEL_COUNT; i++)
		levelfile_close(&l->level[i]);
	syncset_run(&l->common.retired, &l->common.sync);
	sync_names(l);
	folder_close(&l->common.folder);
	health_destroy(&l->common.health);
}

enum logs_time
logs_take_time(struct logs *l, int64_t now)
{
	struct levelfile_common *c = &l->common;

	c->now = now;
	c->sync_failed = false;
	if (now >= c->period.start)
		return now < c->period.end ? LOGS_SAME_PERIOD : LOGS_NEXT_PERIOD;
	c->period = rollover_period(c->settings.rotate, now);
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		if (l->level[i].since > c->period.start)
			l->level[i].since = c->period.start;
	}
	return LOGS_SET_BACK;
}

void
logs_check(struct logs *l, unsigned reopen)
{
	struct levelfile_common *c = &l->common;

	if (c->now >= c->period.end)
		c->period = rollover_period(c->settings.rotate, c->now);
	refresh_folder(l);
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		if (!is_enabled(l, i))
			continue;
		levelfile_check(&l->level[i], (reopen & LEVEL_BIT(i)) != 0);
		levelfile_roll_over_if_due(&l->level[i]);
	}
}

bool
logs_ready(struct logs *l, enum level level)
{
	struct levelfile *lf = &l->level[level];

	if (!levelfile_settle(lf))
		return false;
	if (levelfile_is_open(lf))
		return true;
	if (is_enabled(l, level) && refresh_folder(l)) {
		levelfile_check(lf, false);
		levelfile_roll_over_if_due(lf);
		if (lf->file.fd >= 0)
			return true;
	}
	metrics_add(&l->common.metrics->write_errors, 1);
	return false;
}

bool
logs_end_group(struct logs *l)
{
	bool always = false;

	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		if (levelfile_sync_mode(&l->level[i]) != SYNC_ALWAYS)
			continue;
		levelfile_sync(&l->level[i]);
		always = true;
	}
	if (always)
		sync_names(l);
	/* No old file is deleted for a roll-over that was not acknowledged. */
	for (enum level i = 0; l->common.sync_failed && i < LEVEL_COUNT; i++)
		l->level[i].rolled = false;
	return !l->common.sync_failed;
}

/* --- without the role --- */

static int
duplicate(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* Moves what is dirty into the set. Out of descriptors: the writer has to wait for that one. */
static void
take_unsynced(struct logs *l, struct syncset *set)
{
	struct levelfile_common *c = &l->common;
	int fd;

	set->n = 0;
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		struct logfile *f = &l->level[i].file;

		if (f->fd < 0 || !f->dirty || levelfile_sync_mode(&l->level[i]) == SYNC_NO)
			continue;
		fd = duplicate(f->fd);
		if (fd >= 0) {
			syncset_add(set, fd, f->name, LEVEL_BIT(i));
			f->dirty = false;
		} else {
			levelfile_sync(&l->level[i]);
		}
	}
	fd = c->names_dirty ? duplicate(c->folder.fd) : -1;
	if (fd >= 0) {
		syncset_add(set, fd, "", LOGS_FOLDER_BIT);
		c->names_dirty = false;
	}
	while (c->retired.n > 0 && set->n < SYNCSET_MAX)
		set->item[set->n++] = c->retired.item[--c->retired.n];
}

static void
take_level(struct logs *l, enum level i, struct logs_chores *chores)
{
	struct levelfile *lf = &l->level[i];
	const struct logs_settings *s = &l->common.settings;

	if (lf->file.fd >= 0 && lf->file.owed == 0 && journal_is_empty(&lf->journal))
		chores->healthy |= LEVEL_BIT(i);
	if (!levelfile_next_name(lf, &chores->next[i]))
		chores->number |= LEVEL_BIT(i);
	/* With a roll-over that is owed, names are taken that are to be free again. */
	if (lf->rolled && journal_is_empty(&lf->journal)) {
		lf->rolled = false;
		chores->prune |= LEVEL_BIT(i);
		chores->pruning[i] = (struct prune){.keep = s->backup_count,
		    .next = chores->next[i],
		    .current = rollover_name_of(s->rotate, l->common.now),
		    .latest = lf->latest};
	}
}

void
logs_take_chores(struct logs *l, struct logs_chores *chores)
{
	chores->prune = chores->number = chores->healthy = 0;
	chores->failures = health_failures(&l->common.health);
	take_unsynced(l, &chores->unsynced);
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		if (is_enabled(l, i))
			take_level(l, i, chores);
	}
	chores->folder = l->common.folder;
	chores->folder.fd = duplicate(l->common.folder.fd);
	chores->folder.lock = duplicate(l->common.folder.lock);
}

static void
prune_level(struct logs *l, enum level i, struct logs_chores *chores)
{
	const char *file = level_file(i), *folder = l->common.settings.folder;
	struct prune_result result;
	bool good = prune_files(chores->folder.fd, file, &chores->pruning[i], &result);

	if (!good)
		diag_error_limited(&l->common.rollover_limit,
		    "can't delete the oldest of \"%s/%s\": %s", folder, file, diag_reason(errno));
	else if (!result.more)
		chores->prune &= ~LEVEL_BIT(i);
	metrics_add(&l->common.metrics->pruned, result.deleted);
	if (result.future[0] != '\0' && !l->warned[i])
		diag_warn("\"%s/%s\" is of the future: files like it are kept, and not counted",
		    folder, result.future);
	l->warned[i] = result.future[0] != '\0';
}

/* Syncs what was rolled over not long ago: a server that was killed may not have come to that. */
static void
sync_inherited(struct logs *l, int folder)
{
	int64_t since = clock_now_ns() / CLOCK_NS_PER_SECOND - UNSYNCED_SECONDS;

	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		size_t count = 0;
		struct rollover_name *names =
		    is_enabled(l, i) ? rollover_list(folder, level_file(i), NULL, true, &count)
				     : NULL;

		for (size_t j = 0; names != NULL && j < count; j++) {
			char name[ROLLOVER_NAME_SIZE];
			struct stat st;
			int fd;

			rollover_format(level_file(i), &names[j], name);
			if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
			    st.st_mtime < since)
				continue;
			fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
			if (fd < 0)
				continue;
			syncset_sync(fd, name, &l->common.sync);
			close(fd);
		}
		free(names);
	}
}

static void
probe(struct logs *l, const struct logs_chores *chores)
{
	struct health *h = &l->common.health;
	char why[WHY_SIZE];

	if (l->round++ % PROBE_ROUNDS != 0 && health_ask(h, why, sizeof(why)))
		return;
	if (probe_folder(&chores->folder, h))
		health_good_since(h, chores->healthy, chores->failures);
}

bool
logs_do_chores(struct logs *l, struct logs_chores *chores)
{
	if (chores->folder.lock >= 0)
		probe(l, chores);
	chores->failed = syncset_run(&chores->unsynced, &l->common.sync);
	if (l->inherited && chores->folder.fd >= 0) {
		l->inherited = false;
		sync_inherited(l, chores->folder.fd);
	}
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		if (chores->folder.fd >= 0 && (chores->prune & LEVEL_BIT(i)) != 0)
			prune_level(l, i, chores);
		if ((chores->number & LEVEL_BIT(i)) != 0 &&
		    !rollover_find_free(chores->folder.fd, level_file(i), &chores->next[i]))
			chores->number &= ~LEVEL_BIT(i);
	}
	folder_close(&chores->folder);
	return (chores->failed | chores->prune | chores->number) != 0;
}

void
logs_end_chores(struct logs *l, const struct logs_chores *chores)
{
	if (chores->failed != 0)
		logs_check(l, chores->failed);
	if ((chores->failed & LOGS_FOLDER_BIT) != 0)
		l->common.names_dirty = true;
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		if ((chores->prune & LEVEL_BIT(i)) != 0)
			l->level[i].rolled = true;
		if ((chores->number & LEVEL_BIT(i)) != 0)
			levelfile_set_number(&l->level[i], &chores->next[i]);
	}
}
