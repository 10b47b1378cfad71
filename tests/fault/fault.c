/*
 * Faults for tests/fault, by LD_PRELOAD: calls that the server makes fail, write less, or see
 * another clock, while a test says so.
 *
 * FAULT_CONTROL names a file that the test and this library both map: a struct point for each kind
 * of call. A test fills one in, `count` last (see control.py). Without the variable nothing fails,
 * nor in other programs than the server: start.sh and nginx pass the library on.
 *
 * Allocations are told apart by who asked: the main thread, which starts the server and keeps
 * house; of the threads that serve requests the program (with its JSON library), and libfcgi, which
 * does not look at what malloc(3) returned.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The order is control.py's. */
enum {
	WRITEV,
	FDATASYNC,
	FSYNC,
	RENAME,
	FTRUNCATE,
	ACCEPT,
	OPENAT,
	EPOLL_WAIT,
	CLOCK,
	MALLOC,
	MALLOC_FCGI,
	MALLOC_MAIN,
	POINTS
};

struct point {
	_Atomic int64_t skip;	/* calls to let pass first */
	_Atomic int64_t count;	/* calls to fail then; negative: all, 0: none */
	_Atomic int64_t error;	/* the errno; 0: only slow, or writing less */
	_Atomic int64_t bytes;	/* writes: at most so many, and with an error, every other time */
	_Atomic int64_t delay;	/* writes and fdatasync(2): nanoseconds that they take longer */
	_Atomic int64_t period; /* fail each so many'th call only; 0 and 1: each */
	_Atomic int64_t shift;	/* of the clock, nanoseconds */
	_Atomic int64_t seen;	/* calls since the test set it to 0 */
	_Atomic int64_t hits;	/* of them, those that were made to fail */
};

static struct point off[POINTS];
static struct point *points = off;
static pthread_t main_thread;

/* Where the code of a library is. */
struct code {
	const char *name;
	uintptr_t start, end;
};

static struct code fcgi = {.name = "/libfcgi.so"}, seccomp = {.name = "/libseccomp.so"};

/* --- the real ones --- */

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);

/* dlsym(3) may ask for memory before the real functions are known; it is never given back. */
static char early[64 * 1024];
static size_t early_used;
static bool looking_up;

static void *
early_alloc(size_t n)
{
	size_t aligned = (n + 15) & ~(size_t)15;
	void *p = early + early_used;

	if (aligned > sizeof(early) - early_used)
		return NULL;
	early_used += aligned;
	return p;
}

static bool
is_early(const void *p)
{
	return (const char *)p >= early && (const char *)p < early + sizeof(early);
}

/* The first allocation is before any thread. */
static bool
know_allocator(void)
{
	if (real_free != NULL)
		return true;
	if (looking_up)
		return false;
	looking_up = true;
	*(void **)&real_malloc = dlsym(RTLD_NEXT, "malloc");
	*(void **)&real_calloc = dlsym(RTLD_NEXT, "calloc");
	*(void **)&real_realloc = dlsym(RTLD_NEXT, "realloc");
	*(void **)&real_free = dlsym(RTLD_NEXT, "free");
	looking_up = false;
	return true;
}

#define REAL(name) ((__typeof__(&name))real(#name))

static void *
real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* --- what a test wants --- */

static int
find(struct dl_phdr_info *info, size_t size, void *argument)
{
	struct code *code = argument;

	(void)size;
	if (strstr(info->dlpi_name, code->name) == NULL)
		return 0;
	code->start = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t end =
		    info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type == PT_LOAD && end > code->end)
			code->end = end;
	}
	return 1;
}

static bool
is_in(const struct code *code, const void *address)
{
	return (uintptr_t)address >= code->start && (uintptr_t)address < code->end;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("FAULT_CONTROL");
	void *shared;
	int fd;

	if (path == NULL || strcmp(program_invocation_short_name, "pbu-log-server") != 0)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		abort(); /* a test would pass without its faults */
	main_thread = pthread_self();
	dl_iterate_phdr(find, &fcgi);
	dl_iterate_phdr(find, &seccomp);
	shared = mmap(NULL, sizeof(off), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared != MAP_FAILED)
		points = shared;
}

/* Whether this call is one to fail; *error is the errno then. */
static bool
fails(int which, int *error)
{
	struct point *p = &points[which];
	int64_t n = atomic_fetch_add(&p->seen, 1), count = atomic_load(&p->count), period;

	if (count == 0)
		return false;
	n -= atomic_load(&p->skip);
	period = atomic_load(&p->period);
	if (n < 0 || (period > 1 && n % period != 0) || (count > 0 && n >= count))
		return false;
	*error = (int)atomic_load(&p->error);
	atomic_fetch_add(&p->hits, 1);
	return true;
}

/* As an ordinary failing call does it. */
#define FAIL(which)                                                                                \
	do {                                                                                       \
		int error;                                                                         \
		if (fails(which, &error)) {                                                        \
			errno = error;                                                             \
			return -1;                                                                 \
		}                                                                                  \
	} while (0)

/* --- files --- */

/* A disk that is slow. */
static void
delay(int which)
{
	int64_t ns = atomic_load(&points[which].delay);
	struct timespec ts = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};

	if (ns > 0)
		nanosleep(&ts, NULL);
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	struct point *p = &points[WRITEV];
	size_t bytes;
	int error;

	if (!fails(WRITEV, &error))
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

	if (fails(FDATASYNC, &error)) {
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

/* --- memory --- */

static bool
no_memory(const void *caller)
{
	int which = MALLOC, error;

	if (points == off || is_in(&seccomp, caller))
		return false;
	if (pthread_equal(pthread_self(), main_thread))
		which = MALLOC_MAIN;
	else if (is_in(&fcgi, caller))
		which = MALLOC_FCGI;
	if (!fails(which, &error))
		return false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t n)
{
	if (!know_allocator())
		return early_alloc(n);
	return no_memory(__builtin_return_address(0)) ? NULL : real_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	if (!know_allocator())
		return early_alloc(n * size);
	return no_memory(__builtin_return_address(0)) ? NULL : real_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	if (!know_allocator())
		return early_alloc(n);
	return no_memory(__builtin_return_address(0)) ? NULL : real_realloc(p, n);
}

void
free(void *p)
{
	if (!is_early(p) && know_allocator())
		real_free(p);
}
