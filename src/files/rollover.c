#include "files/rollover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RENAME_ATTEMPTS	  100
#define NUMBER_DIGITS_MAX 9

/* From linux/fs.h, which not every C library passes on. */
#define FLAG_NOREPLACE 1

static struct tm
local_time(int64_t t)
{
	time_t seconds = (time_t)t;
	struct tm tm = {0};

	localtime_r(&seconds, &tm);
	return tm;
}

static bool
same_period(enum rotate rotate, int64_t a, int64_t b)
{
	struct tm x = local_time(a), y = local_time(b);

	if (x.tm_year != y.tm_year || x.tm_yday != y.tm_yday)
		return false;
	return rotate == ROTATE_DAILY || (x.tm_hour == y.tm_hour && x.tm_gmtoff == y.tm_gmtoff);
}

/*
 * The first second of the period of `hi`, or the first after that of `lo`: between two times of
 * different periods, the second at which it becomes another one than that of t. Searched for,
 * because a local midnight may not exist, or come twice, where mktime(3) would have to guess.
 */
static int64_t
find_boundary(enum rotate rotate, int64_t t, int64_t lo, int64_t hi)
{
	bool hi_is_same = same_period(rotate, hi, t);

	while (hi - lo > 1) {
		int64_t middle = lo + (hi - lo) / 2;

		if (same_period(rotate, middle, t) == hi_is_same)
			hi = middle;
		else
			lo = middle;
	}
	return hi;
}

struct period
rollover_period(enum rotate rotate, int64_t t)
{
	/* Longer than any period: a day has at most 25 hours, and a leap second may be counted. */
	const int64_t reach = rotate == ROTATE_DAILY ? 26 * 3600 : 3602;

	if (rotate == ROTATE_NEVER)
		return (struct period){INT64_MIN, INT64_MAX};
	return (struct period){
	    find_boundary(rotate, t, t - reach, t),
	    find_boundary(rotate, t, t, t + reach),
	};
}

/* Exactly `digits` digits at *p, of a value within the bounds; moves *p behind them. */
static bool
parse_number(const char **p, int digits, int min, int max, int *value)
{
	*value = 0;
	for (int i = 0; i < digits; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		*value = *value * 10 + (**p - '0');
	}
	return *value >= min && *value <= max;
}

/* ".1" and so on, up to the end of the name. */
static bool
parse_suffix(const char *p, unsigned *number)
{
	size_t digits = strspn(++p, "0123456789");

	if (digits == 0 || digits > NUMBER_DIGITS_MAX || p[digits] != '\0' || p[0] == '0')
		return false;
	*number = (unsigned)strtoul(p, NULL, 10);
	return true;
}

bool
rollover_parse(const char *file, const char *name, struct rollover_name *parsed)
{
	size_t len = strlen(file);
	const char *p = name + len;

	if (strncmp(name, file, len) != 0 || *p++ != '.')
		return false;
	if (!parse_number(&p, 4, 0, 9999, &parsed->year) || *p++ != '-' ||
	    !parse_number(&p, 2, 1, 12, &parsed->month) || *p++ != '-' ||
	    !parse_number(&p, 2, 1, 31, &parsed->day))
		return false;
	parsed->hour = -1;
	if (*p == '_') {
		p++;
		if (!parse_number(&p, 2, 0, 23, &parsed->hour))
			return false;
	}
	parsed->number = 0;
	return *p == '\0' || (*p == '.' && parse_suffix(p, &parsed->number));
}

/* By date, then hour. */
static int
compare_periods(const struct rollover_name *a, const struct rollover_name *b)
{
	if (a->year != b->year)
		return a->year < b->year ? -1 : 1;
	if (a->month != b->month)
		return a->month < b->month ? -1 : 1;
	if (a->day != b->day)
		return a->day < b->day ? -1 : 1;
	return a->hour < b->hour ? -1 : a->hour > b->hour;
}

static int
compare_names(const void *a, const void *b)
{
	const struct rollover_name *x = a, *y = b;
	int order = compare_periods(x, y);

	return order != 0 ? order : x->number < y->number ? -1 : x->number > y->number;
}

