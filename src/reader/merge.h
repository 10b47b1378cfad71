/*
 * Walks over several levels as one: of the entries that are next in each, the one whose time is
 * least (backward: greatest) comes first; of two with the same time, forward the one of the lower
 * level, and backward that of the higher. Each level's own order stays as it is in its files.
 */
#ifndef PBU_MERGE_H
#define PBU_MERGE_H

#include "reader/walk.h"

struct merge;

/* Over the levels (a LEVEL_BIT each), from a cursor on, or NULL. A level that the cursor has no
 * place for begins as without one. */
enum walk_open merge_new(struct merge **merge, unsigned levels, const struct walk_options *options,
    const struct cursor *from);
/* The same with options for each level, by enum level; their directions are the same. */
enum walk_open merge_new_each(struct merge **merge, unsigned levels,
    const struct walk_options options[LEVEL_COUNT], const struct cursor *from);
void merge_free(struct merge *m);

/* As walk_next(). */
enum walk_result merge_next(struct merge *m, struct walk_entry *entry);

/* Where it stands after the entry that was given last. */
void merge_cursor(const struct merge *m, struct cursor *c);
void merge_progress(const struct merge *m, uint64_t *scanned, uint64_t *of);
/* As walk_is_unsettled(), of any level. */
bool merge_is_unsettled(const struct merge *m);
/* As walk_given_up(), of all levels. */
uint64_t merge_given_up(const struct merge *m);
/* As walk_rest(), after WALK_END. */
void merge_rest(struct merge *m);

#endif
