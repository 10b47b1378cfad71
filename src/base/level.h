/* The four levels that have a file, and Python's names and numbers of levels. */
#ifndef PBU_LEVEL_H
#define PBU_LEVEL_H

#include <stddef.h>

enum level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR, LEVEL_COUNT };

#define LEVEL_BIT(level) (1U << (level))

/* "DEBUG" ... "ERROR". */
const char *level_name(enum level level);

/* "debug.log" ... "error.log". */
const char *level_file(enum level level);

/* The level of that name (any case), or -1. */
int level_parse(const char *name, size_t len);

/*
 * The file a record goes to: that of the highest enabled level (a LEVEL_BIT each) that is not
 * above the record's number; -1 when it is below all of them.
 */
int level_route(unsigned enabled, long levelno);

/* The number that CPython's logging gives a level name (any case), or that it has made one of
 * ("Level 25"); or -1. */
long level_number_of(const char *name, size_t len);

/*
 * Writes what logging.getLevelName(levelno) returns ("INFO", "Level 25") into text, which holds
 * size bytes, and returns text.
 */
const char *level_name_of(long levelno, char *text, size_t size);

#endif
