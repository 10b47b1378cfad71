#include "reader/peers_merge.h"

#include <stdio.h>
#include <stdlib.h>

struct source {
	struct peers_stream *stream; /* NULL: this server's own, or none */
	bool waiting;		     /* its next entry is there, and was not given */
	bool ended;
	bool missing;
	int status;
	struct cursor from; /* of one that is missing: where it stood */
	bool placed;
	char why[192];
};

struct peers_merge {
	const struct peers *peers;
	bool forward, partial, counts;
	struct merge *own;
	struct walk_entry entry; /* its next, when it waits */
	struct cursor given;	 /* where it stands before that */
	struct source source[PEERS_MAX];
};

struct peers_merge *
peers_merge_new(const struct peers *peers, bool forward, bool partial)
{
	struct peers_merge *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->peers = peers;
	m->forward = forward;
	m->partial = partial;
	for (size_t i = 0; i < peers->count; i++)
		m->source[i].ended = true;
	return m;
}

void
peers_merge_free(struct peers_merge *m)
{
	if (m == NULL)
		return;
	merge_free(m->own);
	for (size_t i = 0; i < m->peers->count; i++)
		peers_stream_free(m->source[i].stream);
	free(m);
}

void
peers_merge_own(struct peers_merge *m, struct merge *own)
{
	m->own = own;
	m->source[m->peers->self].ended = false;
}

void
peers_merge_add(struct peers_merge *m, size_t server, struct peers_stream *stream)
{
	m->source[server].stream = stream;
	m->source[server].ended = false;
}

void
peers_merge_miss(struct peers_merge *m, size_t server, const char *why)
{
	struct source *s = &m->source[server];

	snprintf(s->why, sizeof(s->why), "%s", why);
	s->missing = s->ended = true;
	s->waiting = false;
	if (s->stream != NULL) {
		s->placed = peers_stream_cursor(s->stream, &s->from);
		s->status = peers_stream_status(s->stream);
		peers_stream_free(s->stream);
	}
	s->stream = NULL;
}

void
peers_merge_miss_late(struct peers_merge *m)
{
	for (size_t i = 0; i < m->peers->count; i++) {
		const struct source *s = &m->source[i];

		if (s->stream != NULL && peers_stream_is_late(s->stream, m->partial))
			peers_merge_miss(m, i, peers_stream_why(s->stream));
	}
}

void
peers_merge_count(struct peers_merge *m)
{
	m->counts = true;
}

/* Asks one that has no entry waiting for its next. */
static enum peers_merge_result
fill_peer(struct peers_merge *m, size_t server)
{
	struct source *s = &m->source[server];

	switch (peers_stream_next(s->stream)) {
	case PEERS_FRAME: s->waiting = true; return PEERS_MERGE_ENTRY;
	case PEERS_MORE: return PEERS_MERGE_WAITS;
	case PEERS_END:
		s->ended = true;
		return peers_stream_end(s->stream)->how == PEER_FRAME_DEADLINE
			   ? PEERS_MERGE_DEADLINE
			   : PEERS_MERGE_ENTRY;
	case PEERS_FAILED: peers_merge_miss(m, server, peers_stream_why(s->stream)); break;
	}
	return m->partial ? PEERS_MERGE_ENTRY : PEERS_MERGE_MISSING;
}

static enum peers_merge_result
fill_own(struct peers_merge *m)
{
	struct source *s = &m->source[m->peers->self];

	merge_cursor(m->own, &m->given);
	switch (merge_next(m->own, &m->entry)) {
	case WALK_ENTRY: s->waiting = true; break;
	case WALK_MORE: return PEERS_MERGE_MORE;
	case WALK_END: s->ended = true; break;
	case WALK_FAILED: return PEERS_MERGE_FAILED;
	}
	return PEERS_MERGE_ENTRY;
}

bool
peers_merge_is_there(struct peers_merge *m)
{
	bool there = true;

	for (size_t i = 0; i < m->peers->count; i++) {
		struct source *s = &m->source[i];

		if (s->stream == NULL || s->ended || s->waiting || peers_stream_is_there(s->stream))
			continue;
		/* One that fails before that is seen to. */
		fill_peer(m, i);
		there = there && (s->ended || s->waiting);
	}
	return there;
}

/* PEERS_MERGE_ENTRY: each has an entry waiting, or has ended. */
static enum peers_merge_result
fill(struct peers_merge *m)
{
	enum peers_merge_result result = PEERS_MERGE_ENTRY, r;

	for (size_t i = 0; i < m->peers->count; i++) {
		struct source *s = &m->source[i];

		if (s->waiting || s->ended)
			continue;
		r = s->stream != NULL ? fill_peer(m, i) : fill_own(m);
		if (r > PEERS_MERGE_WAITS)
			return r;
		/* While this server has work, nobody waits. */
		if (r == PEERS_MERGE_MORE ||
		    (r == PEERS_MERGE_WAITS && result == PEERS_MERGE_ENTRY))
			result = r;
	}
	return result;
}

