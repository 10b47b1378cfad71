#include "files/folder.h"

#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME     ".lock"
#define LOCK_MODE     0640
#define FOLDER_MODE   0750
#define LOCK_ATTEMPTS 10

/* At least a block of any usual file system, so that a full one shows. */
#define PROBE_BYTES 4096

/* Syncs the folder that holds `path`: a new folder must not vanish with what is synced in it. */
static void
sync_parent(const char *path)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	char *copy = strdup(path);
	int fd = -1;

	if (copy != NULL)
		fd = open(dirname(copy), flags); // NOLINT(concurrency-mt-unsafe): of its own copy
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(copy);
}

static bool
make_one(const char *path)
{
	if (mkdir(path, FOLDER_MODE) == 0) {
		sync_parent(path);
		return true;
	}
	return errno == EEXIST;
}

/* mkdir -p. */
static bool
make_folders(const char *path)
{
	char *copy = strdup(path);
	bool made = copy != NULL;
	size_t len;
	int saved;

	if (copy == NULL)
		return false;
	len = strlen(copy);
	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	for (char *p = copy + 1; made && len > 0 && *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		/* One of them may be unreadable or read-only and there: the last one decides. */
		made = make_one(copy) || errno == EROFS || errno == EACCES || errno == EPERM;
		*p = '/';
	}
	made = made && make_one(copy);
	saved = errno;
	free(copy);
	errno = saved;
	return made;
}

static bool
open_folder(struct folder *f)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

	f->fd = open(f->path, flags);
	if (f->fd < 0 && errno == ENOENT && make_folders(f->path))
		f->fd = open(f->path, flags);
	return f->fd >= 0;
}

static long
read_pid(int lock)
{
	char text[24];
	ssize_t n = pread(lock, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

/* The id is for people: a full disk, which keeps it from being written, must not keep the
 * server from starting. */
static void
write_pid(struct folder *f)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	f->lock_size = 0;
	if (ftruncate(f->lock, 0) == 0 && pwrite(f->lock, text, (size_t)n, 0) == n)
		f->lock_size = n;
}

/* Whether `.lock` in the folder is the file that is open as f->lock, and notes which it is. */
static bool
lock_is_in_place(struct folder *f)
{
	struct stat held, named;

	if (fstat(f->lock, &held) != 0 ||
	    fstatat(f->fd, LOCK_NAME, &named, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	f->lock_ino = held.st_ino;
	return held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

static bool
lock_folder(struct folder *f, char *error, size_t size)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

	for (int i = 0; i < LOCK_ATTEMPTS; i++) {
		f->lock = openat(f->fd, LOCK_NAME, flags, LOCK_MODE);
		if (f->lock < 0) {
			snprintf(error, size, "can't open \"%s/%s\": %s", f->path, LOCK_NAME,
			    diag_reason(errno));
			return false;
		}
		if (flock(f->lock, LOCK_EX | LOCK_NB) != 0) {
			long pid = errno == EWOULDBLOCK ? read_pid(f->lock) : 0;

			if (errno != EWOULDBLOCK)
				snprintf(error, size, "can't lock \"%s/%s\": %s", f->path,
				    LOCK_NAME, diag_reason(errno));
			else if (pid > 0)
				snprintf(
				    error, size, "\"%s\" is in use by process %ld", f->path, pid);
			else
				snprintf(
				    error, size, "\"%s\" is in use by another process", f->path);
			return false;
		}
		/* Somebody may have deleted it in between: then another can lock a new one. */
		if (lock_is_in_place(f)) {
			write_pid(f);
			return true;
		}
		close(f->lock);
		f->lock = -1;
	}
	snprintf(error, size, "can't lock \"%s/%s\": it keeps changing", f->path, LOCK_NAME);
	return false;
}

bool
folder_open(struct folder *f, const char *path, char *error, size_t size)
{
	struct stat st;

	*f = (struct folder){.path = path, .fd = -1, .lock = -1};
	if (!open_folder(f)) {
		snprintf(
		    error, size, "can't open the log folder \"%s\": %s", path, diag_reason(errno));
		return false;
	}
	if (!lock_folder(f, error, size)) {
		folder_close(f);
		return false;
	}
	if (fstat(f->fd, &st) != 0) {
		snprintf(error, size, "can't read \"%s\": %s", path, diag_reason(errno));
		folder_close(f);
		return false;
	}
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	return true;
}

void
folder_close(struct folder *f)
{
	if (f->lock >= 0)
		close(f->lock);
	if (f->fd >= 0)
		close(f->fd);
	f->lock = f->fd = -1;
}

static bool
is_held(const struct folder *f)
{
	struct stat folder, lock;

	return stat(f->path, &folder) == 0 && folder.st_dev == f->dev && folder.st_ino == f->ino &&
	       fstatat(f->fd, LOCK_NAME, &lock, AT_SYMLINK_NOFOLLOW) == 0 &&
	       lock.st_ino == f->lock_ino;
}

bool
folder_refresh(struct folder *f, bool *changed, char *why, size_t size)
{
	struct folder fresh;

	if (is_held(f))
		return true;
	if (!folder_open(&fresh, f->path, why, size))
		return false;
	folder_close(f);
	*f = fresh;
	*changed = true;
	return true;
}

bool
folder_probe(const struct folder *f, char *why, size_t size)
{
	static const char block[PROBE_BYTES];
	ssize_t n = pwrite(f->lock, block, sizeof(block), f->lock_size);
	int error = n < 0 ? errno : ENOSPC;

	if (ftruncate(f->lock, f->lock_size) != 0 && n == (ssize_t)sizeof(block)) {
		error = errno;
		n = -1;
	}
	if (n == (ssize_t)sizeof(block))
		return true;
	snprintf(why, size, "can't write in \"%s\": %s", f->path, diag_reason(error));
	return false;
}
