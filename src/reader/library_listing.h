/*
 * The files of a level at one moment, for those who walk through them; they are known by their
 * identity, as names change while one reads. Any thread.
 */
#ifndef PBU_LIBRARY_LISTING_H
#define PBU_LIBRARY_LISTING_H

#include "base/level.h"
#include "reader/blocks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct library;

struct listed_file {
	const char *name;
	struct file_id id;
	uint64_t bytes;	  /* of an open file those that are there for good (files/committed.h) */
	bool held;	  /* of an open file: somebody writes to it, under whatever name it has */
	bool unsettled;	  /* and has written more, which may be taken back */
	int64_t modified; /* nanoseconds since the epoch */
	bool current;	  /* it has the name that is written to */
};

/* Immutable, and shared by all who took it while the folder did not change. */
struct listing {
	unsigned refs;		/* under the library's lock */
	int64_t folder_changed; /* its modification time, nanoseconds; 0: not to be kept */
	size_t count;
	struct listed_file *files; /* from the oldest to the current one */
	char *names;
};

/*
 * Takes the files of a level; what is returned goes back to listing_release(). As long as the
 * folder was not changed it costs one system call. A folder that is not there has no files. NULL,
 * with errno.
 */
struct listing *listing_take(struct library *l, enum level level);
void listing_release(struct library *l, struct listing *listing);

/* The place of a file in it; `count` if it is not there. */
size_t listing_find(const struct listing *listing, const struct file_id *id);

/* What the file that is written to is now, as of an open one; false, with errno, ENOENT: there is
 * none. */
bool listing_current(struct library *l, enum level level, struct listed_file *file);

/*
 * Opens a file by its identity, under whatever name it has by now. A descriptor, and *file is what
 * it is now (its name is not set); -1 with errno, ENOENT: it is gone.
 */
int listing_open(struct library *l, enum level level, const struct listed_file *wanted,
    struct listed_file *file);
/* Looks at an open file again; false, with errno. */
bool listing_look(int fd, struct listed_file *file);

#endif
