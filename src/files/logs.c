#include "files/logs_inside.h"

#include "base/diag.h"

#include <errno.h>
#include <stdio.h>

/* When the folder itself is another now, so are all the files. */
static bool
refresh_folder(struct logs *l)
{
	bool changed = false;
	char why[LOGS_WHY_SIZE];

	if (!folder_refresh(&l->common.folder, &changed, why, sizeof(why))) {
		diag_error_limited(&l->common.open_limit, "%s", why);
		health_bad(&l->common.health, HEALTH_FOLDER_BIT, why);
		return false;
	}
	health_good(&l->common.health, HEALTH_FOLDER_BIT);
	for (enum level i = 0; changed && i < LEVEL_COUNT; i++) {
		if (logs_is_enabled(l, i))
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

		if (!logs_is_enabled(l, i))
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
		if (!logs_is_enabled(l, i))
			continue;
		find_number(&l->level[i]);
		levelfile_roll_over_if_due(&l->level[i]);
		l->level[i].rolled = true;
	}
	/* Whoever starts it is told of a full disk at once. */
	logs_probe_folder(&l->common.folder, &l->common.health);
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
		if (!logs_is_enabled(l, i))
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
	if (logs_is_enabled(l, level) && refresh_folder(l)) {
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