static void
format_name(const char *file, const struct rollover_name *n, char name[ROLLOVER_NAME_SIZE])
{
	int len = snprintf(
	    name, ROLLOVER_NAME_SIZE, "%s.%04d-%02d-%02d", file, n->year, n->month, n->day);

	if (n->hour >= 0)
		len += snprintf(name + len, ROLLOVER_NAME_SIZE - (size_t)len, "_%02d", n->hour);
	if (n->number > 0)
		snprintf(name + len, ROLLOVER_NAME_SIZE - (size_t)len, ".%u", n->number);
}

/* The folder's descriptor has one position for all: reading needs an own one. */
static DIR *
open_listing(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && listing == NULL)
		close(fd);
	return listing;
}

/* Sets the number of *n to the first free one. A name that was pruned is not taken again while
 * a later one of its period exists, so that the numbers tell the order. */
static bool
find_free(int folder, const char *file, struct rollover_name *n)
{
	DIR *listing = open_listing(folder);
	struct rollover_name other;
	struct dirent *entry;

	if (listing == NULL)
		return false;
	n->number = 0;
	/* Of a listing of its own. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((entry = readdir(listing)) != NULL) {
		if (rollover_parse(file, entry->d_name, &other) &&
		    compare_periods(&other, n) == 0 && other.number >= n->number)
			n->number = other.number + 1;
	}
	closedir(listing);
	return true;
}

static bool
rename_without_replacing(int folder, const char *from, const char *to)
{
	int saved;

#ifdef SYS_renameat2
	if (syscall(SYS_renameat2, folder, from, folder, to, FLAG_NOREPLACE) == 0)
		return true;
	if (errno != ENOSYS && errno != EINVAL)
		return false;
#endif
	/* Not every file system can do that; link(2) does not replace either. */
	if (linkat(folder, from, folder, to, 0) != 0)
		return false;
	if (unlinkat(folder, from, 0) == 0)
		return true;
	saved = errno;
	unlinkat(folder, to, 0);
	errno = saved;
	return false;
}

bool
rollover_rename(
    int folder, const char *file, enum rotate rotate, int64_t t, char name[ROLLOVER_NAME_SIZE])
{
	struct tm tm = local_time(t);
	struct rollover_name n = {
	    .year = tm.tm_year + 1900,
	    .month = tm.tm_mon + 1,
	    .day = tm.tm_mday,
	    .hour = rotate == ROTATE_HOURLY ? tm.tm_hour : -1,
	};

	for (int i = 0; i < RENAME_ATTEMPTS; i++) {
		if (!find_free(folder, file, &n))
			return false;
		format_name(file, &n, name);
		if (rename_without_replacing(folder, file, name))
			return true;
		if (errno != EEXIST)
			return false;
	}
	return false;
}

static bool
is_regular(int folder, const char *name)
{
	struct stat st;

	return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* All the rolled-over files; NULL, with errno, when they can't be listed. The caller frees. */
static struct rollover_name *
list_names(int folder, const char *file, size_t *count)
{
	DIR *listing = open_listing(folder);
	size_t room = 64;
	struct rollover_name *names = malloc(room * sizeof(*names)), *more;
	struct dirent *entry;

	*count = 0;
	/* Of a listing of its own. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (listing != NULL && names != NULL && (entry = readdir(listing)) != NULL) {
		if (!rollover_parse(file, entry->d_name, &names[*count]) ||
		    !is_regular(folder, entry->d_name))
			continue;
		if (++*count < room)
			continue;
		room *= 2;
		more = realloc(names, room * sizeof(*names));
		if (more == NULL)
			free(names);
		names = more;
	}
	if (listing == NULL) {
		free(names);
		return NULL;
	}
	closedir(listing);
	return names;
}

bool
rollover_prune(int folder, const char *file, unsigned keep)
{
	struct rollover_name *names;
	char name[ROLLOVER_NAME_SIZE];
	size_t count;
	int error = 0;

	if (keep == 0)
		return true;
	names = list_names(folder, file, &count);
	if (names == NULL)
		return false;
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 0; i + keep < count; i++) {
		format_name(file, &names[i], name);
		if (unlinkat(folder, name, 0) != 0 && errno != ENOENT && error == 0)
			error = errno;
	}
	free(names);
	errno = error;
	return error == 0;
}
