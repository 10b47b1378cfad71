/*
 * An entry, and who is next to it in the log of this server: those of its own file by their place,
 * those of other levels by its time.
 */
#ifndef PBU_NEIGHBOURS_H
#define PBU_NEIGHBOURS_H

#include "reader/merge.h"

struct neighbours {
	struct cursor at; /* the entry */
	enum level level;
	int64_t ms; /* its time, once it was found; INT64_MIN: it has none */
};

/* False: the cursor is not that of an entry. */
bool neighbours_of(struct neighbours *n, const struct cursor *cursor);

/* Finds the entry, for its time; WALK_GONE: there is none. Of the options, search, range and
 * direction do not count, here and below. */
enum walk_open neighbours_find(struct neighbours *n, const struct walk_options *options);

/* Opens a merge over these levels (a LEVEL_BIT each) and the entry's own: forward the entry and
 * what is after it, backward what is before it; in the order of merge.h, which among entries of the
 * same time goes by level. */
enum walk_open neighbours_open(const struct neighbours *n, struct merge **merge, unsigned levels,
    const struct walk_options *options, bool forward);

#endif
