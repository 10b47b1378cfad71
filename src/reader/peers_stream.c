#include "reader/peers_stream.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "reader/peers_order.h"
#include "reader/peers_pace.h"

#include <stdio.h>
#include <stdlib.h>

/* So long one is waited for that did not answer the last time. */
#define SILENT_NS CLOCK_NS_PER_SECOND

/* Of waiting, at first, in the patience for silence; a tail's beginning is due sooner, as viewers
 * wait for it. */
#define PACE_FACTOR	  10
#define PACE_FACTOR_BEGIN 2

struct peers_stream {
	struct peer_http_group *group;
	const struct peer *peer;
	struct peers_asked asked; /* for the rest, once it is asked again */
	char *q;
	struct peer_http_call *call;
	bool is_there, begun, ended, failed;
	bool was_silent;
	int64_t asked_at; /* nanoseconds of CLOCK_MONOTONIC */
	bool given;	  /* an entry was, since it was asked last */
	bool held;	  /* there is a frame that was not let go */
	struct peer_frame frame;
	size_t line, size; /* of it, its line and in all */
	struct cursor cursor;
	bool placed;
	uint64_t entries;
	uint64_t scanned, of;
	struct peers_order order;
	struct peers_pace pace;
	char why[192];
};

static bool
ask(struct peers_stream *s)
{
	struct peer_http_ask asked = {.content_type = PEER_FRAME_TYPE};
	struct buf url = BUF_INIT;

	peers_ask(&url, s->peer, &s->asked);
	asked.url = url.data;
	s->call = url.failed ? NULL : peer_http_get(s->group, &asked);
	buf_free(&url);
	s->begun = s->given = false;
	metrics_add(&s->peer->counts->requests, 1);
	return s->call != NULL;
}

struct peers_stream *
peers_stream_new(
    struct peer_http_group *g, const struct peer *peer, const struct peers_asked *asked)
{
	struct peers_stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->group = g;
	s->peer = peer;
	s->asked = *asked;
	s->q = asked->q != NULL ? strdup(asked->q) : NULL;
	s->asked.q = s->q;
	s->was_silent = atomic_load_explicit(&peer->counts->silent, memory_order_relaxed);
	s->asked_at = clock_monotonic_ns();
	s->placed = asked->has_cursor;
	s->cursor = asked->cursor;
	peers_order_init(&s->order, asked->forward);
	peers_pace_init(
	    &s->pace, peer_http_patience(g) * (asked->follows ? PACE_FACTOR_BEGIN : PACE_FACTOR));
	if ((asked->q != NULL && s->q == NULL) || !ask(s)) {
		peers_stream_free(s);
		return NULL;
	}
	return s;
}

void
peers_stream_free(struct peers_stream *s)
{
	if (s == NULL)
		return;
	peer_http_close(s->call);
	free(s->q);
	free(s);
}

const struct peer *
peers_stream_peer(const struct peers_stream *s)
{
	return s->peer;
}

bool
peers_stream_is_there(const struct peers_stream *s)
{
	size_t len;

	if (s->is_there)
		return true;
	switch (peer_http_state(s->call)) {
	case PEER_HTTP_ASKED: break;
	case PEER_HTTP_FLOWS:
	case PEER_HTTP_ENDED: return true;
	/* What came before is its answer, too, where it failed after a good head. */
	case PEER_HTTP_FAILED: peer_http_bytes(s->call, &len); return len > 0;
	}
	return false;
}

static enum peers_step
fail(struct peers_stream *s, const char *why)
{
	if (!s->failed) {
		snprintf(s->why, sizeof(s->why), "%s", why);
		metrics_add(&s->peer->counts->failures, 1);
		if (!s->is_there)
			atomic_store_explicit(&s->peer->counts->silent, true, memory_order_relaxed);
		diag_warn_limited(&s->peer->counts->limit, "peer %s %s", s->peer->name, why);
	}
	s->failed = true;
	return PEERS_FAILED;
}

bool
peers_stream_is_late(struct peers_stream *s, bool partial)
{
	const int64_t now = clock_monotonic_ns();
	const bool soon = partial && s->was_silent && now - s->asked_at >= SILENT_NS;

	if (s->failed || s->ended || peers_stream_is_there(s))
		return false;
	if (now < s->asked.deadline && !soon)
		return false;
	fail(s, "does not answer");
	return true;
}

