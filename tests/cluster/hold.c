/*
 * Stops a writer at one of its calls that have to do with files, by LD_PRELOAD, so that a test can
 * kill it right there: HOLD_CONTROL names a file that both map, a struct hold (writers.py has the
 * same).
 *
 * Each call is two places: before it, and after it. What librdkafka writes to its pipes is none.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct hold {
	_Atomic int64_t left; /* places to pass before the one to stop at; below 0: none */
	_Atomic int64_t
	    checkpoint;	      /* set: places count from the next call on that names a checkpoint */
	_Atomic int64_t held; /* it stands there */
	char place[64];
};

static struct hold off = {.left = -1};
static struct hold *control = &off;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("HOLD_CONTROL");
	void *shared;
	int fd;

	if (path == NULL || strcmp(program_invocation_short_name, "pbu-log-writer") != 0)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	shared = fd < 0 ? MAP_FAILED
			: mmap(NULL, sizeof(off), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		abort(); /* a test would pass without its faults */
	close(fd);
	control = shared;
}

static void
place(const char *when, const char *call, const char *path)
{
	const struct timespec a_little = {0, 1000000};

	if (atomic_load(&control->left) < 0)
		return;
	if (path != NULL && strstr(path, "checkpoint") != NULL)
		atomic_store(&control->checkpoint, 0);
	if (atomic_load(&control->checkpoint) != 0 || atomic_fetch_sub(&control->left, 1) != 0)
		return;
	snprintf(control->place, sizeof(control->place), "%s %s", when, call);
	atomic_store(&control->held, 1);
	for (;;)
		nanosleep(&a_little, NULL);
}

static void
place_fd(const char *when, const char *call, int fd)
{
	int error = errno;
	struct stat st;

	if (atomic_load(&control->left) >= 0 && fstat(fd, &st) == 0 &&
	    (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		place(when, call, NULL);
	errno = error;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define WITH_FD(type, name, fd, parameters, arguments)                                             \
	type name parameters                                                                       \
	{                                                                                          \
		type result;                                                                       \
                                                                                                   \
		place_fd("before", #name, fd);                                                     \
		result = REAL(name) arguments;                                                     \
		place_fd("after", #name, fd);                                                      \
		return result;                                                                     \
	}

#define WITH_PATH(name, path, parameters, arguments)                                               \
	int name parameters                                                                        \
	{                                                                                          \
		int result, error;                                                                 \
                                                                                                   \
		place("before", #name, path);                                                      \
		result = REAL(name) arguments;                                                     \
		error = errno;                                                                     \
		place("after", #name, path);                                                       \
		errno = error;                                                                     \
		return result;                                                                     \
	}

WITH_FD(ssize_t, write, fd, (int fd, const void *data, size_t n), (fd, data, n))
WITH_FD(ssize_t, writev, fd, (int fd, const struct iovec *iov, int n), (fd, iov, n))
WITH_FD(ssize_t, pwrite, fd, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at))
WITH_FD(int, fsync, fd, (int fd), (fd))
WITH_FD(int, fdatasync, fd, (int fd), (fd))
WITH_FD(int, ftruncate, fd, (int fd, off_t size), (fd, size))
WITH_PATH(rename, new, (const char *old, const char *new), (old, new))
WITH_PATH(renameat, new, (int from, const char *old, int to, const char *new), (from, old, to, new))
WITH_PATH(renameat2, new, (int from, const char *old, int to, const char *new, unsigned flags),
    (from, old, to, new, flags))
WITH_PATH(unlinkat, path, (int folder, const char *path, int flags), (folder, path, flags))

int
openat(int folder, const char *path, int flags, ...)
{
	mode_t mode = 0;
	int fd, error;

	if ((flags & O_CREAT) == 0)
		return REAL(openat)(folder, path, flags);
	{
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	place("before", "openat", path);
	fd = REAL(openat)(folder, path, flags, mode);
	error = errno;
	place("after", "openat", path);
	errno = error;
	return fd;
}
