#include "level.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	const char *file;
	long number;
} levels[LEVEL_COUNT] = {
    [LEVEL_DEBUG] = {"DEBUG", "debug.log", 10},
    [LEVEL_INFO] = {"INFO", "info.log", 20},
    [LEVEL_WARNING] = {"WARNING", "warning.log", 30},
    [LEVEL_ERROR] = {"ERROR", "error.log", 40},
};

/* logging._nameToLevel; the first name of a number is the one getLevelName() gives back. */
static const struct {
	const char *name;
	long number;
} python_levels[] = {
    {"CRITICAL", 50},
    {"FATAL", 50},
    {"ERROR", 40},
    {"WARNING", 30},
    {"WARN", 30},
    {"INFO", 20},
    {"DEBUG", 10},
    {"NOTSET", 0},
};

#define PYTHON_LEVELS (sizeof(python_levels) / sizeof(python_levels[0]))

static int
same_name(const char *name, const char *text, size_t len)
{
	return strlen(name) == len && strncasecmp(name, text, len) == 0;
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
	for (int i = 0; i < LEVEL_COUNT; i++) {
		if (same_name(levels[i].name, name, len))
			return i;
	}
	return -1;
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
	for (size_t i = 0; i < PYTHON_LEVELS; i++) {
		if (same_name(python_levels[i].name, name, len))
			return python_levels[i].number;
	}
	return -1;
}

const char *
level_name_of(long levelno, char *text, size_t size)
{
	for (size_t i = 0; i < PYTHON_LEVELS; i++) {
		if (python_levels[i].number == levelno)
			return python_levels[i].name;
	}
	snprintf(text, size, "Level %ld", levelno);
	return text;
}
