#include "reader/neighbours.h"

static struct walk_options
everything(const struct walk_options *options, bool forward)
{
	struct walk_options all = *options;

	all.search = NULL;
	all.start = INT64_MIN;
	all.end = INT64_MAX;
	all.forward = forward;
	return all;
}

bool
neighbours_of(struct neighbours *n, const struct cursor *cursor)
{
	*n = (struct neighbours){.at = *cursor, .level = LEVEL_COUNT, .ms = INT64_MIN};
	for (int level = 0; level < LEVEL_COUNT; level++) {
		if (cursor->levels == LEVEL_BIT(level))
			n->level = (enum level)level;
	}
	return n->level != LEVEL_COUNT;
}

enum walk_open
neighbours_find(struct neighbours *n, const struct walk_options *options)
{
	const struct walk_options all = everything(options, true);
	const struct place *at = &n->at.at[n->level];
	struct walk_entry entry = {.ms = INT64_MIN};
	struct walk *w;
	enum walk_open opened = walk_new(&w, n->level, &all, at);
	enum walk_result result;

	if (opened != WALK_OPENED)
		return opened;
	do
		result = walk_next(w, &entry);
	while (result == WALK_MORE);
	n->ms = entry.ms;
	/* There is no entry at the end of the file that a cursor may name as well. */
	if (result == WALK_END || (result == WALK_ENTRY && (entry.at.offset != at->offset ||
							       entry.at.inode != at->inode)))
		opened = WALK_GONE;
	else if (result == WALK_FAILED)
		opened = WALK_NOT_OPENED;
	walk_free(w);
	return opened;
}

enum walk_open
neighbours_open(const struct neighbours *n, struct merge **merge, unsigned levels,
    const struct walk_options *options, bool forward)
{
	struct walk_options each[LEVEL_COUNT];

	for (int level = 0; level < LEVEL_COUNT; level++) {
		const bool same_is_before = level < (int)n->level;

		each[level] = everything(options, forward);
		if (level == (int)n->level)
			continue;
		if (forward)
			each[level].start = n->ms + (same_is_before ? 1 : 0);
		else
			each[level].end = n->ms + (same_is_before ? 1 : 0);
	}
	/* Without a time nothing tells where it stands among those of other levels. */
	if (n->ms == INT64_MIN)
		levels = 0;
	return merge_new_each(merge, levels | LEVEL_BIT(n->level), each, &n->at);
}
