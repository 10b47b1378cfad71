/*
 * Kills the process at a step of what it does to files, by LD_PRELOAD: the KILL_AT'th (from 1 on)
 * of all calls that write to a regular file, sync, cut, rename, or make one.
 *
 * KILL_HOW=before: instead of the call. after: after it. half: a write writes half of its bytes
 * before. error: it is not killed, but the call fails with EIO.
 *
 * STEPS_FILE: each step is told there, one a line; without KILL_AT nothing is killed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static long at;
static char how = 'b';
static int steps = -1;
static _Atomic long seen;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void
begin(void)
{
	const char *number = getenv("KILL_AT"), *what = getenv("KILL_HOW"),
		   *file = getenv("STEPS_FILE");

	at = number != NULL ? atol(number) : 0;
	if (what != NULL)
		how = *what;
	if (file != NULL)
		steps = REAL(open)(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static bool
is_file(int fd)
{
	struct stat st;

	return fd > 2 && fd != steps && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Whether this is the step; it is told. */
static bool
step(const char *what)
{
	long n = atomic_fetch_add(&seen, 1) + 1;

	if (steps >= 0)
		dprintf(steps, "%s\n", what);
	return n == at;
}

static void
die(void)
{
	raise(SIGKILL);
}

#define AROUND(what, call)                                                                         \
	do {                                                                                       \
		bool now = step(what);                                                             \
		if (now && how == 'e') {                                                           \
			errno = EIO;                                                               \
			return -1;                                                                 \
		}                                                                                  \
		if (now && how != 'a')                                                             \
			die();                                                                     \
		__typeof__(call) result = (call);                                                  \
		if (now)                                                                           \
			die();                                                                     \
		return result;                                                                     \
	} while (0)

ssize_t
write(int fd, const void *data, size_t len)
{
	static __typeof__(&write) real;

	if (real == NULL)
		real = REAL(write);
	if (!is_file(fd))
		return real(fd, data, len);
	if (how == 'h' && atomic_load(&seen) + 1 == at)
		real(fd, data, len / 2);
	AROUND("write", real(fd, data, len));
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	if (!is_file(fd))
		return REAL(writev)(fd, iov, n);
	if (how == 'h' && atomic_load(&seen) + 1 == at)
		REAL(write)(fd, iov->iov_base, iov->iov_len / 2);
	AROUND("writev", REAL(writev)(fd, iov, n));
}

int
fsync(int fd)
{
	AROUND("fsync", REAL(fsync)(fd));
}

int
fdatasync(int fd)
{
	AROUND("fdatasync", REAL(fdatasync)(fd));
}

int
ftruncate(int fd, off_t size)
{
	AROUND("ftruncate", REAL(ftruncate)(fd, size));
}

int
renameat(int from, const char *old, int to, const char *new)
{
	AROUND("renameat", REAL(renameat)(from, old, to, new));
}

int
renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
	AROUND("renameat2", REAL(renameat2)(from, old, to, new, flags));
}

int
openat(int folder, const char *name, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	if ((flags & O_CREAT) == 0)
		return REAL(openat)(folder, name, flags, mode);
	AROUND("openat", REAL(openat)(folder, name, flags, mode));
}
