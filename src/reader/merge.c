#include "reader/merge.h"

#include <errno.h>
#include <stdlib.h>

struct merge_level {
	struct walk *walk; /* NULL: it is not asked for */
	bool waiting;	   /* its next entry is here */
	bool ended;
	struct walk_entry entry;
};

struct merge {
	bool forward, ended;
	struct merge_level level[LEVEL_COUNT];
};

enum walk_open
merge_new(struct merge **merge, unsigned levels, const struct walk_options *options,
    const struct cursor *from)
{
	struct walk_options each[LEVEL_COUNT];

	for (int i = 0; i < LEVEL_COUNT; i++)
		each[i] = *options;
	return merge_new_each(merge, levels, each, from);
}

enum walk_open
merge_new_each(struct merge **merge, unsigned levels,
    const struct walk_options options[LEVEL_COUNT], const struct cursor *from)
{
	struct merge *m = calloc(1, sizeof(*m));
	enum walk_open r;
	int error;

	*merge = NULL;
	if (m == NULL)
		return WALK_NOT_OPENED;
	m->forward = options[0].forward;
	for (int i = 0; i < LEVEL_COUNT; i++) {
		bool placed = from != NULL && (from->levels & LEVEL_BIT(i)) != 0;

		if ((levels & LEVEL_BIT(i)) == 0)
			continue;
		r = walk_new(
		    &m->level[i].walk, (enum level)i, &options[i], placed ? &from->at[i] : NULL);
		if (r != WALK_OPENED) {
			error = errno;
			merge_free(m);
			errno = error;
			return r;
		}
	}
	*merge = m;
	return WALK_OPENED;
}

void
merge_free(struct merge *m)
{
	if (m == NULL)
		return;
	for (int i = 0; i < LEVEL_COUNT; i++)
		walk_free(m->level[i].walk);
	free(m);
}

/* Asks each level that has no entry waiting for its next. WALK_ENTRY: all have, or have ended. */
static enum walk_result
fill(struct merge *m)
{
	enum walk_result result = WALK_ENTRY, r;

	for (int i = 0; i < LEVEL_COUNT; i++) {
		struct merge_level *l = &m->level[i];

		if (l->walk == NULL || l->waiting || l->ended)
			continue;
		r = walk_next(l->walk, &l->entry);
		if (r == WALK_FAILED)
			return r;
		if (r == WALK_MORE)
			result = r;
		l->waiting = r == WALK_ENTRY;
		l->ended = r == WALK_END;
	}
	return result;
}

/* Whether one that is next in a level comes before the best of the levels below. */
static bool
comes_first(const struct merge *m, const struct walk_entry *e, const struct walk_entry *best)
{
	return m->forward ? e->ms < best->ms : e->ms >= best->ms;
}

enum walk_result
merge_next(struct merge *m, struct walk_entry *entry)
{
	struct merge_level *best = NULL;
	enum walk_result r;

	/* What has ended is asked again when all have: to look at each for each entry of the others
	 * would cost more than to read them. */
	if (m->ended && m->forward) {
		for (int i = 0; i < LEVEL_COUNT; i++)
			m->level[i].ended = false;
	}
	m->ended = false;
	r = fill(m);
	if (r != WALK_ENTRY)
		return r;
	for (int i = 0; i < LEVEL_COUNT; i++) {
		struct merge_level *l = &m->level[i];

		if (l->waiting && (best == NULL || comes_first(m, &l->entry, &best->entry)))
			best = l;
	}
	if (best == NULL) {
		m->ended = true;
		return WALK_END;
	}
	best->waiting = false;
	*entry = best->entry;
	return WALK_ENTRY;
}

void
merge_cursor(const struct merge *m, struct cursor *c)
{
	*c = (struct cursor){0};
	for (int i = 0; i < LEVEL_COUNT; i++) {
		const struct merge_level *l = &m->level[i];

		if (l->walk == NULL)
			continue;
		c->levels |= LEVEL_BIT(i);
		c->at[i] = l->waiting ? l->entry.at : walk_place(l->walk);
		/* One that waits is the next to be given, also backward. */
		if (l->waiting && !m->forward)
			c->at[i].offset = l->entry.after;
	}
}

void
merge_progress(const struct merge *m, uint64_t *scanned, uint64_t *of)
{
	uint64_t s, o;

	*scanned = *of = 0;
	for (int i = 0; i < LEVEL_COUNT; i++) {
		if (m->level[i].walk == NULL)
			continue;
		walk_progress(m->level[i].walk, &s, &o);
		*scanned += s;
		*of += o;
	}
}

bool
merge_is_unsettled(const struct merge *m)
{
	for (int i = 0; i < LEVEL_COUNT; i++) {
		if (m->level[i].walk != NULL && walk_is_unsettled(m->level[i].walk))
			return true;
	}
	return false;
}

uint64_t
merge_given_up(const struct merge *m)
{
	uint64_t n = 0;

	for (int i = 0; i < LEVEL_COUNT; i++)
		n += m->level[i].walk != NULL ? walk_given_up(m->level[i].walk) : 0;
	return n;
}

void
merge_rest(struct merge *m)
{
	for (int i = 0; i < LEVEL_COUNT; i++) {
		struct merge_level *l = &m->level[i];

		/* Where an entry waits, its text lies in a buffer. */
		if (l->walk != NULL && !l->waiting)
			walk_rest(l->walk);
	}
}
