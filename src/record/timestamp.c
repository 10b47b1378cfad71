#include "record/timestamp.h"

#include "base/clock.h"
#include "json/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define YEAR_1	   (-62135596800.0)
#define YEAR_10000 253402300800.0

/* strftime() can't tell an empty result from a too small buffer; Python stops here too. */
#define STRFTIME_GROWTH 256

/* The format is the operator's own, so that a warning about it here would help nobody. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void
put_time(struct buf *text, const char *format, const struct tm *tm)
{
	size_t most = (strlen(format) + 1) * STRFTIME_GROWTH;

	for (size_t size = 256; size <= most * 2; size *= 2) {
		struct buf raw = BUF_INIT;
		size_t n;

		if (!buf_reserve(&raw, size)) {
			text->failed = true;
			return;
		}
		n = strftime(raw.data, raw.cap, format, tm);
		if (n > 0)
			text_from_bytes(text, raw.data, n);
		buf_free(&raw);
		if (n > 0)
			return;
	}
}
#pragma GCC diagnostic pop

void
timestamp_local(struct buf *out, struct timestamp_cache *cache, const char *format, time_t second)
{
	if (!cache->valid || cache->second != second) {
		struct tm tm;

		buf_clear(&cache->text, 4096);
		cache->valid = false;
		if (localtime_r(&second, &tm) == NULL) {
			buf_printf(out, "%lld", (long long)second);
			return;
		}
		put_time(&cache->text, format != NULL ? format : "%Y-%m-%d %H:%M:%S", &tm);
		cache->second = second;
		cache->valid = !cache->text.failed;
		out->failed = out->failed || cache->text.failed;
	}
	buf_append(out, cache->text.data, cache->text.len);
}

/* A number below 10^width, and what follows it. */
static char *
put_digits(char *at, int number, int width, char after)
{
	for (int i = width; i-- > 0; number /= 10)
		at[i] = (char)('0' + number % 10);
	at[width] = after;
	return at + width + 1;
}

/* (By printf it would be 5 % of the instructions from a body to its line of JSON.) */
void
timestamp_utc(struct buf *out, int64_t nanoseconds)
{
	time_t second = (time_t)(nanoseconds / CLOCK_NS_PER_SECOND);
	char text[32], *at = text;
	struct tm tm;

	gmtime_r(&second, &tm);
	at = put_digits(at, tm.tm_year + 1900, 4, '-');
	at = put_digits(at, tm.tm_mon + 1, 2, '-');
	at = put_digits(at, tm.tm_mday, 2, 'T');
	at = put_digits(at, tm.tm_hour, 2, ':');
	at = put_digits(at, tm.tm_min, 2, ':');
	at = put_digits(at, tm.tm_sec, 2, '.');
	at = put_digits(at, (int)(nanoseconds % CLOCK_NS_PER_SECOND / 1000000), 3, 'Z');
	buf_append(out, text, (size_t)(at - text));
}

/*
 * The whole seconds of a text such as 1795387123.048945, without strtod(), which would add 4 % to
 * the instructions from a body to its entries: up to 10 digits, and a fraction whose first six
 * digits are not all 9, so that no rounding can carry into the seconds.
 */
static bool
plain_seconds(const char *text, time_t *second)
{
	long long n = 0;
	int digits = 0;

	while (digits < 11 && text[digits] >= '0' && text[digits] <= '9')
		n = n * 10 + (text[digits++] - '0');
	if (digits == 0 || digits > 10 || text[digits] != '.')
		return false;
	text += digits + 1;
	if (strncmp(text, "999999", 6) == 0 || strpbrk(text, "eE") != NULL)
		return false;
	*second = (time_t)n;
	return true;
}

bool
timestamp_created(struct value created, time_t *second)
{
	double seconds;

	if (plain_seconds(created.text, second))
		return true;
	seconds = strtod(created.text, NULL);
	if (!(seconds >= YEAR_1 && seconds < YEAR_10000))
		return false;
	*second = (time_t)floor(seconds);
	return true;
}

int
timestamp_msecs(struct value created)
{
	double seconds = strtod(created.text, NULL);

	return (int)((seconds - trunc(seconds)) * 1000);
}
