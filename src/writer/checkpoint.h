/*
 * How far the writer is: the offsets of its partitions, the lengths of its files, and what was
 * seen, of one moment, at which they fit together. A file of JSON beside the logs, replaced as a
 * whole.
 *
 * For one thread.
 */
#ifndef PBU_CHECKPOINT_H
#define PBU_CHECKPOINT_H

#include "base/level.h"
#include "writer/identity.h"
#include "writer/seen.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHECKPOINT_NAME ".checkpoint"

/* One of each level, and that of what is rejected. */
#define CHECKPOINT_FILES     (LEVEL_COUNT + 1)
#define CHECKPOINT_NAME_SIZE 32
#define CHECKPOINT_TEXT_SIZE 256

struct checkpoint_file {
	char name[CHECKPOINT_NAME_SIZE]; /* which it had then */
	struct identity id;
	uint64_t length; /* bytes */
	bool mid_line;	 /* it ended in the middle of a line, by others */
};

/* A message that was read, which tells whether the partition is the one that it was. */
struct checkpoint_mark {
	int64_t offset;
	int64_t timestamp; /* as the topic has it */
};

#define CHECKPOINT_MARKS 8

struct checkpoint_place {
	int32_t partition;
	int64_t next;	   /* offset of the message to be read next */
	int64_t timestamp; /* of the one before it, as the topic has it; -1: not known */
	struct checkpoint_mark mark[CHECKPOINT_MARKS]; /* from the oldest on */
	size_t marks;
};

struct checkpoint {
	char topic[CHECKPOINT_TEXT_SIZE];
	char group[CHECKPOINT_TEXT_SIZE];
	char cluster[CHECKPOINT_TEXT_SIZE]; /* its id; "": not known */
	struct checkpoint_file file[CHECKPOINT_FILES];
	size_t files;
	struct checkpoint_place *place; /* owned */
	size_t places;
};

enum checkpoint_status { CHECKPOINT_GOOD, CHECKPOINT_NONE, CHECKPOINT_BAD };

/* Reads that of the folder, if there is one, into *c and *seen, which are empty. CHECKPOINT_BAD:
 * why, in error (size bytes). *c is to be freed in any case. json_init() was called. */
enum checkpoint_status checkpoint_read(
    int folder, struct checkpoint *c, struct seen *seen, char *error, size_t size);

/* Replaces it. `sync`: it is on the disk when this returns. False, with errno: the one before is
 * there still. */
bool checkpoint_write(
    int folder, const struct checkpoint *c, const struct seen *seen, int64_t now, bool sync);

void checkpoint_free(struct checkpoint *c);

#endif
