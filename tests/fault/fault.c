#define _GNU_SOURCE
#include "fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

bool fault_active;
static struct point off[POINTS];
static struct point *points = off;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("FAULT_CONTROL");
	void *shared;
	int fd;

	if (path == NULL || (strcmp(program_invocation_short_name, "pbu-log-server") != 0 &&
				strcmp(program_invocation_short_name, "pbu-log-reader") != 0))
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		abort(); /* a test would pass without its faults */
	shared = mmap(NULL, sizeof(off), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared != MAP_FAILED) {
		points = shared;
		fault_active = true;
	}
}

bool
fault_fails(int which, int *error)
{
	struct point *p = &points[which];
	int64_t n = atomic_fetch_add(&p->seen, 1), count = atomic_load(&p->count), period, hits;

	if (count == 0)
		return false;
	n -= atomic_load(&p->skip);
	period = atomic_load(&p->period);
	if (n < 0 || (period > 1 && n % period != 0))
		return false;
	hits = atomic_load(&p->hits);
	do {
		if (count > 0 && hits >= count)
			return false;
	} while (!atomic_compare_exchange_weak(&p->hits, &hits, hits + 1));
	*error = (int)atomic_load(&p->error);
	return true;
}

/* As an ordinary failing call does it. */
#define FAIL(which)                                                                                \
	do {                                                                                       \
		int error;                                                                         \
		if (fault_fails(which, &error)) {                                                  \
			errno = error;                                                             \
			return -1;                                                                 \
		}                                                                                  \
	} while (0)

/* --- files --- */

/* A disk that is slow, or that does nothing until a test says so. */
static void
delay(int which)
{
	const struct timespec a_little = {0, 1000000};
	int64_t ns = atomic_load(&points[which].delay);
	struct timespec ts = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};

	if (ns > 0)
		nanosleep(&ts, NULL);
	while (atomic_load(&points[which].delay) < 0)
		nanosleep(&a_little, NULL);
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	struct point *p = &points[WRITEV];
	size_t bytes;
	int error;

	if (!fault_fails(WRITEV, &error))
		return REAL(writev)(fd, iov, n);
	delay(WRITEV);
	bytes = (size_t)atomic_load(&p->bytes);
	if (bytes == 0 && error == 0)
		return REAL(writev)(fd, iov, n);
	if (bytes > 0 && (error == 0 || atomic_load(&p->hits) % 2 == 1)) {
		struct iovec part = {iov->iov_base, iov->iov_len < bytes ? iov->iov_len : bytes};

		return REAL(writev)(fd, &part, 1);
	}
	errno = error;
	return -1;
}

int
fdatasync(int fd)
{
	int error;

	if (fault_fails(FDATASYNC, &error)) {
		delay(FDATASYNC);
		if (error != 0) {
			errno = error;
			return -1;
		}
	}
	return REAL(fdatasync)(fd);
}

int
fsync(int fd)
{
	FAIL(FSYNC);
	return REAL(fsync)(fd);
}

int
ftruncate(int fd, off_t size)
{
	FAIL(FTRUNCATE);
	return REAL(ftruncate)(fd, size);
}

int
renameat(int from, const char *old, int to, const char *new)
{
	FAIL(RENAME_BACK);
	return REAL(renameat)(from, old, to, new);
}

int
unlinkat(int folder, const char *path, int flags)
{
	FAIL(UNLINK);
	return REAL(unlinkat)(folder, path, flags);
}

int
openat(int folder, const char *path, int flags, ...)
{
	mode_t mode = 0;

	FAIL(OPENAT);
	if ((flags & O_CREAT) != 0) {
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return REAL(openat)(folder, path, flags, mode);
}

struct dirent *
readdir(DIR *listing)
{
	int error;

	if (fault_fails(READDIR, &error)) {
		errno = error;
		return NULL;
	}
	return REAL(readdir)(listing);
}

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	FAIL(OPEN);
	if ((flags & O_CREAT) != 0) {
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return REAL(open)(path, flags, mode);
}

DIR *
opendir(const char *path)
{
	int error;

	if (fault_fails(OPENDIR, &error)) {
		errno = error;
		return NULL;
	}
	return REAL(opendir)(path);
}

ssize_t
pread(int fd, void *buffer, size_t n, off_t offset)
{
	FAIL(PREAD);
	return REAL(pread)(fd, buffer, n, offset);
}

int
statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict stx)
{
	FAIL(STATX);
	return REAL(statx)(folder, path, flags, mask, stx);
}

int
inotify_init1(int flags)
{
	FAIL(INOTIFY);
	return REAL(inotify_init1)(flags);
}

int
inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	FAIL(INOTIFY);
	return REAL(inotify_add_watch)(fd, path, mask);
}

/* renameat2(2) is called this way, and nothing else is looked at. */
long
syscall(long number, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_renameat2)
		FAIL(RENAME);
	return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* --- connections --- */

int
accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	FAIL(ACCEPT);
	return REAL(accept4)(fd, address, length, flags);
}

int
epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
	FAIL(EPOLL_WAIT);
	return REAL(epoll_wait)(fd, events, max, timeout);
}

/* --- the clock --- */

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int64_t shift = atomic_load(&points[CLOCK].shift), ns;
	int result = REAL(clock_gettime)(clock, ts);

	if (clock != CLOCK_REALTIME || shift == 0 || result != 0)
		return result;
	ns = (int64_t)ts->tv_sec * 1000000000 + ts->tv_nsec + shift;
	ts->tv_sec = (time_t)(ns / 1000000000);
	ts->tv_nsec = (long)(ns % 1000000000);
	return 0;
}
