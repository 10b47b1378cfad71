#include "base/iso8601.h"

#include <string.h>

#define SECOND INT64_C(1000000)

/* Takes exactly so many digits as a number; false, and nothing is taken: there are fewer. */
static bool
take_digits(const char **at, int count, int *number)
{
	int n = 0;

	for (int i = 0; i < count; i++) {
		char c = (*at)[i];

		if (c < '0' || c > '9')
			return false;
		n = n * 10 + (c - '0');
	}
	*at += count;
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

/* A fraction of a second, in microseconds. */
static int
take_fraction(const char **at)
{
	int us = 0;

	for (int unit = 100000; **at >= '0' && **at <= '9'; unit /= 10)
		us += (*(*at)++ - '0') * unit;
	return us;
}

static bool
exists(const struct civil *c)
{
	if (c->year < 1 || c->month < 1 || c->month > 12 || c->day < 1)
		return false;
	return c->day <= civil_month_days(c->year, c->month) && c->hour <= 23 && c->minute <= 59 &&
	       c->second <= 59;
}

/* Z, +01:00, -0530 or +01 at the end of a time, in seconds east of UTC. */
static bool
parse_offset(const char *text, int *offset)
{
	int hours, minutes = 0;
	bool west = *text == '-';

	*offset = 0;
	if (take_char(&text, "Zz"))
		return *text == '\0';
	if (!take_char(&text, "+- ") || !take_digits(&text, 2, &hours))
		return false;
	take_char(&text, ":");
	if (*text != '\0' && !take_digits(&text, 2, &minutes))
		return false;
	*offset = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return *text == '\0' && hours <= 23 && minutes <= 59;
}

bool
iso8601_parse(const char *text, struct civil_zone *zone, int64_t *us)
{
	struct civil c = {0};
	int offset, fraction = 0;

	if (!take_digits(&text, 4, &c.year) || !take_char(&text, "-") ||
	    !take_digits(&text, 2, &c.month) || !take_char(&text, "-") ||
	    !take_digits(&text, 2, &c.day))
		return false;
	if (take_char(&text, "Tt ")) {
		if (!take_digits(&text, 2, &c.hour) || !take_char(&text, ":") ||
		    !take_digits(&text, 2, &c.minute))
			return false;
		if (take_char(&text, ":") && !take_digits(&text, 2, &c.second))
			return false;
		if (take_char(&text, ".,"))
			fraction = take_fraction(&text);
	}
	if (!exists(&c))
		return false;
	if (*text == '\0') {
		*us = civil_to_ms(zone, &c) * 1000 + fraction;
		return true;
	}
	if (!parse_offset(text, &offset))
		return false;
	*us = civil_as_utc(&c) * 1000 - offset * SECOND + fraction;
	return true;
}
