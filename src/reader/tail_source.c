#include "reader/tail_source.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define MILLISECOND INT64_C(1000000)

/* Between one failure and asking again; twice as long each time. */
#define PAUSE_MIN (500 * MILLISECOND)
#define PAUSE_MAX (8000 * MILLISECOND)

/* One that ends its answer so soon is not asked again at once; one that goes on for so long is
 * back. */
#define SOON (1000 * MILLISECOND)

struct tail_source *
tail_source_new(const struct peer *peer, unsigned levels, const char *q, const struct cursor *from)
{
	struct tail_source *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->peer = peer;
	s->levels = levels;
	s->q = q != NULL ? strdup(q) : NULL;
	s->pause = PAUSE_MIN;
	if (q != NULL && s->q == NULL) {
		free(s);
		return NULL;
	}
	if (from != NULL) {
		s->known = true;
		s->at = *from;
	}
	return s;
}

void
tail_source_free(struct tail_source *s)
{
	peers_stream_free(s->stream);
	free(s->q);
	free(s);
}

bool
tail_source_is_of(
    const struct tail_source *s, const struct peer *peer, unsigned levels, const char *q)
{
	if (s->peer != peer || s->levels != levels || (s->q == NULL) != (q == NULL))
		return false;
	return q == NULL || strcmp(s->q, q) == 0;
}

static void
close_stream(struct tail_source *s)
{
	peers_stream_free(s->stream);
	s->stream = NULL;
	s->let_go = s->live = false;
}

/* Nothing comes for now. */
static enum tail_source_step
fail(struct tail_source *s, const char *why)
{
	if (!s->missing || strcmp(s->why, why) != 0) {
		snprintf(s->why, sizeof(s->why), "%s", why);
		s->missing = s->changed = true;
	}
	close_stream(s);
	s->again = clock_monotonic_ns() + s->pause;
	s->pause = s->pause * 2 < PAUSE_MAX ? s->pause * 2 : PAUSE_MAX;
	return SOURCE_NOTHING;
}

static bool
ask(struct tail_source *s, struct peer_http_group *group)
{
	const struct peers_asked asked = {.path = "/api/log/tail",
	    .wants = PEER_FRAME_ENTRY,
	    .start = INT64_MIN,
	    .end = INT64_MAX,
	    .levels = s->levels,
	    .q = s->q,
	    .limit = UINT64_MAX,
	    .forward = true,
	    .follows = true,
	    .has_cursor = s->known,
	    .cursor = s->at,
	    .deadline = INT64_MAX};

	s->asked = clock_monotonic_ns();
	s->waited = false;
	s->stream = peers_stream_new(group, s->peer, &asked);
	if (s->stream == NULL)
		fail(s, "cannot be asked: out of memory");
	return s->stream != NULL;
}

/* It ended, as each tail does now and then. */
static enum tail_source_step
end(struct tail_source *s)
{
	const int64_t now = clock_monotonic_ns();
	const bool again = s->ended_soon;

	s->ended_soon = now - s->asked < SOON;
	if (s->ended_soon && again)
		return fail(s, "ends its answer again and again");
	close_stream(s);
	s->again = s->ended_soon ? now + PAUSE_MIN : now;
	return SOURCE_NOTHING;
}

static enum tail_source_step
end_failed(struct tail_source *s)
{
	/* As it and its nginx do after a while, where they are made to wait. */
	if (s->waited && peers_stream_status(s->stream) == 200)
		return end(s);
	if (peers_stream_status(s->stream) == 503)
		return fail(s, "answered 503: it is busy, or followed by as many as may");
	s->gone = s->known && peers_stream_status(s->stream) == 410;
	s->changed = s->changed || s->gone;
	return fail(s, peers_stream_why(s->stream));
}

/* A frame that is whole and asked for. */
static enum tail_source_step
look_at_frame(struct tail_source *s)
{
	const struct peer_frame *f = peers_stream_frame(s->stream);

	if (f->cursor.levels != s->levels)
		return fail(s, "sends places of levels that were not asked for");
	s->changed = s->changed || !s->known;
	s->answered = true;
	/* One that fails as soon as it has begun is not told as back each time. */
	if (s->missing && clock_monotonic_ns() - s->asked >= SOON) {
		s->missing = false;
		s->changed = true;
		s->pause = PAUSE_MIN;
	}
	switch (f->kind) {
	case PEER_FRAME_ENTRY: return SOURCE_ENTRY;
	case PEER_FRAME_DROPPED: return SOURCE_DROPPED;
	case PEER_FRAME_BEGIN: s->live = !s->known; break;
	case PEER_FRAME_PROGRESS: s->live = f->scanned == f->of; break;
	default: return fail(s, "sends what no reader would");
	}
	tail_source_take(s);
	return SOURCE_MOVED;
}

/* One that did not answer the last time is told as missing after a second, and waited for. */
static void
note_silence(struct tail_source *s)
{
	if (s->missing || peers_stream_is_there(s->stream) ||
	    !atomic_load_explicit(&s->peer->counts->silent, memory_order_relaxed) ||
	    clock_monotonic_ns() - s->asked < SOON)
		return;
	snprintf(s->why, sizeof(s->why), "does not answer");
	s->missing = s->changed = true;
}

enum tail_source_step
tail_source_look(struct tail_source *s, struct peer_http_group *group)
{
	if (s->stream == NULL && (clock_monotonic_ns() < s->again || !ask(s, group)))
		return SOURCE_NOTHING;
	if (peers_stream_holds(s->stream) && !s->let_go) {
		s->waited = true;
		return look_at_frame(s);
	}
	s->let_go = false;
	switch (peers_stream_next(s->stream)) {
	case PEERS_FRAME: return look_at_frame(s);
	case PEERS_MORE: note_silence(s); break;
	case PEERS_END: return end(s);
	case PEERS_FAILED: return end_failed(s);
	}
	return SOURCE_NOTHING;
}

const struct peer_frame *
tail_source_frame(const struct tail_source *s)
{
	return peers_stream_frame(s->stream);
}

static struct entry_span
span_of(const char *payload, const struct peer_part *part)
{
	if (part->len == SIZE_MAX)
		return (struct entry_span){0};
	return (struct entry_span){payload + part->offset, part->len};
}

struct entry_shown
tail_source_entry(const struct tail_source *s)
{
	const struct peer_frame *f = peers_stream_frame(s->stream);
	const char *payload = peers_stream_payload(s->stream);

	return (struct entry_shown){.fields = {.level = span_of(payload, &f->level_name),
					.logger = span_of(payload, &f->logger),
					.message = span_of(payload, &f->message)},
	    .text = {payload, f->text},
	    .ms = f->ms,
	    .level = f->level,
	    .at = f->at,
	    .server = s->peer->name,
	    .id = s->peer->id};
}

void
tail_source_take(struct tail_source *s)
{
	s->at = peers_stream_frame(s->stream)->cursor;
	s->known = s->let_go = true;
}
