/* The parts of its files that a walk looks at, one in memory at a time: as much as lies in one
 * block. */
#ifndef PBU_WALK_PARTS_H
#define PBU_WALK_PARTS_H

#include "reader/walk_count.h"

/* The end of a step. The clock is asked for it when it is needed first, as most steps find an entry
 * at once. Zeroed at first. */
struct walk_step {
	int64_t until; /* 0: not set yet */
};

bool walk_step_is_over(struct walk_step *s);

/*
 * Goes on until there are entries in memory that may be in the range (WALK_ENTRY), from file to
 * file. With `take`, which may be NULL, what lies in one bucket is given to that at once.
 */
enum walk_result walk_parts_find(
    struct walk *w, struct walk_step *step, walk_counter *take, void *arg);

/* Goes on after (backward: before) the part that is in memory. */
void walk_parts_leave(struct walk *w);

/* Whether all times from one to another are in the walk's range. */
bool walk_parts_in_range(const struct walk *w, int64_t least, int64_t greatest);

#endif
