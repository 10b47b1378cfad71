/*
 * Counts entries by time and level, for the histogram: what a walk over each level would give,
 * without reading blocks of which it is known that all their entries lie in one bucket.
 */
#ifndef PBU_TALLY_H
#define PBU_TALLY_H

#include "reader/walk.h"

struct tally;

/* Buckets of `width` milliseconds from options->start on, as many as reach options->end; both must
 * be set, and `count` is for them all: counts[bucket][level], zeroed, the caller's. Newest first.
 * NULL, with errno. */
struct tally *tally_new(unsigned levels, const struct walk_options *options, int64_t width,
    uint64_t (*counts)[LEVEL_COUNT]);
void tally_free(struct tally *t);

/* A step, of a few milliseconds: WALK_MORE, WALK_END or WALK_FAILED. */
enum walk_result tally_step(struct tally *t);
/* As walk_given_up(), of all levels. */
uint64_t tally_given_up(const struct tally *t);
void tally_progress(const struct tally *t, uint64_t *scanned, uint64_t *of);

#endif
