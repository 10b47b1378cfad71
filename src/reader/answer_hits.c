#include "base/clock.h"
#include "reader/answering.h"
#include "reader/peer_frame.h"
#include "reader/tally.h"

#include <inttypes.h>
#include <stdlib.h>

#define PROGRESS_NS (200 * INT64_C(1000000))

struct hits {
	struct answering a;
	uint64_t (*counts)[LEVEL_COUNT];
	size_t buckets;
	int64_t width; /* milliseconds */
};

static int64_t
latest(int64_t a, int64_t b, int64_t c)
{
	a = a > b ? a : b;
	return a > c ? a : c;
}

/* What the files hold, where the selection leaves it open. False, with errno; an empty range when
 * there is nothing. */
static bool
find_range(struct answering *a)
{
	struct selection *s = a->selection;
	int64_t first = INT64_MAX, last = INT64_MIN;

	if (s->start != INT64_MIN && s->end != INT64_MAX)
		return true;
	for (int level = 0; level < LEVEL_COUNT; level++) {
		struct library_file *files;
		size_t count;

		if ((s->levels & LEVEL_BIT(level)) == 0)
			continue;
		files = library_list(a->reading->library, (enum level)level, &count);
		if (files == NULL)
			return false;
		for (size_t i = 0; i < count; i++) {
			if (files[i].first != INT64_MIN && files[i].first < first)
				first = files[i].first;
			if (files[i].last != INT64_MIN && files[i].last > last)
				last = files[i].last;
			/* Its end is far from any time. */
			if (files[i].last == INT64_MIN && files[i].first != INT64_MIN)
				last = latest(last, files[i].first, files[i].modified);
		}
		free(files);
	}
	if (s->start == INT64_MIN)
		s->start = first <= last ? first : 0;
	if (s->end == INT64_MAX)
		s->end = first <= last && last >= s->start ? last + 1 : s->start;
	if (s->start > s->end)
		s->start = s->end;
	return true;
}

static void
append_counts(struct hits *h)
{
	const struct selection *s = h->a.selection;
	struct buf *out = &h->a.buf;
	char start[CIVIL_ISO_SIZE];
	bool first = true;

	civil_iso(&h->a.selection->zone, s->start, start);
	buf_printf(
	    out, "{\"start\": \"%s\", \"width\": %" PRId64 ", \"counts\": {", start, h->width);
	for (int level = 0; level < LEVEL_COUNT; level++) {
		if ((s->levels & LEVEL_BIT(level)) == 0)
			continue;
		buf_printf(out, "%s\"%s\": [", first ? "" : ", ", level_name((enum level)level));
		for (size_t i = 0; i < h->buckets; i++) {
			if (i > 0)
				buf_puts(out, ", ");
			buf_put_number(out, h->counts[i][level]);
		}
		buf_putc(out, ']');
		first = false;
	}
	buf_puts(out, "}, ");
}

/* The same for a peer, which has asked for this range and these levels: numbers only. */
static void
append_frame(struct hits *h)
{
	struct buf numbers = BUF_INIT;

	for (int level = 0; level < LEVEL_COUNT; level++) {
		if ((h->a.selection->levels & LEVEL_BIT(level)) == 0)
			continue;
		for (size_t i = 0; i < h->buckets; i++) {
			if (numbers.len > 0)
				buf_putc(&numbers, ' ');
			buf_put_number(&numbers, h->counts[i][level]);
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
	append_counts(h);
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

	if (framed)
		answering_begin(&h->a, PEER_FRAME_TYPE, h->a.reading->peer_header);
	else
		answering_begin(&h->a, "application/x-ndjson", NULL);
	if (framed) {
		/* Who asked waits for all heads. */
		append_frame(h);
		answering_flush(&h->a);
	}
	if (t != NULL) {
		count(h, t);
		answering_given_up(&h->a, tally_given_up(t));
	}
	for (size_t i = 0; i < h->buckets; i++) {
		for (int level = 0; level < LEVEL_COUNT; level++)
			h->a.matched += h->counts[i][level];
	}
	if (framed) {
		append_frame(h);
		append_frame_end(h, t);
	} else {
		append_counts(h);
		answering_append_worth(&h->a);
		buf_puts(&h->a.buf, "}\n");
	}
	answering_flush(&h->a);
}

void
answer_hits(const struct reading *r, struct selection *s, struct stream *out)
{
	struct hits h = {.buckets = s->buckets};
	struct walk_options options;
	struct tally *t = NULL;
	bool found = false;

	answering_init(&h.a, r, s, out);
	answering_shorten(&h.a);
	h.counts = calloc(h.buckets, sizeof(*h.counts));
	if (h.counts != NULL && find_range(&h.a)) {
		uint64_t span = (uint64_t)s->end - (uint64_t)s->start;

		h.width = span > 0 ? (int64_t)((span + h.buckets - 1) / h.buckets) : 1;
		/* As many as reach the end. */
		h.buckets = (size_t)((span + (uint64_t)h.width - 1) / (uint64_t)h.width);
		options = answering_options(&h.a, false);
		if (span > 0)
			t = tally_new(s->levels, &options, h.width, h.counts);
		found = t != NULL || span == 0;
	}
	if (found)
		send_counts(&h, t);
	else
		answering_refuse_walk(&h.a, WALK_NOT_OPENED);
	tally_free(t);
	free(h.counts);
	h.a.matched = 0; /* they were counted, and not sent */
	answering_end(&h.a);
}
