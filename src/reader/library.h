/*
 * The log folder as the reader sees it: the files of each level, and what is remembered of those
 * that were read (the least and greatest time of each block, and how many entries begin in it). Any
 * thread.
 */
#ifndef PBU_LIBRARY_H
#define PBU_LIBRARY_H

#include "base/buf.h"
#include "base/level.h"
#include "reader/cursor.h"
#include "record/entry_parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file of a level: info.log, info.log.2019-12-24, info.log.2019-12-24_13.2, and what others made
 * of it: info.log.1, info.log-20191224. */
struct library_file {
	char name[256];
	uint64_t inode;
	int64_t born; /* as in struct place */
	uint64_t bytes;
	int64_t modified;    /* milliseconds since the epoch */
	int64_t first, last; /* times of its first and last entry; INT64_MIN: it has none */
};

struct library;

/* `path` and the parser must outlive it. Nothing is opened yet: the folder may come later. NULL: no
 * memory. */
struct library *library_new(const char *path, const struct entry_parser *parser);
void library_free(struct library *l);

/* The files of a level from the oldest to the current one: an array that the caller frees. NULL,
 * with errno; a folder that is not there has no files (*count is 0, and what is returned is not
 * NULL). Their first and last times are read. */
struct library_file *library_list(struct library *l, enum level level, size_t *count);

/* The times that files hold, first and last. */
struct library_range {
	int64_t first, last; /* milliseconds since the epoch */
};

#define LIBRARY_RANGE_EMPTY                                                                        \
	{                                                                                          \
		INT64_MAX, INT64_MIN                                                               \
	}

/* Widens it by a file. */
void library_range_add(struct library_range *range, const struct library_file *file);
/* By all files of these levels (a LEVEL_BIT each); false, with errno. */
bool library_range(struct library *l, unsigned levels, struct library_range *range);

#endif
