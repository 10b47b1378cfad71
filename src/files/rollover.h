/*
 * Roll-over: when, to which name, and which of the old ones go.
 *
 * A file of a period is renamed to `info.log.2019-12-24`, or `info.log.2019-12-24_13` when its
 * periods are hours; where that is taken, `.1`, `.2` ... follows. Times are seconds of
 * CLOCK_REALTIME, taken as local time (TZ; the caller has called tzset()).
 */
#ifndef PBU_ROLLOVER_H
#define PBU_ROLLOVER_H

#include "options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fits the longest name made here, for the files of level_file(). */
#define ROLLOVER_NAME_SIZE 64

/* A local day or hour: from start up to, not including, end. */
struct period {
	int64_t start;
	int64_t end;
};

/* What the name of a rolled-over file says. */
struct rollover_name {
	int year, month, day;
	int hour;	 /* -1: a day's */
	unsigned number; /* of .1, .2 ...; 0: none */
};

/*
 * The period that t is in. A day lasts as long as the local date, an hour as long as the local
 * hour at one UTC offset, so that daylight saving makes days of 23 or 25 hours, and the hour
 * that is repeated two periods. ROTATE_NEVER: all time.
 */
struct period rollover_period(enum rotate rotate, int64_t t);

/* Takes apart a name that a rolled-over `file` may have; false: it is none. */
bool rollover_parse(const char *file, const char *name, struct rollover_name *parsed);

/*
 * Renames `file`, in that folder, to the name of the period of t: the plain name, or the number
 * after the highest that is taken. Never replaces a file. The name is left in `name`. False, with
 * errno, when it can't be; nothing is changed then.
 */
bool rollover_rename(
    int folder, const char *file, enum rotate rotate, int64_t t, char name[ROLLOVER_NAME_SIZE]);

/*
 * Deletes the oldest of the rolled-over files of `file`, in that folder, beyond `keep` (0 keeps
 * all). Nothing but a regular file with a name as rollover_parse() takes it is touched. False,
 * with errno, when one that should be deleted could not be.
 */
bool rollover_prune(int folder, const char *file, unsigned keep);

#endif
