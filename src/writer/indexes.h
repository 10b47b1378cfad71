/* A set of indexes, kept as ranges: of one request's records, those that were seen. For one thread.
 */
#ifndef PBU_INDEXES_H
#define PBU_INDEXES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* The greatest index. */
#define INDEXES_MAX (UINT32_MAX - 1)

struct indexes_range {
	uint32_t from, to;
};

/* Zeroed it is empty. */
struct indexes {
	uint32_t count, room; /* of ranges */
	struct indexes_range
	    *range; /* sorted, with gaps between; owned. Without room: see `first` */
	struct indexes_range first; /* the only one, as most have */
};

void indexes_free(struct indexes *set);

bool indexes_have(const struct indexes *set, uint32_t index);

/* Adds from `from` to `to`, of which none is in it. How many ranges it has more: -1, 0 or 1.
 * Without memory nothing is added. */
int indexes_add(struct indexes *set, uint32_t from, uint32_t to);

/* The ranges, as many as `count` says. */
const struct indexes_range *indexes_ranges(const struct indexes *set);

/* Appends "0-999,1003". */
void indexes_write(const struct indexes *set, struct buf *out);

/* Reads a range at *at, which begins at `least` or later, and moves *at past it. False: there is
 * none. */
bool indexes_read_range(const char **at, uint32_t least, struct indexes_range *range);

/* Reads a decimal at *at, up to `most`, and moves *at past it. False: there is
 * none. */
bool indexes_read_number(const char **at, uint64_t most, uint64_t *number);

#endif