static int64_t
time_of(const struct peers_merge *m, size_t server)
{
	const struct source *s = &m->source[server];

	return s->stream != NULL ? peers_stream_frame(s->stream)->ms : m->entry.ms;
}

static struct entry_span
span_of(const char *payload, struct peer_part part)
{
	if (part.len == SIZE_MAX)
		return (struct entry_span){NULL, 0};
	return (struct entry_span){payload + part.offset, part.len};
}

static void
give(struct peers_merge *m, size_t server, struct peers_entry *e)
{
	struct source *s = &m->source[server];
	const struct peer_frame *f;
	const char *payload;

	s->waiting = false;
	*e = (struct peers_entry){.server = server, .is_own = s->stream == NULL};
	if (e->is_own) {
		e->entry = m->entry;
		return;
	}
	f = peers_stream_frame(s->stream);
	payload = peers_stream_payload(s->stream);
	e->entry = (struct walk_entry){
	    .level = f->level, .text = payload, .len = f->text, .ms = f->ms, .at = f->at};
	e->fields.level = span_of(payload, f->level_name);
	e->fields.logger = span_of(payload, f->logger);
	e->fields.message = span_of(payload, f->message);
}

enum peers_merge_result
peers_merge_next(struct peers_merge *m, struct peers_entry *entry)
{
	enum peers_merge_result r = fill(m);
	size_t best = m->peers->count;
	int64_t ms = 0;

	if (m->counts && r <= PEERS_MERGE_WAITS && m->source[m->peers->self].waiting) {
		give(m, m->peers->self, entry);
		return PEERS_MERGE_ENTRY;
	}
	if (r != PEERS_MERGE_ENTRY)
		return r;
	for (size_t i = 0; i < m->peers->count; i++) {
		int64_t t;

		if (!m->source[i].waiting)
			continue;
		t = time_of(m, i);
		if (best < m->peers->count && (m->forward ? t >= ms : t < ms))
			continue;
		best = i;
		ms = t;
	}
	if (best == m->peers->count)
		return PEERS_MERGE_END;
	give(m, best, entry);
	return PEERS_MERGE_ENTRY;
}

const char *
peers_merge_missing(const struct peers_merge *m, size_t server)
{
	return m->source[server].missing ? m->source[server].why : NULL;
}

int
peers_merge_status(const struct peers_merge *m, size_t server)
{
	return m->source[server].status;
}

/* A peer's place after what was given: of an entry that was, what came with it. */
static bool
peer_place(const struct source *s, struct cursor *at)
{
	if (s->stream == NULL) {
		*at = s->from;
		return s->placed;
	}
	if (!s->waiting && !s->ended && peers_stream_holds(s->stream)) {
		*at = peers_stream_frame(s->stream)->cursor;
		return true;
	}
	return peers_stream_cursor(s->stream, at);
}

void
peers_merge_cursor(const struct peers_merge *m, struct buf *out)
{
	bool first = true;

	for (size_t i = 0; i < m->peers->count; i++) {
		const struct source *s = &m->source[i];
		struct cursor at;

		if (i != m->peers->self) {
			if (!peer_place(s, &at))
				continue;
		} else if (m->own == NULL) {
			continue;
		} else if (s->waiting) {
			at = m->given;
		} else {
			merge_cursor(m->own, &at);
		}
		if (!first)
			cursor_servers_separate(out);
		first = false;
		cursor_servers_print(out, m->peers->at[i].id, &at);
	}
}

void
peers_merge_progress(const struct peers_merge *m, uint64_t *scanned, uint64_t *of)
{
	*scanned = *of = 0;
	if (m->own != NULL)
		merge_progress(m->own, scanned, of);
	for (size_t i = 0; i < m->peers->count; i++) {
		uint64_t s, o;

		if (m->source[i].stream == NULL)
			continue;
		peers_stream_progress(m->source[i].stream, &s, &o);
		*scanned += s;
		*of += o;
	}
}

static uint64_t
sum(const struct peers_merge *m, bool counted)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->peers->count; i++) {
		const struct source *s = &m->source[i];

		if (s->stream != NULL && s->ended)
			n += counted ? peers_stream_end(s->stream)->matched
				     : peers_stream_end(s->stream)->given_up;
	}
	return n;
}

uint64_t
peers_merge_given_up(const struct peers_merge *m)
{
	return sum(m, false) + (m->own != NULL ? merge_given_up(m->own) : 0);
}

uint64_t
peers_merge_counted(const struct peers_merge *m)
{
	return sum(m, true);
}
