#include "diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DIAG_LINE_MAX 1024

/* Priorities of syslog(3), which sd-daemon(3) takes as a prefix. */
enum { PRIORITY_ERROR = 3, PRIORITY_WARNING = 4, PRIORITY_INFO = 6 };

/* A path or a header in a message must not be able to forge a line or reach a terminal. */
static void
make_safe(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
	}
}

static void emit(int priority, unsigned withheld, const char *format, va_list ap) DIAG_PRINTF(3, 0);

static void
emit(int priority, unsigned withheld, const char *format, va_list ap)
{
	static const char *const words[] = {
	    [PRIORITY_ERROR] = "error: ", [PRIORITY_WARNING] = "warning: ", [PRIORITY_INFO] = ""};
	char line[DIAG_LINE_MAX];
	const size_t room = sizeof(line) - 1;
	size_t len = 0;
	int saved = errno;

	/* The environment changes before there are threads, and never after. */
	if (getenv("JOURNAL_STREAM") != NULL) // NOLINT(concurrency-mt-unsafe)
		len += (size_t)snprintf(line, room, "<%d>", priority);
	len += (size_t)snprintf(line + len, room - len, "pbu-log-server: %s", words[priority]);
	errno = saved;
	int n = vsnprintf(line + len, room - len, format, ap);
	if (n > 0)
		len = len + (size_t)n < room ? len + (size_t)n : room - 1;
	if (withheld > 0) {
		char more[64];
		size_t m = (size_t)snprintf(more, sizeof(more), " (and %u more like it)", withheld);
		if (len + m >= room)
			len = room - m - 1;
		memcpy(line + len, more, m);
		len += m;
	}
	make_safe(line, len);
	line[len++] = '\n';
	/* Nobody is left to tell when stderr itself cannot be written. */
	ssize_t ignored = write(STDERR_FILENO, line, len);
	(void)ignored;
	errno = saved;
}

const char *
diag_reason(int error)
{
	/* Constant texts; glibc (2.32) and musl keep one that they have to make apart for each
	 * thread. */
	return strerror(error); // NOLINT(concurrency-mt-unsafe)
}

static bool
limit_allows(struct diag_limit *limit, unsigned *withheld)
{
	struct timespec ts;
	int64_t now, next = atomic_load(&limit->next);

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	if (now < next || !atomic_compare_exchange_strong(&limit->next, &next, now + 1000000000)) {
		atomic_fetch_add(&limit->withheld, 1);
		return false;
	}
	*withheld = atomic_exchange(&limit->withheld, 0);
	return true;
}

#define EMIT(priority, withheld)                                                                   \
	do {                                                                                       \
		va_list ap;                                                                        \
		va_start(ap, format);                                                              \
		emit(priority, withheld, format, ap);                                              \
		va_end(ap);                                                                        \
	} while (0)

void
diag_error(const char *format, ...)
{
	EMIT(PRIORITY_ERROR, 0);
}

void
diag_warn(const char *format, ...)
{
	EMIT(PRIORITY_WARNING, 0);
}

void
diag_info(const char *format, ...)
{
	EMIT(PRIORITY_INFO, 0);
}

void
diag_error_limited(struct diag_limit *limit, const char *format, ...)
{
	int saved = errno;
	unsigned withheld;

	if (limit_allows(limit, &withheld)) {
		errno = saved;
		EMIT(PRIORITY_ERROR, withheld);
	}
	errno = saved;
}

void
diag_warn_limited(struct diag_limit *limit, const char *format, ...)
{
	int saved = errno;
	unsigned withheld;

	if (limit_allows(limit, &withheld)) {
		errno = saved;
		EMIT(PRIORITY_WARNING, withheld);
	}
	errno = saved;
}
