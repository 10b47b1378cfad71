/*
 * Roll-over: when, and to which name.
 *
 * A file of a period is renamed to `info.log.2019-12-24`, or `info.log.2019-12-24_13` when its
 * periods are hours; where that is taken, `.1`, `.2` ... follows. Times are seconds of
 * CLOCK_REALTIME, taken as local time (TZ; the caller has called tzset()). Any thread.
 */
#ifndef PBU_ROLLOVER_H
#define PBU_ROLLOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rotate { ROTATE_DAILY, ROTATE_HOURLY, ROTATE_NEVER };

/* Fits the longest name made here, for the files of level_file(). */
#define ROLLOVER_NAME_SIZE 64

/* A local day or hour: from start up to, not including, end. */
struct period {
	int64_t start;
	int64_t end;
};

/* What the name of a rolled-over file says. */
struct rollover_name {
	char period[16]; /* "2019-12-24", or "2019-12-24_13": as text in the order of time */
	int64_t number;	 /* of .1, .2 ...; 0: none */
};

/*
 * The period that t is in. A day lasts as long as the local date, an hour as long as the local
 * hour at one UTC offset, so that daylight saving makes days of 23 or 25 hours, and the hour
 * that is repeated two periods. ROTATE_NEVER: all time.
 */
struct period rollover_period(enum rotate rotate, int64_t t);

/* The name, without a number, for the period of t; with ROTATE_NEVER for its day. */
struct rollover_name rollover_name_of(enum rotate rotate, int64_t t);

/* Takes apart a name that a rolled-over `file` may have; false: it is none. */
bool rollover_parse(const char *file, const char *name, struct rollover_name *parsed);

void rollover_format(
    const char *file, const struct rollover_name *n, char name[ROLLOVER_NAME_SIZE]);

/* By date, then hour: below, at, or above 0. */
int rollover_compare_periods(const struct rollover_name *a, const struct rollover_name *b);

/* Of two struct rollover_name, for qsort(3) too: by period, then number; that is the order in which
 * they were rolled over. */
int rollover_compare(const void *a, const void *b);

/*
 * The names of the rolled-over files of `file` in that folder, in no order: all, or of the period
 * of `of` only. With `regular`, those of regular files only. An array that the caller frees; NULL,
 * with errno, when they can't be listed to the end.
 */
struct rollover_name *rollover_list(
    int folder, const char *file, const struct rollover_name *of, bool regular, size_t *count);

/*
 * Lists the folder for the number after the highest that is taken in the period of *n; after the
 * last number there is, for the lowest that is free. A name that was pruned is not taken again
 * while a later one of its period exists, so that the numbers tell the order. False, with errno.
 */
bool rollover_find_free(int folder, const char *file, struct rollover_name *n);

/*
 * Renames `file`, in that folder, to *n, or where that is taken to what rollover_find_free() finds,
 * which is then in *n. Never replaces a file. False, with errno, when it can't be; nothing is
 * changed then. Without a name that is taken, it does not list the folder.
 */
bool rollover_rename(int folder, const char *file, struct rollover_name *n);

#endif
