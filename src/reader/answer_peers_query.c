#include "base/clock.h"
#include "reader/answering_peers.h"

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
append_end(struct answering_peers *p, bool ended)
{
	struct answering *a = &p->a;
	struct buf next = BUF_INIT;

	buf_putc(&a->buf, '{');
	answering_peers_append_worth(p);
	buf_puts(&a->buf, ", \"next\": ");
	/* Backward there is nothing left; forward there will be more. */
	if (!ended || a->selection->forward)
		peers_merge_cursor(p->merge, &next);
	if (next.len > 0) {
		buf_putc(&a->buf, '"');
		buf_append(&a->buf, next.data, next.len);
		buf_puts(&a->buf, "\"}\n");
	} else {
		buf_puts(&a->buf, "null}\n");
	}
	a->buf.failed = a->buf.failed || next.failed;
	buf_free(&next);
}

/* Sends entries up to the limit; with a limit of 0 it only counts. Whether all were. */
static bool
send_entries(struct answering_peers *p, uint64_t limit)
{
	struct answering *a = &p->a;
	enum peers_merge_result result;
	struct peers_entry entry;
	struct entry_shown shown;

	do {
		result = peers_merge_next(p->merge, &entry);
		peers_merge_progress(p->merge, &a->scanned, &a->of);
		if (result == PEERS_MERGE_END)
			return true;
		if (result == PEERS_MERGE_ENTRY) {
			a->matched++;
			if (limit > 0) {
				shown = answering_peers_entry(p, &entry);
				entry_json_show(&a->json, &a->buf, &shown, &a->selection->zone);
				buf_putc(&a->buf, '\n');
			}
			if (a->matched == limit) {
				snprintf(a->why, sizeof(a->why), "limit");
				return false;
			}
		}
		append_progress(a);
	} while (answering_peers_goes_on(p, result));
	return false;
}

void
answer_peers_query(const struct reading *r, struct selection *s, struct stream *out)
{
	const uint64_t limit = s->limited ? s->limit : ANSWER_LIMIT_DEFAULT;
	struct answering_peers p;
	bool ended;

	if (answering_peers_init(&p, r, s, out) && answering_peers_open(&p, s->forward, limit) &&
	    answering_peers_await(&p)) {
		answering_begin(&p.a, "application/x-ndjson", NULL);
		ended = send_entries(&p, limit);
		/* What peers have only counted. */
		if (limit == 0)
			p.a.matched += peers_merge_counted(p.merge);
		answering_given_up(&p.a, peers_merge_given_up(p.merge));
		append_end(&p, ended);
		answering_flush(&p.a);
	}
	answering_peers_end(&p);
}
