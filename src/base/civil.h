/*
 * Local times of any time zone, and UTC.
 *
 * glibc knows one zone at a time, TZ: here others are asked for under a lock, and what it said of
 * an hour is remembered by the caller's struct civil_zone, so that it is asked once an hour of the
 * log.
 */
#ifndef PBU_CIVIL_H
#define PBU_CIVIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fits every name of the zone database, and rules as POSIX has them. */
#define CIVIL_NAME_SIZE 64

/* Milliseconds since the epoch: no time of the years 1 to 9999 is beyond, whatever its offset (of
 * four digits, hours and minutes: five days at most). */
#define CIVIL_MS_MIN INT64_C(-62136028800000)
#define CIVIL_MS_MAX INT64_C(253402732799999)

static inline bool
civil_is_known(int64_t ms)
{
	return ms >= CIVIL_MS_MIN && ms <= CIVIL_MS_MAX;
}

/* A local time, to the millisecond. */
struct civil {
	int year, month, day;	  /* 1 to 9999, 1 to 12, 1 to 31 */
	int hour, minute, second; /* 0 to 23, 0 to 59, 0 to 60 */
	int millisecond;
};

/* How many days a month has, of 1 to 12. */
static inline int
civil_month_days(int year, int month)
{
	static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

/* Seconds that all have the same offset, an hour as a rule. */
struct civil_span {
	int64_t from;	/* since the epoch, local or UTC */
	int32_t length; /* 0: none */
	int32_t offset;
};

/* Hours that are remembered. */
#define CIVIL_HOURS 4

/* A zone, for one thread at a time; its memory is the caller's, and needs no freeing. Zeroed it is
 * the process's own. */
struct civil_zone {
	char name[CIVIL_NAME_SIZE]; /* "": the process's own, TZ */
	struct civil_span local[CIVIL_HOURS], utc[CIVIL_HOURS];
};

/*
 * Takes note of TZ, before the first thread is started and after TZ was changed for the last time.
 * From then on TZ and tzset(3) are this file's alone: elsewhere localtime_r(3) and the like could
 * see the zone of another thread's question.
 */
void civil_start(void);

/* False: there is no such zone in the database or as POSIX writes it (base/zone.h), or its name is
 * too long or a path: it may come from anybody. NULL or "" is the process's own. */
bool civil_zone_open(struct civil_zone *z, const char *name);

/* Seconds east of UTC at a time (milliseconds since the epoch). */
int32_t civil_offset(struct civil_zone *z, int64_t ms);

/*
 * Milliseconds since the epoch. As Python's datetime with fold=0: of a time that comes twice the
 * first, and one that does not exist at the offset before the gap.
 */
int64_t civil_to_ms(struct civil_zone *z, const struct civil *c);

/* The same of a time in UTC. */
int64_t civil_as_utc(const struct civil *c);

void civil_from_ms(struct civil_zone *z, int64_t ms, struct civil *c);

/* Writes 2026-11-24T08:21:46.035+01:00 (ISO 8601, RFC 3339) and a NUL to text; its length. Times
 * before the year 1 and after 9999 become the first and the last of them. */
#define CIVIL_ISO_SIZE 32
size_t civil_iso(struct civil_zone *z, int64_t ms, char text[CIVIL_ISO_SIZE]);

#endif
