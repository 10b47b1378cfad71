/* What a file is, and opening one by its identity. */
#include "base/clock.h"
#include "files/committed.h"
#include "reader/library_folder.h"
#include "reader/library_listing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define WANTED (STATX_TYPE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_BTIME)

static int64_t
nanoseconds(const struct statx_timestamp *t)
{
	return t->tv_sec * CLOCK_NS_PER_SECOND + t->tv_nsec;
}

static bool
look(int folder, const char *name, int flags, struct listed_file *file)
{
	struct statx stx;

	*file = (struct listed_file){.name = file->name, .current = file->current};
	if (statx(folder, name, flags | AT_NO_AUTOMOUNT, WANTED, &stx) != 0)
		return false;
	if (!S_ISREG(stx.stx_mode)) {
		errno = ENOENT;
		return false;
	}
	file->id.inode = stx.stx_ino;
	file->id.born = (stx.stx_mask & STATX_BTIME) != 0 ? nanoseconds(&stx.stx_btime) : 0;
	file->bytes = stx.stx_size;
	file->modified = nanoseconds(&stx.stx_mtime);
	return true;
}

bool
listing_look(int fd, struct listed_file *file)
{
	uint64_t bytes;

	if (!look(fd, "", AT_EMPTY_PATH, file))
		return false;
	file->held = committed_ask(fd, &bytes);
	file->unsettled = file->held && bytes < file->bytes;
	if (file->unsettled)
		file->bytes = bytes;
	return true;
}

/* The path of a name in the folder; it need not exist. False, with errno. */
static bool
join(const char *folder, const char *name, char path[PATH_MAX])
{
	if ((size_t)snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

bool
library_look(int folder, const char *name, struct listed_file *file)
{
	return look(folder, name, AT_SYMLINK_NOFOLLOW, file);
}

/* -1 with errno, ENOENT: there is no regular file of that name, or (unless id is NULL) another. */
static int
open_as(
    const struct library *l, const char *name, const struct file_id *id, struct listed_file *file)
{
	char path[PATH_MAX];
	int fd, error;

	if (!join(l->path, name, path))
		return -1;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		if (errno == ELOOP || errno == ENXIO)
			errno = ENOENT;
		return -1;
	}
	error = listing_look(fd, file) ? ENOENT : errno;
	if (error == ENOENT && (id == NULL || file_id_equal(&file->id, id)))
		return fd;
	close(fd);
	errno = error;
	return -1;
}

bool
listing_current(struct library *l, enum level level, struct listed_file *file)
{
	int fd;

	*file = (struct listed_file){.name = level_file(level), .current = true};
	fd = open_as(l, level_file(level), NULL, file);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int
listing_open(
    struct library *l, enum level level, const struct listed_file *wanted, struct listed_file *file)
{
	struct file_id id = wanted->id;
	const char *name = wanted->name;
	struct listing *listing;
	size_t i;
	int fd = -1, saved;

	*file = (struct listed_file){.current = wanted->current};
	if (name != NULL)
		fd = open_as(l, name, &id, file);
	for (int tries = 0; fd < 0 && (name == NULL || errno == ENOENT) && tries < 3; tries++) {
		listing = listing_take(l, level);
		if (listing == NULL)
			return -1;
		errno = ENOENT;
		i = listing_find(listing, &id);
		name = "";
		if (i < listing->count) {
			file->current = listing->files[i].current;
			fd = open_as(l, listing->files[i].name, &id, file);
		} else {
			tries = 3;
		}
		saved = errno;
		listing_release(l, listing);
		errno = saved;
	}
	return fd;
}
