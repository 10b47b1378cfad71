#include "reader/tally.h"

#include "base/clock.h"
#include "reader/walk_count.h"

#include <errno.h>
#include <stdlib.h>

/* As long is a step, and so many entries are between two looks at the clock. */
#define STEP_NS	     (2 * INT64_C(1000000))
#define STEP_ENTRIES 32

struct tally {
	struct walk_options options;
	int64_t width;
	uint64_t (*counts)[LEVEL_COUNT];
	bool searching;
	unsigned next; /* the level whose turn it is */
	struct {
		struct walk *walk; /* NULL: it is not asked for */
		bool ended;
	} level[LEVEL_COUNT];
};

/* What a level's walk counts into. */
struct tally_level {
	struct tally *tally;
	unsigned level;
};

struct tally *
tally_new(unsigned levels, const struct walk_options *options, int64_t width,
    uint64_t (*counts)[LEVEL_COUNT])
{
	struct tally *t;
	int error;

	if (width <= 0) {
		errno = EINVAL;
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->options = *options;
	t->options.forward = false;
	t->width = width;
	t->counts = counts;
	t->searching = options->search != NULL && !search_is_empty(options->search);
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		if ((levels & LEVEL_BIT(i)) == 0)
			continue;
		if (walk_new(&t->level[i].walk, (enum level)i, &t->options, NULL) == WALK_OPENED)
			continue;
		error = errno;
		tally_free(t);
		errno = error;
		return NULL;
	}
	return t;
}

void
tally_free(struct tally *t)
{
	if (t == NULL)
		return;
	for (unsigned i = 0; i < LEVEL_COUNT; i++)
		walk_free(t->level[i].walk);
	free(t);
}

static uint64_t
bucket_of(const struct tally *t, int64_t ms)
{
	return ((uint64_t)ms - (uint64_t)t->options.start) / (uint64_t)t->width;
}

static bool
count(void *arg, int64_t least, int64_t greatest, uint64_t n)
{
	const struct tally_level *l = arg;
	struct tally *t = l->tally;
	uint64_t bucket;

	if (least < t->options.start || greatest >= t->options.end)
		return false;
	bucket = bucket_of(t, least);
	if (bucket_of(t, greatest) != bucket)
		return false;
	t->counts[bucket][l->level] += n;
	return true;
}

static enum walk_result
step(struct tally *t, unsigned level)
{
	const int64_t until = clock_coarse_ns() + STEP_NS;
	struct tally_level l = {t, level};
	struct walk_entry entry;
	enum walk_result r;

	if (!t->searching)
		return walk_count(t->level[level].walk, count, &l);
	for (unsigned n = 1;; n++) {
		r = walk_next(t->level[level].walk, &entry);
		if (r != WALK_ENTRY)
			return r;
		count(&l, entry.ms, entry.ms, 1);
		/* Where much is found a walk does not stop by itself. */
		if (n % STEP_ENTRIES == 0 && clock_coarse_ns() > until)
			return WALK_MORE;
	}
}

enum walk_result
tally_step(struct tally *t)
{
	enum walk_result r;

	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		unsigned level = (t->next + i) % LEVEL_COUNT;

		if (t->level[level].walk == NULL || t->level[level].ended)
			continue;
		r = step(t, level);
		if (r == WALK_FAILED)
			return r;
		t->level[level].ended = r == WALK_END;
		t->next = level + 1;
		return WALK_MORE;
	}
	return WALK_END;
}

uint64_t
tally_given_up(const struct tally *t)
{
	uint64_t n = 0;

	for (int i = 0; i < LEVEL_COUNT; i++)
		n += t->level[i].walk != NULL ? walk_given_up(t->level[i].walk) : 0;
	return n;
}

void
tally_progress(const struct tally *t, uint64_t *scanned, uint64_t *of)
{
	uint64_t s, o;

	*scanned = *of = 0;
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		if (t->level[i].walk == NULL)
			continue;
		walk_progress(t->level[i].walk, &s, &o);
		*scanned += s;
		*of += o;
	}
}
