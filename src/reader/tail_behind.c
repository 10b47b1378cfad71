#include "reader/tail_behind.h"

#include "base/clock.h"
#include "base/metrics.h"

#include <errno.h>

#define MILLISECOND INT64_C(1000000)

/* What all of them have of the thread at a time, and each. */
#define ALL_MAX	 (5 * MILLISECOND)
#define TURN_MAX (2 * MILLISECOND)

/* Steps of a turn between two looks at the clock. */
#define TURN_STEPS 64

/* An expression that takes longer than this for an entry, and so much more for each byte, is not
 * waited for: the entry counts as dropped. */
#define PATIENCE      (10 * MILLISECOND)
#define PATIENCE_BYTE 10

struct cursor
behind_complete(const struct feed *f, const struct cursor *at, unsigned levels)
{
	struct cursor c = f->at;

	for (int level = 0; level < LEVEL_COUNT; level++) {
		if ((at->levels & LEVEL_BIT(level)) != 0)
			c.at[level] = at->at[level];
	}
	c.levels = levels;
	return c;
}

void
behind_fall(struct feed *f, struct viewer *v, const struct cursor *at, struct merge *merge)
{
	v->behind = true;
	v->at = behind_complete(f, at, v->selection.levels);
	v->merge = merge;
	v->waits = VIEWER_READY;
	v->credit = feed_passed(f, v->selection.levels);
}

/* Closes what it reads; `at` is where it goes on. */
static void
close_merge(struct viewer *v, enum viewer_waits waits)
{
	if (v->merge != NULL)
		merge_free(v->merge);
	v->merge = NULL;
	v->waits = waits;
}

/* False: it can't go on now. */
static bool
open_merge(struct feed *f, struct viewer *v)
{
	enum walk_open opened = WALK_OPENED;

	if (v->merge != NULL)
		return true;
	opened = merge_new(&v->merge, v->selection.levels, &f->options, &v->at);
	if (opened == WALK_OPENED)
		return true;
	v->merge = NULL;
	v->waits = VIEWER_TICK;
	/* It is told so when it comes again. */
	v->over = opened == WALK_GONE;
	return false;
}

/* Sends what is left of a parcel. False: there is no room. */
static bool
finish_parcel(struct feed *f, struct viewer *v)
{
	if (v->parcel == NULL)
		return true;
	if (!viewer_send_parcel(v))
		return false;
	metrics_add(&f->reading->metrics->entries, 1);
	tail_render_give_back(&f->render, v->parcel);
	v->parcel = NULL;
	f->again = true;
	return true;
}

/* An entry that it selects: at once if there is room for it, else as a parcel. False: neither. */
static bool
deliver(struct feed *f, struct viewer *v, struct tail_entry *e, const struct cursor *after)
{
	if (feed_tell_dropped(f, v, &v->at) && feed_send(f, v, e, after)) {
		metrics_add(&f->reading->metrics->entries, 1);
		return true;
	}
	if (v->form.framed)
		viewer_frame(v, &f->render, e, after);
	v->parcel = tail_render_take(&f->render, &v->form, e);
	f->wanting = f->wanting || v->parcel == NULL;
	return v->parcel != NULL;
}

/* Deals with an entry. False: it can't now, and has to read it again. */
static bool
take(struct feed *f, struct viewer *v, const struct walk_entry *e)
{
	struct tail_entry entry = tail_render_next(&f->render, e);
	enum search_result found =
	    feed_search(f, v, &entry, PATIENCE + PATIENCE_BYTE * (int64_t)e->len);
	struct cursor after;

	merge_cursor(v->merge, &after);
	if (found == SEARCH_TOO_LONG || (found == SEARCH_YES && v->dropping))
		v->dropped++;
	else if (found == SEARCH_YES && !deliver(f, v, &entry, &after))
		return false;
	v->at = after;
	v->credit += (int64_t)(e->after - e->at.offset);
	return true;
}

static bool
same_places(const struct cursor *a, const struct cursor *b, unsigned levels)
{
	for (int level = 0; level < LEVEL_COUNT; level++) {
		if ((levels & LEVEL_BIT(level)) != 0 && !same_place(&a->at[level], &b->at[level]))
			return false;
	}
	return true;
}

/* There are no more entries for now. Where the follower stands in the same place, it goes on with
 * that; where not, something came in between, and each has to look again. */
