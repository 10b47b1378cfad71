#include "reader/answering_peers.h"
#include "reader/neighbours.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What the entries before may take until they are sent, oldest first. */
#define BEFORE_BYTES ((size_t)4 * 1024 * 1024)

/* Two merges over all servers, away from the entry. On its own server its neighbours are those that
 * this one would give by itself; on others they are so by its time, and of the same time by the
 * order of the servers. */
struct context {
	struct answering_peers p;
	size_t server; /* whose the entry is */
	struct neighbours near;
	struct peers_merge *before, *after;
	struct buf here; /* the entry, to be sent after those before it */
};

static void
append_entry(struct context *c, struct buf *out, const struct peers_entry *entry, bool here)
{
	const struct entry_shown shown = answering_peers_entry(&c->p, entry);

	entry_json_show(&c->p.a.json, out, &shown, &c->p.a.selection->zone);
	if (here && !out->failed) {
		out->len--; /* the brace */
		buf_puts(out, ", \"here\": true}");
	}
	buf_putc(out, '\n');
}

/* The next entry of the merge in use, whatever many steps it takes; false: there is none, or no
 * more time. */
static bool
next_entry(struct context *c, struct peers_entry *entry)
{
	enum peers_merge_result result;

	do {
		result = peers_merge_next(c->p.merge, entry);
		if (result == PEERS_MERGE_ENTRY)
			return true;
	} while (answering_peers_goes_on(&c->p, result));
	return false;
}

/* The server and the place that the cursor names; false: it names no entry. */
static bool
find_server(struct context *c)
{
	const struct selection *s = c->p.a.selection;

	c->server = c->p.peers->self;
	if (s->cursors == NULL)
		return s->has_cursor && neighbours_of(&c->near, &s->cursor);
	for (size_t i = 0; i < c->p.peers->count; i++) {
		if (s->cursors->of[0].id == c->p.peers->at[i].id)
			c->server = i;
	}
	return s->cursors->count == 1 && neighbours_of(&c->near, &s->cursors->of[0].at);
}

/* Adds the entry's own server to the merge in use; false: it was refused. */
static bool
add_server(struct context *c, bool forward)
{
	const struct reading *r = c->p.a.reading;
	const struct walk_options options = answering_options(&c->p.a, forward);
	const struct peers_asked asked = {.path = "/api/log/context",
	    .wants = PEER_FRAME_ENTRY,
	    .start = INT64_MIN,
	    .end = INT64_MAX,
	    .levels = r->levels | LEVEL_BIT(c->near.level),
	    .limit = forward ? c->p.a.selection->after + 1ULL : c->p.a.selection->before,
	    .forward = forward,
	    .has_cursor = true,
	    .cursor = c->near.at,
	    .deadline = c->p.a.deadline};
	struct merge *own;
	enum walk_open opened = WALK_OPENED;

	if (c->server != c->p.peers->self) {
		answering_peers_add(&c->p, c->server, &asked);
		return true;
	}
	/* Forward comes first. */
	if (forward)
		opened = neighbours_find(&c->near, &options);
	if (opened == WALK_OPENED)
		opened = neighbours_open(&c->near, &own, r->levels, &options, forward);
	if (opened == WALK_OPENED)
		peers_merge_own(c->p.merge, own);
	else
		answering_refuse_walk(&c->p.a, opened);
	return opened == WALK_OPENED;
}

/* Adds another one, by the entry's time. */
static bool
add_other(struct context *c, size_t server, bool forward)
{
	const int64_t border = c->near.ms + (server < c->server ? 1 : 0);
	struct walk_options options = answering_options(&c->p.a, forward);
	const struct peers_asked asked = {.path = "/api/log/query",
	    .wants = PEER_FRAME_ENTRY,
	    .start = forward ? border : INT64_MIN,
	    .end = forward ? INT64_MAX : border,
	    .levels = c->p.a.reading->levels,
	    .limit = forward ? c->p.a.selection->after : c->p.a.selection->before,
	    .forward = forward,
	    .deadline = c->p.a.deadline};
	struct merge *own;
	enum walk_open opened;

	if (server != c->p.peers->self) {
		answering_peers_add(&c->p, server, &asked);
		return true;
	}
	options.search = NULL;
	options.start = asked.start;
	options.end = asked.end;
	opened = merge_new(&own, asked.levels, &options, NULL);
	if (opened == WALK_OPENED)
		peers_merge_own(c->p.merge, own);
	else
		answering_refuse_walk(&c->p.a, opened);
	return opened == WALK_OPENED;
}

static bool
add_others(struct context *c, bool forward)
{
	const struct selection *s = c->p.a.selection;

	/* Without a time nothing tells where it stands among those of others. */
	if (c->near.ms == INT64_MIN || (forward ? s->after : s->before) == 0)
		return true;
	for (size_t i = 0; i < c->p.peers->count; i++) {
		if (i != c->server && !add_other(c, i, forward))
			return false;
	}
	return answering_peers_await(&c->p);
}

