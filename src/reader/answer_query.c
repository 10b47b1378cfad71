#include "base/clock.h"
#include "reader/answering.h"

#include <inttypes.h>
#include <stdio.h>

/* While nothing is found, this long after what was sent last. */
#define PROGRESS_NS (200 * INT64_C(1000000))

static void
append_progress(struct answering *a)
{
	if (a->buf.len > 0 || clock_monotonic_ns() - a->sent < PROGRESS_NS)
		return;
	buf_printf(&a->buf, "{\"progress\": true, \"scanned\": %" PRIu64 ", \"of\": %" PRIu64 "}\n",
	    a->scanned, a->of);
}

static void
append_end(struct answering *a, const struct merge *m)
{
	struct cursor cursor;

	buf_putc(&a->buf, '{');
	answering_append_worth(a);
	buf_puts(&a->buf, ", \"next\": ");
	/* Backward there is nothing left; forward there will be more. */
	if (a->why[0] == '\0' && !a->selection->forward) {
		buf_puts(&a->buf, "null}\n");
		return;
	}
	merge_cursor(m, &cursor);
	buf_putc(&a->buf, '"');
	cursor_print(&a->buf, &cursor);
	buf_puts(&a->buf, "\"}\n");
}

/* Sends entries up to the limit; with a limit of 0 it only counts. */
static void
send_entries(struct answering *a, struct merge *m)
{
	uint64_t limit = a->selection->limited ? a->selection->limit : ANSWER_LIMIT_DEFAULT;
	struct walk_entry entry;
	enum walk_result result;

	do {
		result = merge_next(m, &entry);
		merge_progress(m, &a->scanned, &a->of);
		if (result == WALK_END)
			return;
		if (result == WALK_FAILED) {
			answering_failed(a);
			return;
		}
		if (result == WALK_ENTRY) {
			a->matched++;
			if (limit > 0) {
				entry_json_append(&a->json, &a->buf, &entry, &a->selection->zone);
				buf_putc(&a->buf, '\n');
			}
			if (a->matched == limit) {
				snprintf(a->why, sizeof(a->why), "limit");
				return;
			}
		}
		append_progress(a);
	} while (answering_goes_on(a, result));
}

void
answer_query(const struct reading *r, struct selection *s, struct stream *out)
{
	struct walk_options options;
	struct answering a;
	enum walk_open opened;
	struct merge *m;

	answering_init(&a, r, s, out);
	options = answering_options(&a, s->forward);
	options.untimed = s->limited && s->limit == 0;
	opened = merge_new(&m, s->levels, &options, s->has_cursor ? &s->cursor : NULL);
	if (opened != WALK_OPENED) {
		answering_refuse_walk(&a, opened);
	} else {
		answering_begin(&a, "application/x-ndjson", NULL);
		send_entries(&a, m);
		answering_given_up(&a, merge_given_up(m));
		append_end(&a, m);
		answering_flush(&a);
		merge_free(m);
	}
	answering_end(&a);
}
