#include "files/rollover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RENAME_ATTEMPTS	  100
#define NUMBER_DIGITS_MAX 18
#define NUMBER_MAX	  INT64_C(999999999999999999)

/* From linux/fs.h, which not every C library passes on. */
#define FLAG_NOREPLACE 1

/* One more kind of roll-over is a row here, a member of enum rotate, and its word in
 * logs_settings.c. */
static const struct {
	const char *same;  /* as strftime(3) writes it: the same for two times of one period */
	const char *name;  /* the text of a period, likewise, in the order of time */
	const char *shape; /* of that text: 0 stands for any digit */
	int64_t reach;	   /* seconds, more than any period has */
} kinds[] = {
    /* A day has 25 hours at most, and a leap second may be counted. */
    [ROTATE_DAILY] = {"%Y-%m-%d", "%Y-%m-%d", "0000-00-00", 26 * 3600},
    [ROTATE_HOURLY] = {"%Y-%m-%d_%H%z", "%Y-%m-%d_%H", "0000-00-00_00", 3602},
    /* It has no periods; by size, files are named by their day. */
    [ROTATE_NEVER] = {"%Y-%m-%d", "%Y-%m-%d", "0000-00-00", 0},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The formats are those above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void
format_time(const char *format, int64_t t, char *text, size_t size)
{
	time_t seconds = (time_t)t;
	struct tm tm = {0};

	localtime_r(&seconds, &tm);
	if (strftime(text, size, format, &tm) == 0)
		*text = '\0';
}
#pragma GCC diagnostic pop

static bool
same_period(enum rotate rotate, int64_t a, int64_t b)
{
	char x[32], y[32];

	format_time(kinds[rotate].same, a, x, sizeof(x));
	format_time(kinds[rotate].same, b, y, sizeof(y));
	return strcmp(x, y) == 0;
}

/*
 * The second between lo and hi, one of which is in the period of t, at which that begins or ends.
 * It is searched for: a local midnight may not exist, or come twice, where mktime(3) has to guess.
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
	const int64_t reach = kinds[rotate].reach;

	if (rotate == ROTATE_NEVER)
		return (struct period){INT64_MIN, INT64_MAX};
	return (struct period){
	    find_boundary(rotate, t, t - reach, t),
	    find_boundary(rotate, t, t, t + reach),
	};
}

/* Whether the text begins like the shape. */
static bool
has_shape(const char *text, const char *shape)
{
	for (; *shape != '\0'; text++, shape++) {
		if (*shape == '0' ? *text < '0' || *text > '9' : *text != *shape)
			return false;
	}
	return true;
}

/* Takes the period that the text begins with, up to its end or a dot; its bytes, 0: there is none.
 */
static size_t
parse_period(const char *text, struct rollover_name *parsed)
{
	const char *end;
	struct tm tm;

	for (size_t i = 0; i < KINDS; i++) {
		size_t len = strlen(kinds[i].shape);

		if (!has_shape(text, kinds[i].shape) || (text[len] != '\0' && text[len] != '.'))
			continue;
		*parsed = (struct rollover_name){0};
		memcpy(parsed->period, text, len);
		/* It knows how many months, days and hours there are, and stops within 40. */
		end = strptime(parsed->period, kinds[i].name, &tm);
		return end == parsed->period + len ? len : 0;
	}
	return 0;
}

bool
rollover_parse(const char *file, const char *name, struct rollover_name *parsed)
{
	const char *p = name;
	size_t len, digits;

	for (; *file != '\0'; file++, p++) {
		if (*p != *file)
			return false;
	}
	if (*p++ != '.')
		return false;
	len = parse_period(p, parsed);
	if (len == 0)
		return false;
	p += len;
	if (*p == '\0')
		return true;
	digits = strspn(++p, "0123456789");
	if (p[-1] != '.' || *p == '0' || digits == 0 || digits > NUMBER_DIGITS_MAX ||
	    p[digits] != '\0')
		return false;
	parsed->number = strtoll(p, NULL, 10);
	return true;
}

struct rollover_name
rollover_name_of(enum rotate rotate, int64_t t)
{
	struct rollover_name n = {0};

	format_time(kinds[rotate].name, t, n.period, sizeof(n.period));
	return n;
}

void
rollover_format(const char *file, const struct rollover_name *n, char name[ROLLOVER_NAME_SIZE])
{
	int len = snprintf(name, ROLLOVER_NAME_SIZE, "%s.%s", file, n->period);

	if (n->number > 0)
		snprintf(name + len, ROLLOVER_NAME_SIZE - (size_t)len, ".%" PRId64, n->number);
}

int
rollover_compare_periods(const struct rollover_name *a, const struct rollover_name *b)
{
	return strcmp(a->period, b->period);
}

int
rollover_compare(const void *a, const void *b)
{
	const struct rollover_name *x = a, *y = b;
	int order = rollover_compare_periods(x, y);

	return order != 0 ? order : x->number < y->number ? -1 : x->number > y->number;
}

/* All users of a descriptor share its position, so reading opens its own. */
static DIR *
open_listing(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && listing == NULL)
		close(fd);
	return listing;
}

static bool
is_regular(int folder, const struct dirent *entry)
{
	struct stat st;

	/* Most file systems tell at once; to ask for 200,000 files takes 0.3 s. */
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_REG;
	return fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* The next entry; NULL at the end, with errno 0, and when it can't be read. */
static struct dirent *
next_entry(DIR *listing)
{
	errno = 0;
	return readdir(listing); // NOLINT(concurrency-mt-unsafe): a listing of one thread
}

struct rollover_name *
rollover_list(
    int folder, const char *file, const struct rollover_name *of, bool regular, size_t *count)
{
	DIR *listing = open_listing(folder);
	size_t room = 64;
	struct rollover_name *names, *more, n;
	struct dirent *entry;
	int error;

	*count = 0;
	if (listing == NULL)
		return NULL;
	names = malloc(room * sizeof(*names));
	while (names != NULL && (entry = next_entry(listing)) != NULL) {
		if (!rollover_parse(file, entry->d_name, &n) ||
		    (of != NULL && rollover_compare_periods(&n, of) != 0) ||
		    (regular && !is_regular(folder, entry)))
			continue;
		names[(*count)++] = n;
		if (*count < room)
			continue;
		room *= 2;
		more = realloc(names, room * sizeof(*names));
		if (more == NULL)
			free(names);
		names = more;
	}
	error = names == NULL ? ENOMEM : errno;
	closedir(listing);
	if (error == 0)
		return names;
	free(names);
	errno = error;
	return NULL;
}

bool
rollover_find_free(int folder, const char *file, struct rollover_name *n)
{
	size_t count;
	struct rollover_name *taken = rollover_list(folder, file, n, false, &count);

	if (taken == NULL)
		return false;
	qsort(taken, count, sizeof(*taken), rollover_compare);
	n->number = count > 0 ? taken[count - 1].number + 1 : 0;
	if (n->number > NUMBER_MAX) {
		n->number = 0;
		for (size_t i = 0; i < count && taken[i].number == n->number; i++)
			n->number++;
	}
	free(taken);
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
rollover_rename(int folder, const char *file, struct rollover_name *n)
{
	char name[ROLLOVER_NAME_SIZE];

	for (int i = 0; i < RENAME_ATTEMPTS; i++) {
		if (n->number <= NUMBER_MAX) {
			rollover_format(file, n, name);
			if (rename_without_replacing(folder, file, name))
				return true;
			if (errno != EEXIST)
				return false;
		}
		if (!rollover_find_free(folder, file, n))
			return false;
	}
	errno = EEXIST;
	return false;
}
