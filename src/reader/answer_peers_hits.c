#include "base/clock.h"
#include "reader/answering_hits.h"
#include "reader/answering_peers.h"
#include "reader/tally.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PROGRESS_NS (200 * INT64_C(1000000))

/* What one server has counted. */
struct hits_of {
	struct peers_stream *stream; /* NULL: this server's own, or it has ended */
	uint64_t *counts;	     /* a level's buckets after the other's, as a frame has them */
	uint64_t scanned, of, given_up;
};

struct hits {
	struct answering_peers p;
	struct answering_hits sum;
	struct tally *tally; /* this server's; NULL: the range is empty, or it has ended */
	uint64_t (*own)[LEVEL_COUNT];
	size_t numbers; /* of a frame */
	struct hits_of each[PEERS_MAX];
};

/* --- asking all --- */

/* Asks each peer; those that can't be asked are missing. */
static void
ask_all(struct hits *h, const char *path, enum peer_frame_kind wants)
{
	const struct selection *s = h->p.a.selection;
	const struct peers_asked asked = {.path = path,
	    .wants = wants,
	    .start = s->start,
	    .end = s->end,
	    .levels = s->levels,
	    .q = s->q,
	    .limit = UINT64_MAX,
	    .buckets = s->buckets,
	    .deadline = h->p.a.deadline};

	for (size_t i = 0; i < h->p.peers->count; i++) {
		if (i == h->p.peers->self || peers_merge_missing(h->p.merge, i) != NULL)
			continue;
		h->each[i].stream = peers_stream_new(h->p.group, &h->p.peers->at[i], &asked);
		if (h->each[i].stream == NULL)
			peers_merge_miss(h->p.merge, i, "cannot be asked: out of memory");
	}
}

/* One fails: it is missing with all that it has counted, and its stream goes. */
static void
miss(struct hits *h, size_t server, const char *why)
{
	peers_merge_miss(h->p.merge, server, why);
	peers_stream_free(h->each[server].stream);
	free(h->each[server].counts);
	h->each[server].stream = NULL;
	h->each[server].counts = NULL;
}

/* Waits for the files of each peer, and adds their range. False: it was refused, or the client has
 * gone. */
static bool
take_ranges(struct hits *h, struct library_range *range)
{
	const bool partial = h->p.a.selection->partial;
	bool waits = true;

	while (waits) {
		waits = false;
		for (size_t i = 0; i < h->p.peers->count; i++) {
			enum peers_step step;

			if (h->each[i].stream == NULL)
				continue;
			while ((step = peers_stream_next(h->each[i].stream)) == PEERS_FRAME) {
				const struct peer_frame *f = peers_stream_frame(h->each[i].stream);
				const struct library_file file = {
				    .first = f->ms, .last = f->last, .modified = f->modified};

				library_range_add(range, &file);
			}
			waits = waits || step == PEERS_MORE;
			if (step == PEERS_FAILED ||
			    peers_stream_is_late(h->each[i].stream, partial))
				miss(h, i, peers_stream_why(h->each[i].stream));
			else if (step == PEERS_MORE && clock_monotonic_ns() >= h->p.a.deadline)
				miss(h, i, "does not answer in time");
			if (step != PEERS_END)
				continue;
			peers_stream_free(h->each[i].stream);
			h->each[i].stream = NULL;
		}
		if (!answering_peers_await(&h->p))
			return false;
		if (waits && !answering_peers_wait_for(&h->p))
			return false;
	}
	return true;
}

/* What the files of all hold, where the selection leaves it open. */
static bool
find_range(struct hits *h)
{
	struct library_range range = LIBRARY_RANGE_EMPTY;
	struct selection *s = h->p.a.selection;

	if (!answering_hits_is_open(s))
		return true;
	ask_all(h, "/api/log/files", PEER_FRAME_FILE);
	if (!library_range(h->p.a.reading->library, s->levels, &range)) {
		answering_refuse_walk(&h->p.a, WALK_NOT_OPENED);
		return false;
	}
	if (!take_ranges(h, &range))
		return false;
	answering_hits_range(s, &range);
	return true;
}