/* The merge in use gives its first entry, which is the one that is asked for. */
static bool
take_entry(struct context *c)
{
	const struct place *at = &c->near.at.at[c->near.level];
	struct peers_entry entry;
	const char *why;

	if (!answering_peers_await(&c->p))
		return false;
	if (next_entry(c, &entry)) {
		if (entry.entry.level == c->near.level && entry.entry.at.inode == at->inode &&
		    entry.entry.at.offset == at->offset) {
			c->near.ms = entry.entry.ms;
			append_entry(c, &c->here, &entry, true);
			return true;
		}
		answering_peers_refuse(
		    &c->p, c->server, "answers with another entry than was asked for", 502);
		return false;
	}
	why = peers_merge_missing(c->p.merge, c->server);
	if (c->p.a.lost)
		return false;
	if (why != NULL)
		answering_peers_refuse(
		    &c->p, c->server, why, peers_merge_status(c->p.merge, c->server));
	else
		answering_refuse(&c->p.a, 503, c->p.a.why[0] != '\0' ? c->p.a.why : "deadline");
	return false;
}

static bool
open_merge(struct context *c, bool forward, struct peers_merge **m)
{
	if (!answering_peers_merge(&c->p, forward))
		return false;
	*m = c->p.merge;
	return true;
}

/* Opens both merges, and takes the entry; false: it was refused. */
static bool
open_both(struct context *c)
{
	if (!open_merge(c, true, &c->after) || !add_server(c, true) || !take_entry(c) ||
	    !add_others(c, true))
		return false;
	if (!open_merge(c, false, &c->before))
		return false;
	if (c->p.a.selection->before > 0 && !add_server(c, false))
		return false;
	return add_others(c, false) && answering_peers_await(&c->p);
}

/* Sends the entries before: they come newest first, and go oldest first. */
static void
send_before(struct context *c)
{
	unsigned most = c->p.a.selection->before, count = 0;
	struct buf lines = BUF_INIT;
	struct peers_entry entry;
	size_t *ends = calloc(most + 1, sizeof(*ends));

	if (ends == NULL)
		answering_failed(&c->p.a);
	while (ends != NULL && count < most && next_entry(c, &entry)) {
		append_entry(c, &lines, &entry, false);
		if (lines.failed || (lines.len > BEFORE_BYTES && count > 0)) {
			snprintf(c->p.a.why, sizeof(c->p.a.why),
			    "failed: the entries before are too large");
			break;
		}
		ends[++count] = lines.len;
	}
	for (unsigned i = count; i-- > 0;)
		buf_append(&c->p.a.buf, lines.data + ends[i], ends[i + 1] - ends[i]);
	c->p.a.matched += count;
	free(ends);
	buf_free(&lines);
}

/* Sends the entry, and those after it. */
static void
send_after(struct context *c)
{
	struct peers_entry entry;

	buf_append(&c->p.a.buf, c->here.data, c->here.len);
	c->p.a.matched++;
	for (unsigned i = 0;
	     i < c->p.a.selection->after && c->p.a.why[0] == '\0' && next_entry(c, &entry); i++) {
		append_entry(c, &c->p.a.buf, &entry, false);
		c->p.a.matched++;
		if (!answering_peers_goes_on(&c->p, PEERS_MERGE_ENTRY))
			break;
	}
	peers_merge_progress(c->after, &c->p.a.scanned, &c->p.a.of);
}

static void
send_both(struct context *c)
{
	answering_begin(&c->p.a, "application/x-ndjson", NULL);
	send_before(c);
	for (size_t i = 0; i < c->p.peers->count; i++) {
		const char *why = peers_merge_missing(c->before, i);

		if (why != NULL && peers_merge_missing(c->after, i) == NULL)
			peers_merge_miss(c->after, i, why);
	}
	c->p.merge = c->after;
	send_after(c);
	buf_putc(&c->p.a.buf, '{');
	answering_peers_append_worth(&c->p);
	buf_puts(&c->p.a.buf, "}\n");
	answering_flush(&c->p.a);
}

void
answer_peers_context(const struct reading *r, struct selection *s, struct stream *out)
{
	struct context c = {0};

	if (answering_peers_init(&c.p, r, s, out)) {
		if (!find_server(&c))
			answering_refuse(&c.p.a, 400, "cursor: must be that of an entry");
		else if (open_both(&c))
			send_both(&c);
	}
	peers_merge_free(c.before);
	peers_merge_free(c.after);
	c.p.merge = NULL;
	buf_free(&c.here);
	answering_peers_end(&c.p);
}
