#include "base/civil.h"

#include "base/zone.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR 3600
#define DAY  86400

/* No zone is further from UTC; between this much before and after a local time, as if it were UTC,
 * lies the instant that it is. */
#define OFFSET_MAX (25 * HOUR)

/* 0001-01-02 and 9999-12-30: a day less than there are, so that no offset leads beyond. */
#define SECOND_MIN (-62135510400)
#define SECOND_MAX 253402214399

/*
 * TZ is the process's, and so is this: the text of the variable is changed in place, so that
 * environ itself is never moved while another thread looks through it.
 */
static struct {
	pthread_mutex_t lock;
	bool ready;
	char own[PATH_MAX]; /* the process's zone, as TZ had it */
	char text[sizeof("TZ=") + PATH_MAX];
} variable = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void
put_name(const char *name)
{
	snprintf(variable.text, sizeof(variable.text), "TZ=%s", name);
	tzset();
}

/* With the lock. */
static void
prepare(void)
{
	const char *name;

	if (variable.ready)
		return;
	name = getenv("TZ"); // NOLINT(concurrency-mt-unsafe): changed by this file alone
	if (name == NULL)
		name = ":/etc/localtime"; /* glibc's own choice */
	snprintf(variable.own, sizeof(variable.own), "%s", name);
	snprintf(variable.text, sizeof(variable.text), "TZ=%s", name);
	putenv(variable.text); // NOLINT(concurrency-mt-unsafe): see civil_start()
	tzset();
	variable.ready = true;
}

void
civil_start(void)
{
	pthread_mutex_lock(&variable.lock);
	prepare();
	pthread_mutex_unlock(&variable.lock);
}

/* Names come from clients: none leads out of the zone database. */
static bool
is_safe(const char *name)
{
	for (const char *at = name; *at != '\0'; at++) {
		if (*at <= ' ' || *at > '~')
			return false;
	}
	return *name != '/' && *name != ':' && strstr(name, "..") == NULL;
}

bool
civil_zone_open(struct civil_zone *z, const char *name)
{
	*z = (struct civil_zone){0};
	if (name == NULL || *name == '\0')
		return true;
	if (strlen(name) >= sizeof(z->name) || !is_safe(name) || !zone_valid(name))
		return false;
	snprintf(z->name, sizeof(z->name), "%s", name);
	return true;
}

/* --- asking glibc --- */

/* Until leave(), glibc's zone is this one. */
static void
enter(const struct civil_zone *z)
{
	pthread_mutex_lock(&variable.lock);
	prepare();
	if (*z->name != '\0')
		put_name(z->name);
}

static void
leave(const struct civil_zone *z)
{
	if (*z->name != '\0')
		put_name(variable.own);
	pthread_mutex_unlock(&variable.lock);
}

static int32_t
ask(int64_t second)
{
	time_t t = (time_t)second;
	struct tm tm;

	return localtime_r(&t, &tm) == NULL ? 0 : (int32_t)tm.tm_gmtoff;
}

/*
 * The offset of a local second (as if it were UTC). Of the offsets before and after, the earlier
 * counts where it holds, and where neither does, in the gap.
 */
static int32_t
ask_local(int64_t local)
{
	int32_t before = ask(local - OFFSET_MAX), after = ask(local + OFFSET_MAX), here;

	here = ask(local - before);
	if (here == before)
		return before;
	if (ask(local - after) == after)
		return after;
	/* Of two changes within two days, the one between. */
	return ask(local - here) == here ? here : before;
}

/* --- what is remembered --- */

static int64_t
floor_div(int64_t n, int64_t by)
{
	return n / by - (n % by < 0);
}

static int64_t
clamp(int64_t second)
{
	return second < SECOND_MIN ? SECOND_MIN : second > SECOND_MAX ? SECOND_MAX : second;
}

/* As much around a second as has one offset: its hour, or where that changes within, less. */
static struct civil_span
find_span(int64_t second, int32_t (*asked)(int64_t))
{
	static const int32_t lengths[] = {HOUR, HOUR / 4, 60, 1};
	struct civil_span span;
	int32_t last;

	for (size_t i = 0;; i++) {
		span.length = lengths[i];
		span.from = floor_div(second, span.length) * span.length;
		span.offset = asked(span.from);
		last = span.length == 1 ? span.offset : asked(span.from + span.length - 1);
		if (last == span.offset)
			return span;
	}
}