/* --- counting --- */

static void
add_up(struct hits *h)
{
	const struct selection *s = h->p.a.selection;
	size_t level_at = 0;

	memcpy(h->sum.counts, h->own, h->sum.buckets * sizeof(*h->own));
	for (int level = 0; level < LEVEL_COUNT; level++) {
		if ((s->levels & LEVEL_BIT(level)) == 0)
			continue;
		for (size_t i = 0; i < h->p.peers->count; i++) {
			for (size_t b = 0; h->each[i].counts != NULL && b < h->sum.buckets; b++)
				h->sum.counts[b][level] += h->each[i].counts[level_at + b];
		}
		level_at += h->sum.buckets;
	}
}

static void
add_progress(struct hits *h)
{
	const size_t self = h->p.peers->self;

	if (h->tally != NULL)
		tally_progress(h->tally, &h->each[self].scanned, &h->each[self].of);
	h->p.a.scanned = h->p.a.of = 0;
	for (size_t i = 0; i < h->p.peers->count; i++) {
		h->p.a.scanned += h->each[i].scanned;
		h->p.a.of += h->each[i].of;
	}
}

static void
append_progress(struct hits *h)
{
	if (clock_monotonic_ns() - h->p.a.sent < PROGRESS_NS)
		return;
	add_up(h);
	answering_hits_append(&h->p.a, &h->sum);
	buf_printf(&h->p.a.buf, "\"scanned\": %" PRIu64 ", \"of\": %" PRIu64 "}\n", h->p.a.scanned,
	    h->p.a.of);
}

/* Takes the numbers of a frame; false: they are not as many as were asked for. */
static bool
take_counts(struct hits *h, size_t server)
{
	struct hits_of *of = &h->each[server];
	const struct peer_frame *f = peers_stream_frame(of->stream);
	const char *at = peers_stream_payload(of->stream), *end = at + f->payload;

	if (of->counts == NULL)
		of->counts = calloc(h->numbers, sizeof(*of->counts));
	if (of->counts == NULL)
		return false;
	for (size_t i = 0; i < h->numbers; i++) {
		uint64_t n = 0;
		const char *from;

		if (i > 0 && (at == end || *at++ != ' '))
			return false;
		for (from = at; at < end && *at >= '0' && *at <= '9' && at - from < 15; at++)
			n = n * 10 + (uint64_t)(*at - '0');
		if (at == from)
			return false;
		of->counts[i] = n;
	}
	return at == end;
}

/* Takes what a peer has sent. False: the answer ends there. */
static bool
step_peer(struct hits *h, size_t server, bool *waits)
{
	struct hits_of *of = &h->each[server];
	enum peers_step step;
	const char *why = NULL;

	while ((step = peers_stream_next(of->stream)) == PEERS_FRAME && why == NULL) {
		if (!take_counts(h, server))
			why = "sends what no reader would: other counts";
	}
	peers_stream_progress(of->stream, &of->scanned, &of->of);
	if (step == PEERS_MORE && why == NULL) {
		*waits = true;
		return true;
	}
	if (step == PEERS_END && why == NULL) {
		of->given_up = peers_stream_end(of->stream)->given_up;
		if (peers_stream_end(of->stream)->how == PEER_FRAME_DEADLINE)
			snprintf(h->p.a.why, sizeof(h->p.a.why), "deadline");
		peers_stream_free(of->stream);
		of->stream = NULL;
		return true;
	}
	miss(h, server, why != NULL ? why : peers_stream_why(of->stream));
	return answering_peers_goes_on(
	    &h->p, h->p.a.selection->partial ? PEERS_MERGE_ENTRY : PEERS_MERGE_MISSING);
}

