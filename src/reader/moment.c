#include "reader/moment.h"

#include "base/iso8601.h"

#include <string.h>

/* 9999-12-31 and some days, which no sum here goes beyond. */
#define SECONDS_MAX INT64_C(253402400000)

/* Takes from `least` to `most` digits as a number; false, and nothing is taken: there are fewer. */
static bool
take_digits(const char **at, int least, int most, int64_t *number)
{
	const char *p = *at;
	int64_t n = 0;

	while (p - *at < most && *p >= '0' && *p <= '9')
		n = n * 10 + (*p++ - '0');
	if (p - *at < least)
		return false;
	*at = p;
	*number = n;
	return true;
}

static bool
take_char(const char **at, const char *any)
{
	if (**at == '\0' || strchr(any, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

/* A fraction of a second, in milliseconds: what is finer is cut off. */
static int
take_fraction(const char **at)
{
	int ms = 0;

	for (int unit = 100; **at >= '0' && **at <= '9'; unit /= 10)
		ms += (*(*at)++ - '0') * unit;
	return ms;
}

/* Four digits are rather a year, and refused: that it was 34 minutes after the epoch is no help. */
static bool
is_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && (digits != 4 || text[digits] == '.') &&
	       (text[digits] == '\0' || text[digits] == '.') &&
	       strspn(text, "0123456789.") == strlen(text);
}

static bool
parse_epoch(const char *text, int64_t *ms)
{
	int64_t seconds;

	if (!take_digits(&text, 1, 12, &seconds) || seconds > SECONDS_MAX)
		return false;
	*ms = seconds * 1000;
	if (take_char(&text, "."))
		*ms += take_fraction(&text);
	return *text == '\0';
}

static bool
parse_relative(const char *text, int64_t now, int64_t *ms)
{
	static const char units[] = "smhdw";
	static const int64_t seconds[] = {1, 60, 3600, 86400, 604800};
	int64_t sum = 0;

	do {
		const char *unit;
		int64_t n;

		if (!take_digits(&text, 1, 10, &n) || *text == '\0')
			return false;
		unit = strchr(units, *text++);
		if (unit == NULL || n > SECONDS_MAX / seconds[unit - units])
			return false;
		sum += n * seconds[unit - units];
	} while (*text != '\0' && sum <= SECONDS_MAX);
	*ms = now - sum * 1000;
	return sum <= SECONDS_MAX;
}

/* Rounded down. */
static bool
parse_iso(const char *text, struct civil_zone *zone, int64_t *ms)
{
	int64_t us;

	if (!iso8601_parse(text, zone, &us))
		return false;
	*ms = us / 1000 - (us % 1000 < 0);
	return true;
}

bool
moment_parse(const char *text, struct civil_zone *zone, int64_t now, int64_t *ms)
{
	if (strcmp(text, "now") == 0) {
		*ms = now;
		return true;
	}
	if (*text == '-')
		return parse_relative(text + 1, now, ms);
	return is_number(text) ? parse_epoch(text, ms) : parse_iso(text, zone, ms);
}
