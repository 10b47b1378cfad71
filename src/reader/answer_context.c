#include "reader/answering.h"

#include <stdio.h>
#include <stdlib.h>

/* What the entries before may take until they are sent, oldest first. */
#define BEFORE_BYTES ((size_t)4 * 1024 * 1024)

/* The entry that is asked for, and who is next to it: those of its own file by their place, those
 * of other levels by its time. */
struct context {
	struct answering a;
	enum level level;
	int64_t ms;
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

/* Opens a merge over all levels from the entry on: in the order of merge.h, which among entries of
 * the same time goes by level. */
static enum walk_open
open_neighbours(struct context *c, bool forward, struct merge **m)
{
	struct walk_options options[LEVEL_COUNT];
	const struct cursor *from = &c->a.selection->cursor;

	for (int level = 0; level < LEVEL_COUNT; level++) {
		bool same_is_before = level < (int)c->level;

		options[level] = answering_options(&c->a, forward);
		options[level].search = NULL;
		options[level].start = INT64_MIN;
		options[level].end = INT64_MAX;
		if (level == (int)c->level)
			continue;
		if (forward)
			options[level].start = c->ms + (same_is_before ? 1 : 0);
		else
			options[level].end = c->ms + (same_is_before ? 1 : 0);
	}
	/* Without a time nothing tells where it stands among those of other levels. */
	if (c->ms == INT64_MIN)
		return merge_new_each(m, LEVEL_BIT(c->level), options, from);
	return merge_new_each(m, c->a.reading->levels | LEVEL_BIT(c->level), options, from);
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

/* Finds the entry, for its time. */
static enum walk_open
find_entry(struct context *c)
{
	struct walk_options options = answering_options(&c->a, true);
	struct walk *w;
	struct walk_entry entry = {.ms = INT64_MIN};
	enum walk_open opened;
	enum walk_result result;

	options.search = NULL;
	options.start = INT64_MIN;
	options.end = INT64_MAX;
	opened = walk_new(&w, c->level, &options, &c->a.selection->cursor.at[c->level]);
	if (opened != WALK_OPENED)
		return opened;
	do
		result = walk_next(w, &entry);
	while (result == WALK_MORE);
	c->ms = entry.ms;
	/* There is no entry at the end of the file that a cursor may name as well. */
	if (result == WALK_END ||
	    (result == WALK_ENTRY &&
		(entry.at.offset != c->a.selection->cursor.at[c->level].offset ||
		    entry.at.inode != c->a.selection->cursor.at[c->level].inode)))
		opened = WALK_GONE;
	else if (result == WALK_FAILED)
		opened = WALK_NOT_OPENED;
	walk_free(w);
	return opened;
}

void
answer_context(const struct reading *r, struct selection *s, struct stream *out)
{
	struct context c = {.level = LEVEL_COUNT};
	struct merge *before = NULL, *after = NULL;
	enum walk_open opened;

	answering_init(&c.a, r, s, out);
	for (int level = 0; s->has_cursor && level < LEVEL_COUNT; level++) {
		if (s->cursor.levels == LEVEL_BIT(level))
			c.level = (enum level)level;
	}
	if (c.level == LEVEL_COUNT) {
		answering_refuse(&c.a, 400, "cursor: must be that of an entry");
		answering_end(&c.a);
		return;
	}
	opened = find_entry(&c);
	if (opened == WALK_OPENED)
		opened = open_neighbours(&c, false, &before);
	if (opened == WALK_OPENED)
		opened = open_neighbours(&c, true, &after);
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
