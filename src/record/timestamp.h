/* Points in time as text: local time as Python's logging formats it, and UTC. */
#ifndef PBU_TIMESTAMP_H
#define PBU_TIMESTAMP_H

#include "base/buf.h"
#include "json/value.h"

#include <stdint.h>
#include <time.h>

/* The last second that was formatted: records come in bunches of the same second, and a tenth of
 * the instructions from a body to its entries would go into this. */
struct timestamp_cache {
	time_t second;
	bool valid;
	struct buf text;
};

/*
 * Appends a second in local time by a strftime format; NULL means Python's default,
 * `%Y-%m-%d %H:%M:%S`. The cache must always be used with the same format.
 */
void timestamp_local(
    struct buf *out, struct timestamp_cache *cache, const char *format, time_t second);

/* Appends nanoseconds since the epoch as 2019-12-24T18:00:00.123Z (ISO 8601). */
void timestamp_utc(struct buf *out, int64_t nanoseconds);

/*
 * Reads a LogRecord's `created`, a finite NUMBER of seconds since the epoch: the second that it
 * lies in (rounded down, as time.localtime() does). False when it is not within the years 1 to
 * 9999.
 */
bool timestamp_created(struct value created, time_t *second);

/* The milliseconds that CPython's LogRecord derives from `created`: its fraction, truncated. */
int timestamp_msecs(struct value created);

#endif
