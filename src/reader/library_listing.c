#include "reader/library_listing.h"

#include "base/clock.h"
#include "reader/library_folder.h"
#include "reader/library_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How often a folder is listed that is changed meanwhile, and how long is waited in between: longer
 * than a tick of the clock that files' times are from. */
#define LISTINGS_MAX 5
#define TICK_NS	     (11 * INT64_C(1000000))

/* Where names change all the time: how often at most, until one is as the folder was at a moment.
 */
#define LISTINGS_QUICK_MAX 40

/* When names in the folder were changed last; 0: it is not there. False, with errno. */
static bool
folder_changed(const struct library *l, int64_t *changed)
{
	struct statx stx;

	*changed = 0;
	if (statx(AT_FDCWD, l->path, 0, STATX_MTIME, &stx) != 0)
		return errno == ENOENT;
	*changed = stx.stx_mtime.tv_sec * CLOCK_NS_PER_SECOND + stx.stx_mtime.tv_nsec;
	return true;
}

/* --- one listing --- */

struct listing_work {
	struct library_found *found;
	size_t count, room;
	bool vanished; /* a name was not there any more when it was looked at */
	bool renamed;  /* or it was another file's: the one that had it is missed */
};

static bool
add_found(struct listing_work *work, int folder, const struct dirent *entry,
    const struct library_name *name)
{
	struct library_found *more, *found;
	char *copy;

	if (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN)
		return true;
	if (work->count == work->room) {
		work->room = work->room == 0 ? 16 : work->room * 2;
		more = realloc(work->found, work->room * sizeof(*more));
		if (more == NULL)
			return false;
		work->found = more;
	}
	found = &work->found[work->count];
	*found = (struct library_found){.name = *name};
	found->file.current = name->kind == LIBRARY_CURRENT;
	if (!library_look(folder, entry->d_name, &found->file)) {
		work->vanished = work->vanished || errno == ENOENT;
		return errno == ENOENT;
	}
	work->renamed = work->renamed || found->file.id.inode != entry->d_ino;
	copy = strdup(entry->d_name);
	if (copy == NULL)
		return false;
	found->file.name = copy;
	work->count++;
	return true;
}

static void
drop_found(struct listing_work *work)
{
	for (size_t i = 0; i < work->count; i++)
		free((char *)work->found[i].file.name);
	free(work->found);
	*work = (struct listing_work){0};
}

/* All files of the level, in no order. False, with errno. */
static bool
read_folder(const struct library *l, enum level level, struct listing_work *work)
{
	DIR *folder = opendir(l->path);
	struct library_name name;
	struct dirent *entry;
	int error;

	if (folder == NULL)
		return errno == ENOENT;
	errno = 0;
	// NOLINTNEXTLINE(concurrency-mt-unsafe): a listing of one thread
	while ((entry = readdir(folder)) != NULL) {
		if (library_name_parse(level_file(level), entry->d_name, &name) &&
		    !add_found(work, dirfd(folder), entry, &name))
			break;
		errno = 0;
	}
	error = errno;
	closedir(folder);
	errno = error;
	return error == 0;
}

static int
compare_ids(const void *a, const void *b)
{
	const struct library_found *x = *(const struct library_found *const *)a;
	const struct library_found *y = *(const struct library_found *const *)b;

	if (x->file.id.inode != y->file.id.inode)
		return x->file.id.inode < y->file.id.inode ? -1 : 1;
	if (x->file.id.born != y->file.id.born)
		return x->file.id.born < y->file.id.born ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* One file may have two names for a moment, or have been seen under both: the later place counts.
 */
static bool
drop_doubles(struct listing_work *work)
{
	const struct library_found **by_id = calloc(work->count + 1, sizeof(const void *));
	size_t kept = 0;

	if (by_id == NULL)
		return false;
	for (size_t i = 0; i < work->count; i++)
		by_id[i] = &work->found[i];
	qsort(by_id, work->count, sizeof(const void *), compare_ids);
	for (size_t i = 0; i + 1 < work->count; i++) {
		struct library_found *found = &work->found[by_id[i] - work->found];

		if (file_id_equal(&found->file.id, &by_id[i + 1]->file.id)) {
			free((char *)found->file.name);
			found->file.name = NULL;
		}
	}
	free(by_id);
	for (size_t i = 0; i < work->count; i++) {
		if (work->found[i].file.name != NULL)
			work->found[kept++] = work->found[i];
	}
	work->count = kept;
	return true;
}

static struct listing *
make_listing(const struct listing_work *work, int64_t changed)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	size_t bytes = 1;
	char *name;

	if (listing == NULL)
		return NULL;
	for (size_t i = 0; i < work->count; i++)
		bytes += strlen(work->found[i].file.name) + 1;
	listing->files = calloc(work->count + 1, sizeof(*listing->files));
	listing->names = name = malloc(bytes);
	if (listing->files == NULL || name == NULL) {
		free(listing->files);
		free(listing->names);
		free(listing);
		return NULL;
	}
	for (size_t i = 0; i < work->count; i++) {
		listing->files[i] = work->found[i].file;
		listing->files[i].name = name;
		name = stpcpy(name, work->found[i].file.name) + 1;
	}
	listing->count = work->count;
	listing->folder_changed = changed;
	listing->refs = 1;
	return listing;
}

