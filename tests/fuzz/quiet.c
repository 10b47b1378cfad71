/*
 * diag.h without a word, for a target whose every input is worth a message: they are put together,
 * so that a sanitizer sees their arguments, and thrown away.
 */
#include "diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void discard(const char *format, va_list ap) DIAG_PRINTF(1, 0);

static void
discard(const char *format, va_list ap)
{
	char line[1024];

	vsnprintf(line, sizeof(line), format, ap);
}

#define DISCARD                                                                                    \
	do {                                                                                       \
		va_list ap;                                                                        \
		va_start(ap, format);                                                              \
		discard(format, ap);                                                               \
		va_end(ap);                                                                        \
	} while (0)

const char *
diag_reason(int error)
{
	return strerror(error);
}

void
diag_error(const char *format, ...)
{
	DISCARD;
}

void
diag_warn(const char *format, ...)
{
	DISCARD;
}

void
diag_info(const char *format, ...)
{
	DISCARD;
}

void
diag_error_limited(struct diag_limit *limit, const char *format, ...)
{
	(void)limit;
	DISCARD;
}

void
diag_warn_limited(struct diag_limit *limit, const char *format, ...)
{
	(void)limit;
	DISCARD;
}
