#include "base/clock.h"
#include "reader/answering_hits.h"
#include "reader/peer_frame.h"
#include "reader/tally.h"

#include <inttypes.h>

#define PROGRESS_NS (200 * INT64_C(1000000))

struct hits {
	struct answering a;
	struct answering_hits found;
};

/* What was found so far, for a peer, which has asked for this range and these levels: numbers only.
 */
static void
append_frame(struct hits *h)
{
	struct buf numbers = BUF_INIT;

	for (int level = 0; level < LEVEL_COUNT; level++) {
		if ((h->a.selection->levels & LEVEL_BIT(level)) == 0)
			continue;
		for (size_t i = 0; i < h->found.buckets; i++) {
			if (numbers.len > 0)
				buf_putc(&numbers, ' ');
			buf_put_number(&numbers, h->found.counts[i][level]);
		}
	}
	peer_frame_counts(&h->a.buf, h->a.scanned, h->a.of, numbers.len);
	buf_append(&h->a.buf, numbers.data, numbers.len);
	buf_putc(&h->a.buf, '\n');
	h->a.buf.failed = h->a.buf.failed || numbers.failed;
	buf_free(&numbers);
}

static void
append_frame_end(struct hits *h, const struct tally *t)
{
	struct peer_frame end = {.scanned = h->a.scanned,
	    .of = h->a.of,
	    .matched = h->a.matched,
	    .given_up = t != NULL ? tally_given_up(t) : 0};

	if (strcmp(h->a.why, "deadline") == 0)
		end.how = PEER_FRAME_DEADLINE;
	else if (h->a.why[0] != '\0' && end.given_up == 0)
		end.how = PEER_FRAME_FAILED;
	peer_frame_end(&h->a.buf, &end);
}

static void
append_progress(struct hits *h)
{
	if (clock_monotonic_ns() - h->a.sent < PROGRESS_NS)
		return;
	if (h->a.selection->framed) {
		append_frame(h);
		return;
	}
	answering_hits_append(&h->a, &h->found);
	buf_printf(
	    &h->a.buf, "\"scanned\": %" PRIu64 ", \"of\": %" PRIu64 "}\n", h->a.scanned, h->a.of);
}

static void
count(struct hits *h, struct tally *t)
{
	enum walk_result result;

	do {
		result = tally_step(t);
		tally_progress(t, &h->a.scanned, &h->a.of);
		if (result == WALK_FAILED)
			answering_failed(&h->a);
		if (result != WALK_MORE)
			return;
		append_progress(h);
	} while (answering_goes_on(&h->a, result));
}

/* t: NULL when the range is empty. */
static void
send_counts(struct hits *h, struct tally *t)
{
	const bool framed = h->a.selection->framed;

	if (framed) {
		answering_begin(&h->a, PEER_FRAME_TYPE, h->a.reading->peer_header);
		/* Who asked waits for all heads. */
		append_frame(h);
		answering_flush(&h->a);
	} else {
		answering_begin(&h->a, "application/x-ndjson", NULL);
	}
	if (t != NULL) {
		count(h, t);
		answering_given_up(&h->a, tally_given_up(t));
	}
	h->a.matched = answering_hits_sum(&h->found);
	if (framed) {
		append_frame(h);
		append_frame_end(h, t);
	} else {
		answering_hits_append(&h->a, &h->found);
		answering_append_worth(&h->a);
		buf_puts(&h->a.buf, "}\n");
	}
	answering_flush(&h->a);
}

/* What the files hold, where the selection leaves it open. False, with errno. */
static bool
find_range(struct answering *a)
{
	struct library_range range = LIBRARY_RANGE_EMPTY;

	if (!answering_hits_is_open(a->selection))
		return true;
	if (!library_range(a->reading->library, a->selection->levels, &range))
		return false;
	answering_hits_range(a->selection, &range);
	return true;
}

void
answer_hits(const struct reading *r, struct selection *s, struct stream *out)
{
	struct hits h;
	struct walk_options options;
	struct tally *t = NULL;
	bool found = false;

	answering_init(&h.a, r, s, out);
	answering_shorten(&h.a);
	if (answering_hits_new(&h.found, s) && find_range(&h.a)) {
		found = true;
		if (answering_hits_divide(&h.found, s)) {
			options = answering_options(&h.a, false);
			t = tally_new(s->levels, &options, h.found.width, h.found.counts);
			found = t != NULL;
		}
	}
	if (found)
		send_counts(&h, t);
	else
		answering_refuse_walk(&h.a, WALK_NOT_OPENED);
	tally_free(t);
	answering_hits_free(&h.found);
	h.a.matched = 0; /* they were counted, and not sent */
	answering_end(&h.a);
}
