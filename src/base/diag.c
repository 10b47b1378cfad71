#include "base/diag.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Together at most PIPE_BUF: a pipe takes so much as a whole or not at all. */
#define DIAG_LINE_MAX 1024
#define LOST_LINE_MAX 256

/* Messages that stderr did not take, since the last that it took. */
static _Atomic unsigned lost;

/* A path or a header in a message must not be able to forge a line or reach a terminal. */
static void
make_safe(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
	}
}

/* Whether stderr is the journal: the variable may be inherited from a terminal's service
 * (systemd.exec(5)). */
static bool
is_journal(void)
{
	/* The environment changes before there are threads, and never after. */
	const char *stream = getenv("JOURNAL_STREAM"); // NOLINT(concurrency-mt-unsafe)
	char text[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, text) == 0;
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
	int64_t now = clock_monotonic_ns(), next = atomic_load(&limit->next);

	if (now < next ||
	    !atomic_compare_exchange_strong(&limit->next, &next, now + CLOCK_NS_PER_SECOND)) {
		atomic_fetch_add(&limit->withheld, 1);
		return false;
	}
	*withheld = atomic_exchange(&limit->withheld, 0);
	return true;
}

void
diag_never_wait(void)
{
	struct stat st;
	int fd;

	if (fstat(STDERR_FILENO, &st) != 0 || (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)))
		return;
	/* O_NONBLOCK on the descriptor itself would be the shell's, too. */
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
}

/* The beginning of a line; its length. */
static size_t
begin_line(char *line, size_t room, enum diag_priority priority)
{
	static const char *const words[] = {
	    [DIAG_ERROR] = "error: ", [DIAG_WARNING] = "warning: ", [DIAG_INFO] = ""};
	size_t len = 0;

	if (is_journal())
		len += (size_t)snprintf(line, room, "<%d>", priority);
	return len + (size_t)snprintf(line + len, room - len, "%.64s: %s",
			 program_invocation_short_name, words[priority]);
}

/* False: stderr does not take it now. */
static bool
write_at_once(const char *text, size_t len)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

	/* For where diag_never_wait() could not help: a pipe or a socket that polls writable takes
	 * several such texts. */
	return poll(&out, 1, 0) > 0 && write(STDERR_FILENO, text, len) == (ssize_t)len;
}

void
diag(enum diag_priority priority, struct diag_limit *limit, const char *format, ...)
{
	/* Both are written together: a pipe may poll writable once only. */
	char text[LOST_LINE_MAX + DIAG_LINE_MAX], *line = text, more[64];
	const size_t room = DIAG_LINE_MAX - 1;
	size_t len, m;
	unsigned withheld = 0, before;
	int saved = errno, n;
	va_list ap;

	if (limit != NULL && !limit_allows(limit, &withheld)) {
		errno = saved;
		return;
	}
	before = atomic_exchange(&lost, 0);
	if (before > 0) {
		line += begin_line(text, LOST_LINE_MAX, DIAG_WARNING);
		line += snprintf(line, LOST_LINE_MAX - (size_t)(line - text),
		    "messages lost before this one, as nobody read them: %u\n", before);
	}
	len = begin_line(line, room, priority);
	errno = saved;
	va_start(ap, format);
	n = vsnprintf(line + len, room - len, format, ap);
	va_end(ap);
	if (n > 0)
		len = len + (size_t)n < room ? len + (size_t)n : room - 1;
	if (withheld > 0) {
		m = (size_t)snprintf(more, sizeof(more), " (and %u more like it)", withheld);
		if (len + m >= room)
			len = room - m - 1;
		memcpy(line + len, more, m);
		len += m;
	}
	make_safe(line, len);
	line[len++] = '\n';
	if (!write_at_once(text, (size_t)(line - text) + len))
		atomic_fetch_add(&lost, before + withheld + 1);
	errno = saved;
}
