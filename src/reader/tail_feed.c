#include "reader/tail_feed.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "reader/tail_behind.h"
#include "reader/tail_peers.h"

#include <errno.h>

#define MILLISECOND INT64_C(1000000)

/* A round is left after this long, so that those who come, go or are behind are seen to. */
#define ROUND_MAX (20 * MILLISECOND)

/* A peer that follows is told more often that nothing has come: it looks for more than silence. */
#define FRAMED_SILENCE (500 * MILLISECOND)

/* Entries of a round between two looks at the clock. */
#define ROUND_STEPS 16

/* A viewer whose expressions take longer than this, in a round, falls behind: there it holds up
 * nobody. */
#define PATIENCE MILLISECOND

/* Enough for any number of writers. */
#define FIRST_TRIES 20

/* --- the follower --- */

/* Where the newest entry ends that is there for good. */
static enum walk_open
find_ends(const struct feed *f, struct cursor *c)
{
	struct walk_options backward = f->options;
	enum walk_open opened;
	struct merge *m;

	backward.forward = false;
	opened = merge_new(&m, LEVEL_BIT(LEVEL_COUNT) - 1, &backward, NULL);
	if (opened != WALK_OPENED)
		return opened;
	merge_cursor(m, c);
	merge_free(m);
	return opened;
}

/* A new follower, where the files end. They may be renamed, cut or deleted between the two looks.
 */
static enum walk_open
open_first(struct feed *f)
{
	enum walk_open opened = WALK_GONE;

	for (int i = 0; i < FIRST_TRIES && opened == WALK_GONE; i++) {
		opened = find_ends(f, &f->at);
		if (opened == WALK_OPENED)
			opened = merge_new(&f->follower, f->at.levels, &f->options, &f->at);
	}
	return opened;
}

/* Has the follower go on where it stood, or at first where the files end. */
static enum walk_open
open_follower(struct feed *f)
{
	enum walk_open opened;

	if (f->follower != NULL)
		return WALK_OPENED;
	if (f->begun)
		opened = merge_new(&f->follower, f->at.levels, &f->options, &f->at);
	else
		opened = open_first(f);
	if (opened != WALK_OPENED)
		f->follower = NULL;
	f->begun = opened == WALK_OPENED || (f->begun && opened == WALK_NOT_OPENED);
	f->scanned = 0;
	return opened;
}

static void
close_follower(struct feed *f)
{
	if (f->follower != NULL)
		merge_free(f->follower);
	f->follower = NULL;
}

bool
feed_init(struct feed *f, const struct reading *r, const struct tail_limits *limits)
{
	*f = (struct feed){.reading = r,
	    .limits = limits,
	    .options = {.library = r->library,
		.forward = true,
		.start = INT64_MIN,
		.end = INT64_MAX,
		.deadline = INT64_MAX}};
	TAILQ_INIT(&f->viewers);
	tail_render_init(&f->render, r->parser, limits->held_bytes);
	f->scratch = search_scratch_new();
	if (r->peers != NULL)
		f->peers = tail_peers_new(r->peers);
	return f->scratch != NULL && (r->peers == NULL || f->peers != NULL);
}

void
feed_free(struct feed *f)
{
	struct viewer *v;

	for (v = TAILQ_FIRST(&f->viewers); v != NULL; v = TAILQ_NEXT(v, links))
		v->over = true;
	feed_reap(f);
	tail_peers_free(f->peers);
	tail_render_free(&f->render);
	search_scratch_free(f->scratch);
}

int64_t
feed_passed(const struct feed *f, unsigned levels)
{
	int64_t bytes = 0;

	for (int level = 0; level < LEVEL_COUNT; level++) {
		if ((levels & LEVEL_BIT(level)) != 0)
			bytes += f->passed[level];
	}
	return bytes;
}

/* --- who comes and goes --- */

/* That viewer's merge from there, or NULL for none; or the status and words of a refusal. */
static const char *
open_place(
    struct feed *f, unsigned levels, const struct cursor *from, struct merge **merge, int *status)
{
	enum walk_open opened = open_follower(f);
	struct cursor at;