static int32_t
offset_at(struct civil_zone *z, struct civil_span *spans, int64_t second, int32_t (*asked)(int64_t))
{
	struct civil_span *s = &spans[(uint64_t)floor_div(second, HOUR) % CIVIL_HOURS];

	if ((uint64_t)(second - s->from) >= (uint64_t)s->length) {
		enter(z);
		*s = find_span(second, asked);
		leave(z);
	}
	return s->offset;
}

int32_t
civil_offset(struct civil_zone *z, int64_t ms)
{
	return offset_at(z, z->utc, clamp(floor_div(ms, 1000)), ask);
}

/* --- the calendar --- */

/* Days from 1970-01-01; years begin in March, so that the leap day is the last. */
static int64_t
days_from(int year, int month, int day)
{
	int64_t y = year - (month <= 2), era = floor_div(y, 400);
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static void
date_from(int64_t days, struct civil *c)
{
	int64_t shifted = days + 719468, era = floor_div(shifted, 146097);
	int64_t day = shifted - era * 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * day_of_year + 2) / 153;

	c->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	c->month = (int)(month < 10 ? month + 3 : month - 9);
	c->year = (int)(year + era * 400 + (c->month <= 2));
}

int64_t
civil_as_utc(const struct civil *c)
{
	int64_t second = days_from(c->year, c->month, c->day) * DAY + c->hour * (int64_t)HOUR +
			 c->minute * (int64_t)60 + c->second;

	return second * 1000 + c->millisecond;
}

int64_t
civil_to_ms(struct civil_zone *z, const struct civil *c)
{
	int64_t ms = civil_as_utc(c);

	return ms - offset_at(z, z->local, clamp(floor_div(ms, 1000)), ask_local) * (int64_t)1000;
}

static void
from_ms(int64_t ms, int32_t offset, struct civil *c)
{
	int64_t second = clamp(floor_div(ms, 1000)), of_day;
	int64_t millisecond = ms % 1000;

	*c = (struct civil){
	    .millisecond = (int)(millisecond < 0 ? millisecond + 1000 : millisecond)};
	second += offset;
	date_from(floor_div(second, DAY), c);
	of_day = second - floor_div(second, DAY) * DAY;
	c->hour = (int)(of_day / HOUR);
	c->minute = (int)(of_day % HOUR / 60);
	c->second = (int)(of_day % 60);
}

void
civil_from_ms(struct civil_zone *z, int64_t ms, struct civil *c)
{
	from_ms(ms, civil_offset(z, ms), c);
}

/* --- as text --- */

/* Writes n in `digits` digits; where they end. */
static char *
put(char *at, int n, int digits)
{
	for (int i = digits; i-- > 0; n /= 10)
		at[i] = (char)('0' + n % 10);
	return at + digits;
}

size_t
civil_iso(struct civil_zone *z, int64_t ms, char text[CIVIL_ISO_SIZE])
{
	/* RFC 3339 has offsets in minutes. Some of the past had seconds: the instant stays right.
	 */
	int32_t offset = civil_offset(z, ms) / 60 * 60;
	struct civil c;
	char *at = text;

	from_ms(ms, offset, &c);
	at = put(at, c.year, 4);
	*at++ = '-';
	at = put(at, c.month, 2);
	*at++ = '-';
	at = put(at, c.day, 2);
	*at++ = 'T';
	at = put(at, c.hour, 2);
	*at++ = ':';
	at = put(at, c.minute, 2);
	*at++ = ':';
	at = put(at, c.second, 2);
	*at++ = '.';
	at = put(at, c.millisecond, 3);
	*at++ = offset < 0 ? '-' : '+';
	offset = offset < 0 ? -offset : offset;
	at = put(at, offset / HOUR, 2);
	*at++ = ':';
	at = put(at, offset % HOUR / 60, 2);
	*at = '\0';
	return (size_t)(at - text);
}
