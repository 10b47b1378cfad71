#include "files/sync.h"

#include "diag.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Some file systems cannot sync a folder, and say so with EINVAL. */
static bool
sync_folder(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL;
}

static void
count(struct logs *l, bool good, const char *name)
{
	metrics_add(&l->metrics->syncs, 1);
	if (good)
		return;
	diag_error_limited(&l->sync_limit, "can't sync \"%s/%s\": %s", l->options->log_folder, name,
	    diag_reason(errno));
	metrics_add(&l->metrics->sync_errors, 1);
}

void
sync_file(struct logs *l, struct logfile *f)
{
	bool good;

	if (f->fd < 0 || !f->dirty)
		return;
	good = logfile_sync(f);
	count(l, good, f->name);
	if (!good)
		l->sync_failed = true;
}

void
sync_names(struct logs *l)
{
	if (!l->names_dirty)
		return;
	l->names_dirty = !sync_folder(l->folder.fd);
	count(l, !l->names_dirty, "");
	if (l->names_dirty)
		l->sync_failed = true;
}

bool
sync_group(struct logs *l)
{
	for (enum level i = 0; i < LEVEL_COUNT; i++)
		sync_file(l, &l->level[i].file);
	sync_names(l);
	return !l->sync_failed;
}

void
sync_set_take(struct sync_set *set, struct logs *l)
{
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		struct logfile *f = &l->level[i].file;

		set->fd[i] = -1;
		if (f->fd < 0 || !f->dirty)
			continue;
		set->fd[i] = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
		/* Out of descriptors: the writer has to wait for this one. */
		if (set->fd[i] >= 0)
			f->dirty = false;
		else
			sync_file(l, f);
	}
	set->fd[LEVEL_COUNT] = l->names_dirty ? fcntl(l->folder.fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (set->fd[LEVEL_COUNT] >= 0)
		l->names_dirty = false;
}

unsigned
sync_set_run(struct sync_set *set, struct logs *l)
{
	unsigned failed = 0;

	for (enum level i = 0; i <= LEVEL_COUNT; i++) {
		bool is_folder = i == LEVEL_COUNT, good;

		if (set->fd[i] < 0)
			continue;
		good = is_folder ? sync_folder(set->fd[i]) : fdatasync(set->fd[i]) == 0;
		count(l, good, is_folder ? "" : level_file(i));
		if (!good)
			failed |= LEVEL_BIT(i);
		close(set->fd[i]);
	}
	return failed;
}

void
sync_set_failed(struct logs *l, unsigned failed)
{
	logs_reopen(l, failed & ~SYNC_FOLDER_BIT);
	if ((failed & SYNC_FOLDER_BIT) != 0)
		l->names_dirty = true;
}