	*merge = NULL;
	*status = STATUS_503;
	if (opened == WALK_OPENED && from != NULL) {
		at = behind_complete(f, from, levels);
		opened = merge_new(merge, levels, &f->options, &at);
		if (opened != WALK_OPENED)
			*merge = NULL;
		if (opened == WALK_GONE) {
			*status = STATUS_410;
			return "the file that the cursor is of is gone; begin without it";
		}
	}
	return opened == WALK_OPENED ? NULL : "the log folder can't be read now";
}

/* One that is let in: it begins, or waits for what the peers say. False: no memory. */
static bool
begin(struct feed *f, struct viewer *v, const struct newcomer *n, struct merge *merge)
{
	const struct cursor *own = newcomer_own(n, f->reading->peers);

	if (own != NULL || n->along)
		behind_fall(f, v, own != NULL ? own : &f->at, merge);
	if (n->along)
		return tail_peers_admit(f, v, n->servers);
	viewer_begin(
	    v, v->behind ? &v->at : &f->at, v->form.framed ? f->reading->peer_header : NULL);
	return true;
}

void
feed_admit(struct feed *f, struct newcomer *n)
{
	const struct cursor *own = newcomer_own(n, f->reading->peers);
	struct merge *merge;
	int status;
	const char *why = open_place(f, n->selection.levels, own, &merge, &status);
	struct viewer *v = why == NULL ? viewer_new(n->stream, &n->selection) : NULL;

	if (v == NULL) {
		merge_free(merge);
		newcomer_refuse(n, status, why != NULL ? why : "there is no memory");
	} else {
		TAILQ_INSERT_TAIL(&f->viewers, v, links);
		f->count++;
		metrics_add(&f->reading->metrics->tails, 1);
		v->over = !begin(f, v, n, merge);
		if (v->over)
			newcomer_answer(v->stream, STATUS_503, "there is no memory");
		newcomer_free(n);
	}
	/* A follower for nobody is closed. */
	feed_reap(f);
}

void
feed_reap(struct feed *f)
{
	struct viewer *v, *next;

	for (v = TAILQ_FIRST(&f->viewers); v != NULL; v = next) {
		next = TAILQ_NEXT(v, links);
		if (!v->over)
			continue;
		TAILQ_REMOVE(&f->viewers, v, links);
		f->count--;
		metrics_subtract(&f->reading->metrics->tails, 1);
		tail_render_give_back(&f->render, v->parcel);
		tail_peers_leave(f, v);
		viewer_free(v);
	}
	if (f->count == 0) {
		close_follower(f);
		f->begun = false;
	}
}

/* --- what is new --- */

enum search_result
feed_search(struct feed *f, struct viewer *v, struct tail_entry *e, int64_t max)
{
	const struct search *s = v->selection.search;
	struct entry_span logger = {0};
	enum search_result found;
	int64_t begun;

	if (s == NULL || search_is_empty(s))
		return SEARCH_YES;
	begun = clock_monotonic_ns();
	if (search_wants_logger(s)) {
		tail_render_parse(&f->render, e);
		logger = e->shown.fields.logger;
	}
	found =
	    search_entry(s, f->scratch, e->shown.text.data, e->shown.text.len, logger, begun + max);
	v->searched += clock_monotonic_ns() - begun;
	return found;
}

bool
feed_tell_dropped(struct feed *f, struct viewer *v, const struct cursor *at)
{
	uint64_t dropped = v->dropped;

	if (dropped == 0)
		return true;
	if (!viewer_tell_dropped(v, at))
		return false;
	metrics_add(&f->reading->metrics->dropped, dropped);
	return true;
}

/* One that drops goes on as soon as what was dropped can be told. */
static void
end_dropping(struct feed *f, struct viewer *v, const struct cursor *at)
{
	if (v->dropping && viewer_has_room(v, 1))
		v->dropping = !feed_tell_dropped(f, v, at);
}

bool
feed_send(struct feed *f, struct viewer *v, struct tail_entry *e, const struct cursor *after)
{
	if (tail_render_size(&v->form, e) > viewer_event_max(v))
		return false;
	if (v->form.framed)
		viewer_frame(v, &f->render, e, after);
	return viewer_send(v, tail_render(&f->render, &v->form, e), after);
}

