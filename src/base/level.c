#include "base/level.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* logging._nameToLevel, those that have a file first. Of two names of a number getLevelName() gives
 * the first back. */
static const struct {
	const char *name;
	const char *file;
	long number;
} levels[] = {
    [LEVEL_DEBUG] = {"DEBUG", "debug.log", 10},
    [LEVEL_INFO] = {"INFO", "info.log", 20},
    [LEVEL_WARNING] = {"WARNING", "warning.log", 30},
    [LEVEL_ERROR] = {"ERROR", "error.log", 40},
    {"CRITICAL", NULL, 50},
    {"FATAL", NULL, 50},
    {"WARN", NULL, 30},
    {"NOTSET", NULL, 0},
};

/* Of the number in a name such as "Level 25". */
#define DIGITS_MAX    9

#define PYTHON_LEVELS ((int)(sizeof(levels) / sizeof(levels[0])))

/* Which of the first `count` levels has that name, or -1. */
static int
find(const char *name, size_t len, int count)
{
	for (int i = 0; i < count; i++) {
		if (strlen(levels[i].name) == len && strncasecmp(levels[i].name, name, len) == 0)
			return i;
	}
	return -1;
}

const char *
level_name(enum level level)
{
	return levels[level].name;
}

const char *
level_file(enum level level)
{
	return levels[level].file;
}

int
level_parse(const char *name, size_t len)
{
	return find(name, len, LEVEL_COUNT);
}

int
level_route(unsigned enabled, long levelno)
{
	for (int i = LEVEL_COUNT - 1; i >= 0; i--) {
		if ((enabled & LEVEL_BIT(i)) != 0 && levels[i].number <= levelno)
			return i;
	}
	return -1;
}

long
level_number_of(const char *name, size_t len)
{
	static const char other[] = "Level ";
	int level = find(name, len, PYTHON_LEVELS);
	size_t digits = sizeof(other) - 1;
	long number = 0;

	if (level >= 0)
		return levels[level].number;
	if (len <= digits || len > digits + DIGITS_MAX || strncasecmp(name, other, digits) != 0)
		return -1;
	for (; digits < len; digits++) {
		if (name[digits] < '0' || name[digits] > '9')
			return -1;
		number = number * 10 + (name[digits] - '0');
	}
	return number;
}

const char *
level_name_of(long levelno, char *text, size_t size)
{
	for (int i = 0; i < PYTHON_LEVELS; i++) {
		if (levels[i].number == levelno)
			return levels[i].name;
	}
	snprintf(text, size, "Level %ld", levelno);
	return text;
}
