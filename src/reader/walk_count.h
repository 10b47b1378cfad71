/* Counting entries by their time, without giving them; for tally.c. */
#ifndef PBU_WALK_COUNT_H
#define PBU_WALK_COUNT_H

#include "reader/walk.h"

/*
 * Takes n entries whose times are from `least` to `greatest`. False: they do not lie in one bucket,
 * so they are to be given one by one, then with n == 1.
 */
typedef bool walk_counter(void *arg, int64_t least, int64_t greatest, uint64_t n);

/* A step of a walk backward with a start and an end, and without a search, for one that walk_next()
 * is never called for: WALK_MORE, WALK_END or WALK_FAILED. */
enum walk_result walk_count(struct walk *w, walk_counter *take, void *arg);

#endif