/* An entry to one who follows, which is sent it, or falls behind to the place before it. */
static void
pass_on(struct feed *f, struct viewer *v, struct tail_entry *e, const struct cursor *before)
{
	enum search_result found = SEARCH_TOO_LONG;

	if ((v->selection.levels & LEVEL_BIT(e->shown.level)) == 0)
		return;
	if (v->searched < PATIENCE)
		found = feed_search(f, v, e, PATIENCE);
	if (found == SEARCH_NO)
		return;
	end_dropping(f, v, before);
	if (v->dropping && found == SEARCH_YES) {
		v->dropped++;
	} else if (found == SEARCH_YES && feed_send(f, v, e, &f->at)) {
		metrics_add(&f->reading->metrics->entries, 1);
	} else {
		behind_fall(f, v, before, NULL);
	}
}

static void
end_round(struct feed *f)
{
	struct viewer *v;

	for (v = TAILQ_FIRST(&f->viewers); v != NULL; v = TAILQ_NEXT(v, links)) {
		v->searched = 0;
		if (!v->behind)
			viewer_flush(v);
		else if (v->waits == VIEWER_ROUND)
			v->waits = VIEWER_READY;
	}
}

static void
count_scanned(struct feed *f)
{
	uint64_t scanned, of;

	merge_progress(f->follower, &scanned, &of);
	if (scanned > f->scanned)
		metrics_add(&f->reading->metrics->scanned_bytes, scanned - f->scanned);
	f->scanned = scanned;
}

/* A step of the follower. */
static enum walk_result
follow(struct feed *f)
{
	const struct cursor before = f->at;
	struct walk_entry e;
	struct tail_entry entry;
	enum walk_result result = merge_next(f->follower, &e);
	struct viewer *v;

	if (result == WALK_FAILED)
		return result;
	merge_cursor(f->follower, &f->at);
	if (result != WALK_ENTRY)
		return result;
	f->passed[e.level] += (int64_t)(e.after - e.at.offset);
	entry = tail_render_next(&f->render, &e);
	for (v = TAILQ_FIRST(&f->viewers); v != NULL; v = TAILQ_NEXT(v, links)) {
		if (!v->behind && !v->over)
			pass_on(f, v, &entry, &before);
	}
	return result;
}

bool
feed_round(struct feed *f)
{
	const int64_t until = clock_monotonic_ns() + ROUND_MAX;
	enum walk_result result;
	unsigned steps = 0;

	if (f->follower == NULL)
		return false;
	do
		result = follow(f);
	while ((result == WALK_ENTRY || result == WALK_MORE) &&
	       (++steps % ROUND_STEPS != 0 || clock_monotonic_ns() < until));
	if (result == WALK_FAILED)
		diag_error_limited(&f->limit, "the live tail can't read: %s", diag_reason(errno));
	if (f->follower != NULL)
		count_scanned(f);
	/* It is opened again where it stood: nothing is left out. */
	if (result == WALK_FAILED)
		close_follower(f);
	end_round(f);
	return result == WALK_ENTRY || result == WALK_MORE ||
	       (result == WALK_END && merge_is_unsettled(f->follower));
}

/* --- now and then --- */

static void
tick(struct feed *f, struct viewer *v)
{
	const struct cursor *at = v->behind ? &v->at : &f->at;

	if (v->behind)
		behind_tick(f, v);
	else
		end_dropping(f, v, at);
	/* Not within an event; and `at` is after a parcel, and after what was dropped. */
	if (v->parcel == NULL && v->dropped == 0 && !v->over && v->waits != VIEWER_BEGIN &&
	    clock_monotonic_ns() - v->spoken >=
		(v->form.framed ? FRAMED_SILENCE : f->limits->silence_ms * MILLISECOND))
		viewer_comment(v, at);
}

void
feed_tick(struct feed *f)
{
	enum walk_open opened = f->count > 0 ? open_follower(f) : WALK_OPENED;

	for (struct viewer *v = TAILQ_FIRST(&f->viewers); v != NULL; v = TAILQ_NEXT(v, links)) {
		/* What they have not seen is gone: they are told so when they come again. */
		if (opened == WALK_GONE && !v->behind)
			v->over = true;
		else
			tick(f, v);
	}
	f->wanting = false;
}
