#include "files/logs_inside.h"

#include "base/clock.h"
#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* While nothing fails, a probe every 2 s is enough: it writes 4 KiB. */
#define PROBE_ROUNDS 4

/* Longer than a system keeps what was written before it writes it by itself. */
#define UNSYNCED_SECONDS 120

bool
logs_probe_folder(const struct folder *f, struct health *h)
{
	char why[LOGS_WHY_SIZE];
	bool good = folder_probe(f, why, sizeof(why));

	if (good)
		health_good(h, HEALTH_PROBE_BIT);
	else
		health_bad(h, HEALTH_PROBE_BIT, why);
	return good;
}

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
		if (logs_is_enabled(l, i))
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
		    logs_is_enabled(l, i) ? rollover_list(folder, level_file(i), NULL, true, &count)
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
	char why[LOGS_WHY_SIZE];

	if (l->round++ % PROBE_ROUNDS != 0 && health_ask(h, why, sizeof(why)))
		return;
	if (logs_probe_folder(&chores->folder, h))
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
