#include "base/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* glibc's default folder, and the zone it uses without TZ. */
#define DATABASE    "/usr/share/zoneinfo"
#define SYSTEM_ZONE ":/etc/localtime"

static const char *
database(void)
{
	const char *folder = getenv("TZDIR"); // NOLINT(concurrency-mt-unsafe): never changed

	return folder != NULL && *folder != '\0' ? folder : DATABASE;
}

/* Whether it is the path, absolute or in the database, of a file as RFC 9636 has it. */
static bool
is_file(const char *name)
{
	char path[PATH_MAX], magic[4];
	bool absolute = *name == '/', good;
	int len = snprintf(
	    path, sizeof(path), "%s%s%s", absolute ? "" : database(), absolute ? "" : "/", name);
	int fd;

	if (len < 0 || (size_t)len >= sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	good = read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
	       memcmp(magic, "TZif", sizeof(magic)) == 0;
	close(fd);
	return good;
}

/* The names of the database for UTC, which mean it to glibc also where there is none. */
static bool
is_utc(const char *name)
{
	static const char *const names[] = {"UTC", "UCT", "GMT", "Greenwich", "Universal", "Zulu"};

	if (strncasecmp(name, "Etc/", 4) == 0)
		name += 4;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Rules as POSIX has them (Base Definitions, 8.3); a change may be on another day (RFC
 * 9636, 3.3.2). */
#define NAME	"([A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
#define MINUTES "(:[0-5]?[0-9]){0,2}"
#define OFFSET	"[+-]?(2[0-4]|[01]?[0-9])" MINUTES
#define DAY                                                                                        \
	"(M(1[0-2]|0?[1-9])\\.[1-5]\\.[0-6]|J(36[0-5]|3[0-5][0-9]|[12][0-9]{2}|[1-9][0-9]?)|"      \
	"(36[0-5]|3[0-5][0-9]|[12]?[0-9]{1,2}))"
#define CHANGE "," DAY "(/[+-]?(16[0-7]|(1[0-5])?[0-9]|[0-9]{2})" MINUTES ")?"
#define RULES  "^" NAME OFFSET "(" NAME "(" OFFSET ")?(" CHANGE CHANGE ")?)?$"

static bool
is_posix(const char *name)
{
	regex_t rules;
	bool good;

	if (regcomp(&rules, RULES, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	good = regexec(&rules, name, 0, NULL, 0) == 0;
	regfree(&rules);
	return good;
}

bool
zone_valid(const char *name)
{
	name += *name == ':';
	return *name == '\0' || is_file(name) || is_utc(name) || is_posix(name);
}

static void
check(const void *settings, struct buf *mistakes)
{
	const struct zone_settings *s = settings;

	/* A system without this file is in UTC. */
	if (strcmp(s->name, SYSTEM_ZONE) == 0 || zone_valid(s->name))
		return;
	buf_printf(mistakes, "TZ=%s: is no time zone of %s%s, nor one as POSIX writes it\n",
	    s->name, database(),
	    access(database(), F_OK) == 0 ? "" : " (which is not there: install tzdata)");
}

static const struct setting rows[] = {
    {.name = "TZ",
	.help = "the time zone of asctime and of midnight",
	.fallback = SYSTEM_ZONE,
	.empty_counts = true,
	.kind = SETTING_TEXT,
	SETTING_INTO(struct zone_settings, name)},
};

const struct setting_group zone_settings_group = SETTING_GROUP(rows, check);

bool
zone_set(void)
{
	/* Without memory glibc would silently use UTC. */
	errno = 0;
	tzset();
	return errno != ENOMEM;
}
