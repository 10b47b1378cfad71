#include "record/record_time.h"

#include "base/iso8601.h"
#include "record/timestamp.h"
#include "json/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* From here on a number is seconds, milliseconds, microseconds, nanoseconds: but for the last
 * each up to the year 5138. */
#define SECONDS_LEAST	   1e8
#define MILLISECONDS_LEAST 1e11
#define MICROSECONDS_LEAST 1e14
#define NANOSECONDS_LEAST  1e17
#define NANOSECONDS_END	   9e18 /* the year 2255: an int64_t has no more */

/* Microseconds since the epoch as a LogRecord has them. */
static void
from_us(int64_t us, struct value *created, struct value *msecs, struct record_made *made)
{
	int64_t ms = us / 1000 - (us % 1000 < 0);
	uint64_t magnitude = us < 0 ? -(uint64_t)us : (uint64_t)us;
	int len;

	len = snprintf(made->created, sizeof(made->created), "%s%llu.%06llu", us < 0 ? "-" : "",
	    (unsigned long long)(magnitude / 1000000), (unsigned long long)(magnitude % 1000000));
	/* As Python prints a float. */
	while (made->created[len - 1] == '0' && made->created[len - 2] != '.')
		made->created[--len] = '\0';
	*created = value_number(made->created);
	snprintf(made->msecs, sizeof(made->msecs), "%d.0", (int)((ms % 1000 + 1000) % 1000));
	*msecs = value_number(made->msecs);
}

/* A number times factor, by divisor, rounded down; integers, as most are, stay exact. */
static int64_t
scaled(struct value v, int64_t factor, int64_t divisor)
{
	if (value_is_integer(v))
		return strtoll(v.text, NULL, 10) * factor / divisor;
	return (int64_t)floor(strtod(v.text, NULL) * (double)factor / (double)divisor);
}

static bool
from_number(struct value v, struct value *created, struct value *msecs, struct record_made *made)
{
	double d = strtod(v.text, NULL);

	if (!(d >= SECONDS_LEAST && d < NANOSECONDS_END))
		return false;
	if (d < MILLISECONDS_LEAST) {
		*created = v;
		*msecs = value_absent;
	} else if (d < MICROSECONDS_LEAST) {
		from_us(scaled(v, 1000, 1), created, msecs, made);
	} else if (d < NANOSECONDS_LEAST) {
		from_us(scaled(v, 1, 1), created, msecs, made);
	} else {
		from_us(scaled(v, 1, 1000), created, msecs, made);
	}
	return true;
}

static bool
from_text(struct value v, struct value *created, struct value *msecs, struct record_made *made)
{
	struct civil_zone local = {.name = ""};
	int64_t us;
	size_t digits = strspn(v.text, "0123456789");

	if (digits > 0 && digits + strspn(v.text + digits, ".0123456789") == v.len) {
		const char *point = strchr(v.text, '.');

		/* As JSON has it: no zero before it, one point, and digits after that. */
		if (*v.text == '0')
			return false;
		if (point != NULL && (point[1] == '\0' || strchr(point + 1, '.') != NULL))
			return false;
		return v.len < 40 && from_number(value_number(v.text), created, msecs, made);
	}
	if (!iso8601_parse(v.text, &local, &us))
		return false;
	from_us(us, created, msecs, made);
	return true;
}

bool
record_time(struct value v, struct value *created, struct value *msecs, struct record_made *made)
{
	time_t second;
	bool good = false;

	if (v.type == VALUE_OBJECT) {
		struct value repr = json_member(v, "repr", 4);

		/* Of the two the one that is exact. */
		good = repr.type == VALUE_STRING && from_text(repr, created, msecs, made);
		v = good ? value_absent : json_member(v, "timestamp", 9);
	}
	if (v.type == VALUE_NUMBER)
		good = from_number(v, created, msecs, made);
	else if (v.type == VALUE_STRING)
		good = from_text(v, created, msecs, made);
	/* An offset may lead beyond the years that there are. */
	return good && timestamp_created(*created, &second);
}
