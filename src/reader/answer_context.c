#include "reader/answering.h"
#include "reader/neighbours.h"

#include <stdio.h>
#include <stdlib.h>

/* What the entries before may take until they are sent, oldest first. */
#define BEFORE_BYTES ((size_t)4 * 1024 * 1024)

struct context {
	struct answering a;
	struct neighbours near;
};

static void
append_entry(struct context *c, struct buf *out, const struct walk_entry *entry, bool here)
{
	entry_json_append(&c->a.json, out, entry, &c->a.selection->zone);
	if (here && !out->failed) {
		out->len--; /* the brace */
		buf_puts(out, ", \"here\": true}");
	}
	buf_putc(out, '\n');
}

/* The next entry of a merge, whatever many steps it takes; false: there is none, or no more time.
 */
static bool
next_entry(struct context *c, struct merge *m, struct walk_entry *entry)
{
	enum walk_result result;

	do {
		result = merge_next(m, entry);
		if (result == WALK_FAILED)
			answering_failed(&c->a);
		if (result != WALK_MORE)
			return result == WALK_ENTRY;
	} while (answering_goes_on(&c->a, result));
	return false;
}

/* Sends the entries before: they come newest first, and go oldest first. */
static void
send_before(struct context *c, struct merge *m)
{
	unsigned most = c->a.selection->before, count = 0;
	struct buf lines = BUF_INIT;
	struct walk_entry entry;
	size_t *ends = calloc(most + 1, sizeof(*ends));

	if (ends == NULL)
		answering_failed(&c->a);
	while (ends != NULL && count < most && next_entry(c, m, &entry)) {
		append_entry(c, &lines, &entry, false);
		if (lines.failed || (lines.len > BEFORE_BYTES && count > 0)) {
			snprintf(
			    c->a.why, sizeof(c->a.why), "failed: the entries before are too large");
			break;
		}
		ends[++count] = lines.len;
	}
	for (unsigned i = count; i-- > 0;)
		buf_append(&c->a.buf, lines.data + ends[i], ends[i + 1] - ends[i]);
	c->a.matched += count;
	free(ends);
	buf_free(&lines);
	merge_free(m);
}

/* Sends the entry, unless it is `outside`, and those after it. */
static void
send_after(struct context *c, struct merge *m)
{
	struct walk_entry entry;

	for (unsigned i = 0; i <= c->a.selection->after && next_entry(c, m, &entry); i++) {
		append_entry(c, &c->a.buf, &entry, i == 0);
		c->a.matched++;
		if (!answering_goes_on(&c->a, WALK_ENTRY))
			break;
	}
	merge_progress(m, &c->a.scanned, &c->a.of);
}

void
answer_context(const struct reading *r, struct selection *s, struct stream *out)
{
	struct context c = {0};
	struct merge *before = NULL, *after = NULL;
	struct walk_options options;
	enum walk_open opened;

	answering_init(&c.a, r, s, out);
	if (!s->has_cursor || !neighbours_of(&c.near, &s->cursor)) {
		answering_refuse(&c.a, 400, "cursor: must be that of an entry");
		answering_end(&c.a);
		return;
	}
	options = answering_options(&c.a, true);
	opened = neighbours_find(&c.near, &options);
	if (opened == WALK_OPENED)
		opened = neighbours_open(&c.near, &before, r->levels, &options, false);
	if (opened == WALK_OPENED)
		opened = neighbours_open(&c.near, &after, r->levels, &options, true);
	if (opened != WALK_OPENED) {
		answering_refuse_walk(&c.a, opened);
	} else {
		answering_begin(&c.a, "application/x-ndjson", NULL);
		send_before(&c, before);
		before = NULL;
		send_after(&c, after);
		buf_putc(&c.a.buf, '{');
		answering_append_worth(&c.a);
		buf_puts(&c.a.buf, "}\n");
		answering_flush(&c.a);
	}
	merge_free(before);
	merge_free(after);
	answering_end(&c.a);
}
