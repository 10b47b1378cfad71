#include "base/clock.h"
#include "reader/answering.h"
#include "reader/neighbours.h"
#include "reader/peer_frame.h"

/* What a reader answers another (peer_frame.h): its own entries, and where they are. */

/* While nothing is found, this long after what was sent last. */
#define PROGRESS_NS (200 * INT64_C(1000000))

/* An answer without a timeout is for a download, which takes as long as its client does. */
static void
set_deadline(struct answering *a)
{
	answering_shorten(a);
	if (a->selection->timeout == 0)
		a->deadline = INT64_MAX;
}

static void
append_entry(struct answering *a, const struct merge *m, const struct walk_entry *entry)
{
	struct entry_fields fields = {0};
	struct cursor after;

	entry_parse(a->json.parser, &a->json.parse, entry->text, entry->len, &fields);
	merge_cursor(m, &after);
	peer_frame_entry(&a->buf, &a->json.text, entry, &fields, &after);
	answering_append(a, entry->text, entry->len);
	answering_append(a, a->json.text.data, a->json.text.len);
	buf_putc(&a->buf, '\n');
}

static void
append_progress(struct answering *a, const struct merge *m)
{
	struct cursor at;

	if (a->buf.len > 0 || clock_monotonic_ns() - a->sent < PROGRESS_NS)
		return;
	merge_cursor(m, &at);
	peer_frame_progress(&a->buf, a->scanned, a->of, &at);
}

/* With a limit of 0 entries are only counted. Returns how it ended. */
static enum peer_frame_how
send_entries(struct answering *a, struct merge *m)
{
	const uint64_t limit = a->selection->limited ? a->selection->limit : UINT64_MAX;
	struct walk_entry entry;
	enum walk_result result;

	do {
		result = merge_next(m, &entry);
		merge_progress(m, &a->scanned, &a->of);
		if (result == WALK_END)
			return PEER_FRAME_COMPLETE;
		if (result == WALK_FAILED) {
			answering_failed(a);
			return PEER_FRAME_FAILED;
		}
		if (result == WALK_ENTRY) {
			a->matched++;
			if (limit > 0)
				append_entry(a, m, &entry);
			if (a->matched == limit)
				return PEER_FRAME_LIMIT;
		}
		append_progress(a, m);
	} while (answering_goes_on(a, result));
	return PEER_FRAME_DEADLINE;
}

/* Sends what a merge gives, from its beginning; frees it. */
static void
send_merge(struct answering *a, struct merge *m)
{
	struct peer_frame end = {.has_cursor = true};
	struct cursor at;

	answering_begin(a, PEER_FRAME_TYPE, a->reading->peer_header);
	merge_cursor(m, &at);
	peer_frame_begin(&a->buf, &at);
	/* Who asked waits for all heads. */
	answering_flush(a);
	if (!a->lost)
		end.how = send_entries(a, m);
	end.scanned = a->scanned;
	end.of = a->of;
	end.matched = a->matched;
	end.given_up = merge_given_up(m);
	merge_cursor(m, &end.cursor);
	peer_frame_end(&a->buf, &end);
	answering_flush(a);
	merge_free(m);
}

void
answer_framed(const struct reading *r, struct selection *s, struct stream *out)
{
	struct walk_options options;
	struct answering a;
	enum walk_open opened;
	struct merge *m;

	answering_init(&a, r, s, out);
	set_deadline(&a);
	options = answering_options(&a, s->forward);
	options.untimed = s->limited && s->limit == 0;
	opened = merge_new(&m, s->levels, &options, s->has_cursor ? &s->cursor : NULL);
	if (opened == WALK_OPENED)
		send_merge(&a, m);
	else
		answering_refuse_walk(&a, opened);
	answering_end(&a);
}

void
answer_framed_context(const struct reading *r, struct selection *s, struct stream *out)
{
	struct walk_options options;
	struct neighbours near;
	struct answering a;
	enum walk_open opened = WALK_GONE;
	struct merge *m = NULL;

	answering_init(&a, r, s, out);
	set_deadline(&a);
	options = answering_options(&a, s->forward);
	if (s->has_cursor && neighbours_of(&near, &s->cursor)) {
		opened = neighbours_find(&near, &options);
		if (opened == WALK_OPENED)
			opened = neighbours_open(&near, &m, s->levels, &options, s->forward);
	}
	if (opened == WALK_OPENED)
		send_merge(&a, m);
	else
		answering_refuse_walk(&a, opened);
	answering_end(&a);
}