/* --- what an entry must be --- */

static bool
is_asked_for(const struct peers_stream *s, const struct peer_frame *f)
{
	const struct peers_asked *asked = &s->asked;

	if ((asked->levels & LEVEL_BIT(f->level)) == 0 || s->entries >= asked->limit)
		return false;
	if (asked->follows)
		return true;
	if (f->ms == INT64_MIN)
		return asked->start == INT64_MIN && asked->end == INT64_MAX;
	return f->ms >= asked->start && f->ms < asked->end;
}

/* Looks at a whole frame, which is there. */
static enum peers_step
take_frame(struct peers_stream *s)
{
	const struct peer_frame *f = &s->frame;

	if (f->has_payload && f->kind != s->asked.wants)
		return fail(s, "sends what no reader would: something else than was asked for");
	switch (f->kind) {
	case PEER_FRAME_BEGIN:
		if (s->begun)
			return fail(s, "sends what no reader would: it begins twice");
		s->begun = true;
		return s->asked.follows ? PEERS_FRAME : PEERS_MORE;
	case PEER_FRAME_ENTRY:
		if (!s->begun)
			return fail(s, "sends what no reader would: entries without a beginning");
		if (!is_asked_for(s, f))
			return fail(s, "sends entries that were not asked for");
		if (!s->asked.follows && !peers_order_take(&s->order, f))
			return fail(s, "sends its entries in another order than that of its files");
		s->entries++;
		return PEERS_FRAME;
	case PEER_FRAME_PROGRESS: return s->asked.follows ? PEERS_FRAME : PEERS_MORE;
	case PEER_FRAME_DROPPED:
		return s->asked.follows ? PEERS_FRAME : fail(s, "sends what no reader would");
	case PEER_FRAME_COUNTS: return PEERS_FRAME;
	case PEER_FRAME_FILE:
		if ((s->asked.levels & LEVEL_BIT(f->level)) == 0)
			return fail(s, "sends files that were not asked for");
		return PEERS_FRAME;
	case PEER_FRAME_END:
		s->ended = true;
		if (f->how == PEER_FRAME_FAILED)
			return fail(s, "can't read its files on");
		if (f->how == PEER_FRAME_LIMIT && s->asked.limit > 0 && s->entries < s->asked.limit)
			return fail(s, "sends less than it says");
		return PEERS_END;
	}
	return PEERS_MORE;
}

/* Lets go of the frame that is held. */
static void
let_go(struct peers_stream *s)
{
	if (!s->held)
		return;
	s->held = false;
	s->given = s->given || s->frame.kind == PEER_FRAME_ENTRY;
	if (s->frame.kind != PEER_FRAME_PROGRESS)
		peers_pace_bytes(&s->pace, s->size);
	if (s->frame.kind == PEER_FRAME_ENTRY)
		peers_pace_entry(&s->pace);
	/* A tail may be as long as it likes, and only each frame of it is to come in time. */
	if (s->asked.follows)
		peers_pace_init(&s->pace, peer_http_patience(s->group) * PACE_FACTOR);
	metrics_add(&s->peer->counts->bytes, s->size);
	peer_http_take(s->call, s->size);
	if (s->size > PEER_BUFFER_USUAL)
		peer_http_allow(s->call, PEER_BUFFER_USUAL);
	if (s->frame.has_cursor) {
		s->cursor = s->frame.cursor;
		s->placed = true;
	}
	if (s->frame.kind == PEER_FRAME_PROGRESS || s->frame.kind == PEER_FRAME_COUNTS ||
	    s->frame.kind == PEER_FRAME_END) {
		if (s->frame.scanned > s->scanned)
			peers_pace_scanned(&s->pace, s->frame.scanned - s->scanned);
		s->scanned = s->frame.scanned;
		s->of = s->frame.of;
	}
}

/* A download goes on where it stood. What was written meanwhile, to a level that had come to its
 * end, may be of any time. */
static enum peers_step
ask_again(struct peers_stream *s)
{
	peers_order_unbind(&s->order);
	if (s->asked.limit != UINT64_MAX)
		s->asked.limit -= s->entries;
	s->entries = 0;
	s->asked.cursor = s->cursor;
	s->asked.has_cursor = true;
	peer_http_close(s->call);
	return ask(s) ? PEERS_MORE : fail(s, "cannot be asked: out of memory");
}