/* A step of this server's own. */
static enum walk_result
step_own(struct hits *h)
{
	enum walk_result result = h->tally != NULL ? tally_step(h->tally) : WALK_END;

	if (result == WALK_FAILED)
		answering_failed(&h->p.a);
	if (result != WALK_MORE && h->tally != NULL) {
		add_progress(h);
		h->each[h->p.peers->self].given_up = tally_given_up(h->tally);
		tally_free(h->tally);
		h->tally = NULL;
	}
	return result;
}

static void
count(struct hits *h)
{
	enum walk_result own;
	bool waits;

	do {
		waits = false;
		own = step_own(h);
		for (size_t i = 0; i < h->p.peers->count && own != WALK_FAILED; i++) {
			if (h->each[i].stream != NULL && !step_peer(h, i, &waits))
				return;
		}
		add_progress(h);
		if (own != WALK_MORE && !waits)
			return;
		append_progress(h);
	} while (answering_peers_goes_on(
	    &h->p, own == WALK_MORE ? PEERS_MERGE_MORE : PEERS_MERGE_WAITS));
}

static void
send_counts(struct hits *h)
{
	uint64_t given_up = 0;

	answering_begin(&h->p.a, "application/x-ndjson", NULL);
	count(h);
	for (size_t i = 0; i < h->p.peers->count; i++)
		given_up += h->each[i].given_up;
	answering_given_up(&h->p.a, given_up);
	add_up(h);
	h->p.a.matched = answering_hits_sum(&h->sum);
	answering_hits_append(&h->p.a, &h->sum);
	answering_peers_append_worth(&h->p);
	buf_puts(&h->p.a.buf, "}\n");
	answering_flush(&h->p.a);
	h->p.a.matched = 0; /* they were counted, and not sent */
}

/* Asks all for their counts; false: it was refused. */
static bool
begin(struct hits *h)
{
	const struct selection *s = h->p.a.selection;
	const struct walk_options options = answering_options(&h->p.a, false);
	unsigned levels = 0;

	for (int level = 0; level < LEVEL_COUNT; level++)
		levels += (s->levels & LEVEL_BIT(level)) != 0;
	if (answering_hits_divide(&h->sum, s)) {
		h->numbers = levels * h->sum.buckets;
		h->tally = tally_new(s->levels, &options, h->sum.width, h->own);
		if (h->tally == NULL) {
			answering_refuse_walk(&h->p.a, WALK_NOT_OPENED);
			return false;
		}
		ask_all(h, "/api/log/hits", PEER_FRAME_COUNTS);
	}
	return true;
}

/* Waits until all that were asked answer. */
static bool
await(struct hits *h)
{
	const bool partial = h->p.a.selection->partial;
	bool there;

	do {
		there = true;
		for (size_t i = 0; i < h->p.peers->count; i++) {
			struct peers_stream *stream = h->each[i].stream;

			if (stream == NULL || peers_stream_is_there(stream))
				continue;
			there = false;
			/* One that fails before that is seen to. */
			if (peers_stream_next(stream) == PEERS_FAILED ||
			    peers_stream_is_late(stream, partial))
				miss(h, i, peers_stream_why(stream));
		}
		if (!answering_peers_await(&h->p))
			return false;
	} while (!there && answering_peers_wait_for(&h->p));
	return there;
}

void
answer_peers_hits(const struct reading *r, struct selection *s, struct stream *out)
{
	struct hits *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return;
	if (answering_peers_init(&h->p, r, s, out) && answering_peers_merge(&h->p, false)) {
		h->own = calloc(s->buckets, sizeof(*h->own));
		if (h->own == NULL || !answering_hits_new(&h->sum, s))
			answering_refuse(&h->p.a, 503, diag_reason(ENOMEM));
		else if (find_range(h) && begin(h) && await(h))
			send_counts(h);
	}
	for (size_t i = 0; i < r->peers->count; i++) {
		peers_stream_free(h->each[i].stream);
		free(h->each[i].counts);
	}
	tally_free(h->tally);
	answering_hits_free(&h->sum);
	free(h->own);
	answering_peers_end(&h->p);
	free(h);
}