/* --- when a listing is whole --- */

/* What tells whether names were changed while the folder was listed. */
struct listing_moment {
	int64_t changed; /* the folder */
	struct file_id current;
};

static bool
take_moment(struct library *l, enum level level, struct listing_moment *m)
{
	struct listed_file current;

	if (!folder_changed(l, &m->changed))
		return false;
	m->current = listing_current(l, level, &current) ? current.id : (struct file_id){0};
	return true;
}

static int64_t
coarse_now(void)
{
	struct timespec now;

	/* What the kernel takes the times of files from. */
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return now.tv_sec * CLOCK_NS_PER_SECOND + now.tv_nsec;
}

static void
wait_a_tick(void)
{
	const struct timespec tick = {0, TICK_NS};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL);
}

/*
 * A name that is changed while the folder is read may be seen twice, or not at all. The folder's
 * time tells, unless it was changed within the same tick just before, too: then the tick is waited
 * out. If names change all the time, one listing is taken of which every name was still the same
 * file's when it was looked at: what a folder of usual size has is read at one moment.
 */
static struct listing *
list(struct library *l, enum level level)
{
	struct listing_moment before, after;
	struct listing *listing = NULL;

	for (int i = 1; listing == NULL; i++) {
		struct listing_work work = {0};
		int64_t start = coarse_now();
		bool whole, ok, young, steady;

		ok = take_moment(l, level, &before) && read_folder(l, level, &work) &&
		     take_moment(l, level, &after);
		if (!ok) {
			int error = errno;

			drop_found(&work);
			errno = error;
			return NULL;
		}
		/* One from the future is that of a server elsewhere, whose clock is another. */
		young = after.changed >= start && after.changed <= start + CLOCK_NS_PER_SECOND;
		whole = !work.vanished && !young && before.changed == after.changed &&
			file_id_equal(&before.current, &after.current);
		steady = (!work.vanished && !work.renamed) || i == LISTINGS_QUICK_MAX;
		if (whole || (i >= LISTINGS_MAX && steady)) {
			if (library_order(work.found, work.count) && drop_doubles(&work))
				listing = make_listing(&work, whole ? after.changed : 0);
			drop_found(&work);
			if (listing == NULL) {
				errno = ENOMEM;
				return NULL;
			}
		} else {
			drop_found(&work);
			if (young && i < LISTINGS_MAX)
				wait_a_tick();
		}
	}
	return listing;
}

/* --- sharing --- */

static void
release(struct listing *listing)
{
	if (listing == NULL || --listing->refs > 0)
		return;
	free(listing->files);
	free(listing->names);
	free(listing);
}

void
listing_release(struct library *l, struct listing *listing)
{
	pthread_mutex_lock(&l->lock);
	release(listing);
	pthread_mutex_unlock(&l->lock);
}

struct listing *
listing_take(struct library *l, enum level level)
{
	struct listing *listing;
	int64_t changed;

	if (!folder_changed(l, &changed))
		return NULL;
	pthread_mutex_lock(&l->lock);
	listing = l->listings[level];
	if (listing != NULL && changed != 0 && listing->folder_changed == changed)
		listing->refs++;
	else
		listing = NULL;
	pthread_mutex_unlock(&l->lock);
	if (listing != NULL)
		return listing;
	listing = list(l, level);
	if (listing == NULL || listing->folder_changed == 0)
		return listing;
	pthread_mutex_lock(&l->lock);
	release(l->listings[level]);
	l->listings[level] = listing;
	listing->refs++;
	pthread_mutex_unlock(&l->lock);
	return listing;
}

size_t
listing_find(const struct listing *listing, const struct file_id *id)
{
	size_t i = 0;

	while (i < listing->count && !file_id_equal(&listing->files[i].id, id))
		i++;
	return i;
}