static void
reach_end(struct feed *f, struct viewer *v)
{
	bool told;

	merge_cursor(v->merge, &v->at);
	told = feed_tell_dropped(f, v, &v->at);
	if (!told && !v->dropping) {
		v->waits = VIEWER_SOCKET;
	} else if (f->follower == NULL || !same_places(&v->at, &f->at, v->selection.levels)) {
		v->waits = VIEWER_ROUND;
	} else {
		close_merge(v, VIEWER_READY);
		v->behind = false;
		v->dropping = v->dropping && !told;
	}
}

/* Whether to go on after a step; what it waits for is noted. */
static bool
step(struct feed *f, struct viewer *v)
{
	struct walk_entry e;

	if (!v->dropping && !viewer_has_room(v, 1)) {
		v->waits = VIEWER_SOCKET;
		return false;
	}
	switch (merge_next(v->merge, &e)) {
	case WALK_ENTRY:
		if (!take(f, v, &e))
			close_merge(v, VIEWER_TICK);
		else if (!finish_parcel(f, v))
			v->waits = VIEWER_SOCKET;
		break;
	case WALK_MORE: merge_cursor(v->merge, &v->at); break;
	case WALK_END: reach_end(f, v); break;
	case WALK_FAILED:
		diag_error_limited(&f->limit, "the live tail can't read: %s", diag_reason(errno));
		close_merge(v, VIEWER_TICK);
		break;
	}
	return v->behind && v->waits == VIEWER_READY && !v->over;
}

/* Whether a turn is over, after so many steps. Where others have the processor, the clock runs on:
 * to open the files has to be worth it. */
static bool
is_over(const struct viewer *v, unsigned steps, int64_t until)
{
	return (steps % TURN_STEPS == 0 || v->searched > TURN_MAX) && clock_monotonic_ns() >= until;
}

static void
go_on(struct feed *f, struct viewer *v, int64_t until)
{
	unsigned steps = 0;

	v->searched = 0;
	if (!finish_parcel(f, v)) {
		v->waits = VIEWER_SOCKET;
	} else if (open_merge(f, v)) {
		while (step(f, v) && !is_over(v, ++steps, until))
			;
	}
	viewer_flush(v);
	/* Only the one whose turn it is has buffers. */
	if (v->merge != NULL)
		merge_rest(v->merge);
}

static bool
is_ready(const struct viewer *v)
{
	return v->behind && v->waits == VIEWER_READY && !v->over;
}

bool
behind_go_on(struct feed *f)
{
	int64_t now = clock_monotonic_ns();
	const int64_t until = now + ALL_MAX;
	struct viewer *v;

	/* Who had a turn goes to the end of the list. */
	for (unsigned n = f->count; n > 0 && now < until; n--) {
		v = TAILQ_FIRST(&f->viewers);
		TAILQ_REMOVE(&f->viewers, v, links);
		TAILQ_INSERT_TAIL(&f->viewers, v, links);
		if (!is_ready(v))
			continue;
		go_on(f, v, now + TURN_MAX < until ? now + TURN_MAX : until);
		now = clock_monotonic_ns();
	}
	for (v = TAILQ_FIRST(&f->viewers); v != NULL; v = TAILQ_NEXT(v, links)) {
		if (is_ready(v))
			return true;
	}
	return false;
}

/* --- who is too slow --- */

/* From here on it only counts, until it is where the follower is. */
static void
drop(struct feed *f, struct viewer *v)
{
	v->dropping = true;
	if (v->parcel != NULL) {
		tail_render_give_back(&f->render, v->parcel);
		v->parcel = NULL;
		v->dropped++;
	}
	if (v->waits == VIEWER_SOCKET)
		v->waits = VIEWER_READY;
}

void
behind_tick(struct feed *f, struct viewer *v)
{
	const struct tail_limits *l = f->limits;
	int64_t lag = feed_passed(f, v->selection.levels) - v->credit;
	int64_t stuck = v->stuck == 0 ? 0 : (clock_monotonic_ns() - v->stuck) / MILLISECOND;

	if (v->waits == VIEWER_TICK)
		v->waits = VIEWER_READY;
	if (v->sent > 0) {
		/* The rest of an event can't be left out: it comes again, and resumes before it. */
		if (stuck > l->behind_ms || (f->wanting && stuck > l->behind_ms / 10))
			v->over = true;
	} else if (!v->dropping && (lag > l->behind_bytes || stuck > l->behind_ms)) {
		drop(f, v);
	}
}