/* Whether it is waited for in vain, with so many bytes of a frame. */
static bool
is_too_slow(struct peers_stream *s, size_t bytes)
{
	if (s->asked.deadline != INT64_MAX)
		return false;
	/* Nothing may be written for long. */
	if (s->asked.follows && s->begun && bytes == 0) {
		peers_pace_rest(&s->pace);
		return false;
	}
	return !peers_pace_wait(&s->pace, clock_monotonic_ns(), bytes);
}

/* There is not enough for a frame, but so many bytes. */
static enum peers_step
await(struct peers_stream *s, size_t bytes)
{
	const bool resumes =
	    !s->asked.follows && s->asked.deadline == INT64_MAX && s->given && s->placed;

	switch (peer_http_state(s->call)) {
	case PEER_HTTP_ENDED:
		if (s->asked.follows) {
			s->ended = true;
			return PEERS_END;
		}
		return resumes ? ask_again(s) : fail(s, "hung up in the middle of its answer");
	case PEER_HTTP_FAILED:
		if (resumes && peer_http_status(s->call) == 200)
			return ask_again(s);
		return fail(s, peer_http_why(s->call));
	case PEER_HTTP_ASKED:
	case PEER_HTTP_FLOWS: break;
	}
	if (is_too_slow(s, bytes))
		return fail(s, "sends next to nothing, for long");
	return PEERS_MORE;
}

/* The next frame, whole; PEERS_FRAME: it is held. */
static enum peers_step
hold(struct peers_stream *s)
{
	const char *bytes;
	size_t len, before;
	int line;

	do {
		bytes = peer_http_bytes(s->call, &len);
		line = peer_frame_read(&s->frame, bytes, len);
		if (line < 0)
			return fail(s, "sends what no reader would");
		if (line == 0)
			return await(s, len);
		s->line = s->size = (size_t)line;
		if (s->frame.has_payload)
			s->size += s->frame.payload + 1;
		if (s->size <= len) {
			if (s->frame.has_payload && bytes[s->size - 1] != '\n')
				return fail(s, "sends what no reader would");
			s->held = true;
			return PEERS_FRAME;
		}
		before = len;
		/* Also where it is short: the peer may wait with less than that, and goes on. As
		 * much again as is there: what is announced may never come. */
		if (!peer_http_allow(s->call, s->size < 2 * len ? s->size : 2 * len))
			return fail(s, "sends more than there is memory for");
		/* That alone may have brought some. */
		peer_http_bytes(s->call, &len);
	} while (len > before);
	return await(s, len);
}

enum peers_step
peers_stream_next(struct peers_stream *s)
{
	enum peers_step step;

	if (s->failed || s->ended)
		return s->failed ? PEERS_FAILED : PEERS_END;
	if (!s->is_there && peers_stream_is_there(s)) {
		s->is_there = true;
		atomic_store_explicit(&s->peer->counts->silent, false, memory_order_relaxed);
	}
	do {
		let_go(s);
		step = hold(s);
		if (step != PEERS_FRAME)
			return step;
		step = take_frame(s);
	} while (step == PEERS_MORE);
	/* Word of progress is still waiting. */
	if (step == PEERS_FRAME)
		peers_pace_rest(&s->pace);
	else if (step == PEERS_END)
		let_go(s);
	return step;
}

bool
peers_stream_holds(const struct peers_stream *s)
{
	return s->held;
}

const struct peer_frame *
peers_stream_frame(const struct peers_stream *s)
{
	return &s->frame;
}

const char *
peers_stream_payload(const struct peers_stream *s)
{
	size_t len;

	return peer_http_bytes(s->call, &len) + s->line;
}

const struct peer_frame *
peers_stream_end(const struct peers_stream *s)
{
	return &s->frame;
}

const char *
peers_stream_why(const struct peers_stream *s)
{
	return s->why;
}

int
peers_stream_status(const struct peers_stream *s)
{
	return s->call != NULL ? peer_http_status(s->call) : 0;
}

bool
peers_stream_cursor(const struct peers_stream *s, struct cursor *cursor)
{
	*cursor = s->cursor;
	return s->placed;
}

void
peers_stream_progress(const struct peers_stream *s, uint64_t *scanned, uint64_t *of)
{
	*scanned = s->scanned;
	*of = s->of;
}
