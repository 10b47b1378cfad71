/*
 * diag.h without a word, for a target whose every input is worth a message: they are put together,
 * so that a sanitizer sees their arguments, and thrown away.
 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *
diag_reason(int error)
{
	return strerror(error);
}

void
diag(enum diag_priority priority, struct diag_limit *limit, const char *format, ...)
{
	char line[1024];
	va_list ap;

	(void)priority;
	(void)limit;
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
}
