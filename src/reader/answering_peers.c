#include "reader/answering_peers.h"

#include "base/clock.h"
#include "base/diag.h"

#include <errno.h>
#include <stdio.h>

/* A client that has gone is noticed as often. */
#define WAIT_MS 50

/* --- begin and end --- */

/* Whether all servers of a cursor are still read. */
static bool
knows_all(const struct peers *peers, const struct cursor_servers *c)
{
	for (size_t i = 0; i < c->count; i++) {
		size_t server = 0;

		while (server < peers->count && peers->at[server].id != c->of[i].id)
			server++;
		if (server == peers->count)
			return false;
	}
	return true;
}

bool
answering_peers_init(
    struct answering_peers *p, const struct reading *r, struct selection *s, struct stream *out)
{
	*p = (struct answering_peers){.peers = r->peers};
	answering_init(&p->a, r, s, out);
	if (s->cursors != NULL && !knows_all(r->peers, s->cursors)) {
		answering_refuse(&p->a, 410,
		    "a server that the cursor is of is not read here; begin without it");
		return false;
	}
	p->group = peer_http_group_new(r->peers->http);
	if (p->group == NULL)
		answering_refuse(&p->a, 503, diag_reason(ENOMEM));
	return p->group != NULL;
}

void
answering_peers_end(struct answering_peers *p)
{
	peers_merge_free(p->merge);
	peer_http_group_free(p->group);
	answering_end(&p->a);
}

/* --- asking --- */

const struct cursor *
answering_peers_from(const struct answering_peers *p, size_t server)
{
	const struct selection *s = p->a.selection;

	if (s->cursors != NULL)
		return cursor_servers_of(s->cursors, p->peers->at[server].id);
	/* One of a server by itself is this one's. */
	return s->has_cursor && server == p->peers->self ? &s->cursor : NULL;
}

bool
answering_peers_merge(struct answering_peers *p, bool forward)
{
	p->merge = peers_merge_new(p->peers, forward, p->a.selection->partial);
	if (p->merge == NULL)
		answering_refuse(&p->a, 503, diag_reason(ENOMEM));
	return p->merge != NULL;
}

void
answering_peers_add(struct answering_peers *p, size_t server, const struct peers_asked *asked)
{
	struct peers_stream *stream = peers_stream_new(p->group, &p->peers->at[server], asked);

	if (stream != NULL)
		peers_merge_add(p->merge, server, stream);
	else
		peers_merge_miss(p->merge, server, "cannot be asked: out of memory");
}

bool
answering_peers_open(struct answering_peers *p, bool forward, uint64_t limit)
{
	const struct selection *s = p->a.selection;
	struct walk_options options = answering_options(&p->a, forward);
	struct merge *own;
	enum walk_open opened;

	options.untimed = limit == 0;
	if (!answering_peers_merge(p, forward))
		return false;
	if (limit == 0)
		peers_merge_count(p->merge);
	for (size_t i = 0; i < p->peers->count; i++) {
		const struct cursor *from = answering_peers_from(p, i);
		struct peers_asked asked = {.path = "/api/log/query",
		    .wants = PEER_FRAME_ENTRY,
		    .start = s->start,
		    .end = s->end,
		    .levels = s->levels,
		    .q = s->q,
		    .limit = limit,
		    .forward = forward,
		    .deadline = p->a.deadline};

		if (i == p->peers->self)
			continue;
		if (from != NULL) {
			asked.has_cursor = true;
			asked.cursor = *from;
		}
		answering_peers_add(p, i, &asked);
	}
	opened = merge_new(&own, s->levels, &options, answering_peers_from(p, p->peers->self));
	if (opened != WALK_OPENED) {
		answering_refuse_walk(&p->a, opened);
		return false;
	}
	peers_merge_own(p->merge, own);
	return true;
}

/* --- waiting --- */

bool
answering_peers_wait_for(struct answering_peers *p)
{
	struct pool_task *task = p->a.reading->task;

	if (task != NULL)
		pool_wait(task);
	peer_http_wait(p->group, NULL, 0, WAIT_MS);
	if (task != NULL)
		pool_resume(task);
	p->a.lost = p->a.lost || stream_gone(p->a.out);
	return !p->a.lost;
}

void
answering_peers_refuse(struct answering_peers *p, size_t server, const char *why, int status)
{
	const char *name = p->peers->at[server].name;
	/* Of who was asked without a cursor it is as wrong as any other. */
	const bool gone = status == 410 && answering_peers_from(p, server) != NULL;
	char sentence[512];

	if (gone)
		snprintf(sentence, sizeof(sentence),
		    "the file that the cursor is of is gone on %s; begin without it", name);
	else
		snprintf(sentence, sizeof(sentence), "%s %s", name, why);
	answering_refuse(&p->a, gone ? 410 : 502, sentence);
}

/* The first that is missing, and must not be; the count of servers: none. */
static size_t
first_missing(const struct answering_peers *p)
{
	size_t server = 0;

	while (server < p->peers->count &&
	       (p->a.selection->partial || peers_merge_missing(p->merge, server) == NULL))
		server++;
	return server;
}

bool
answering_peers_await(struct answering_peers *p)
{
	size_t missing;
	bool there;

	do {
		there = peers_merge_is_there(p->merge);
		missing = first_missing(p);
		if (missing < p->peers->count) {
			answering_peers_refuse(p, missing, peers_merge_missing(p->merge, missing),
			    peers_merge_status(p->merge, missing));
			return false;
		}
		if (there)
			return true;
		peers_merge_miss_late(p->merge);
	} while (answering_peers_wait_for(p));
	return false;
}

/* What a server's end means for the answer. */
static void
note_missing(struct answering_peers *p)
{
	size_t server = first_missing(p);

	if (server == p->peers->count)
		return;
	snprintf(p->a.why, sizeof(p->a.why), "failed: %s %s", p->peers->at[server].name,
	    peers_merge_missing(p->merge, server));
}

bool
answering_peers_goes_on(struct answering_peers *p, enum peers_merge_result result)
{
	switch (result) {
	case PEERS_MERGE_ENTRY: return answering_goes_on(&p->a, WALK_ENTRY);
	case PEERS_MERGE_MORE:
		peer_http_wait(p->group, NULL, 0, 0);
		return answering_goes_on(&p->a, WALK_MORE);
	case PEERS_MERGE_WAITS:
		/* What was found is not held back meanwhile. */
		if (!answering_goes_on(&p->a, WALK_MORE))
			return false;
		return answering_peers_wait_for(p);
	case PEERS_MERGE_END: break;
	case PEERS_MERGE_DEADLINE: snprintf(p->a.why, sizeof(p->a.why), "deadline"); break;
	case PEERS_MERGE_FAILED: answering_failed(&p->a); break;
	case PEERS_MERGE_MISSING: note_missing(p); break;
	}
	return false;
}

/* --- what is sent --- */

struct entry_shown
answering_peers_entry(struct answering_peers *p, const struct peers_entry *e)
{
	struct entry_json *json = &p->a.json;
	struct entry_shown shown = {.fields = e->fields,
	    .text = {e->entry.text, e->entry.len},
	    .ms = e->entry.ms,
	    .level = e->entry.level,
	    .at = e->entry.at,
	    .server = p->peers->at[e->server].name,
	    .id = p->peers->at[e->server].id};

	if (e->is_own)
		entry_parse(json->parser, &json->parse, e->entry.text, e->entry.len, &shown.fields);
	return shown;
}

void
answering_peers_append_missing(struct answering_peers *p)
{
	const char *before = ", \"missing\": [";
	const char *why;

	for (size_t i = 0; p->merge != NULL && i < p->peers->count; i++) {
		why = peers_merge_missing(p->merge, i);
		if (why == NULL)
			continue;
		buf_puts(&p->a.buf, before);
		buf_puts(&p->a.buf, "{\"server\": ");
		entry_json_string(
		    &p->a.json, &p->a.buf, p->peers->at[i].name, strlen(p->peers->at[i].name));
		buf_puts(&p->a.buf, ", \"why\": ");
		entry_json_string(&p->a.json, &p->a.buf, why, strlen(why));
		buf_putc(&p->a.buf, '}');
		before = ", ";
	}
	if (*before == ',' && before[2] == '\0')
		buf_putc(&p->a.buf, ']');
}

void
answering_peers_append_worth(struct answering_peers *p)
{
	bool missing = false;

	for (size_t i = 0; p->merge != NULL && i < p->peers->count; i++)
		missing = missing || peers_merge_missing(p->merge, i) != NULL;
	/* What ended it before tells more. */
	if (missing && p->a.why[0] == '\0')
		snprintf(p->a.why, sizeof(p->a.why), "missing");
	answering_append_worth(&p->a);
	answering_peers_append_missing(p);
}

/* --- answers without a last line --- */

static size_t
count_missing(const struct answering_peers *p)
{
	size_t missing = 0;

	for (size_t i = 0; i < p->peers->count; i++)
		missing += peers_merge_missing(p->merge, i) != NULL;
	return missing;
}

/* False: it is not complete, beyond those who were missing before it began. */
static bool
send_whole(struct answering_peers *p, const struct answering_whole *w)
{
	enum peers_merge_result result = PEERS_MERGE_MORE;
	const size_t missing = count_missing(p);
	struct answering *a = &p->a;
	struct peers_entry e;

	buf_puts(&a->buf, w->before);
	while (a->matched < w->limit) {
		result = peers_merge_next(p->merge, &e);
		peers_merge_progress(p->merge, &a->scanned, &a->of);
		/* The head does not tell of that one, and there is no last line. */
		if (count_missing(p) > missing)
			return false;
		if (result == PEERS_MERGE_END)
			break;
		if (result == PEERS_MERGE_ENTRY) {
			w->append(a, &e.entry, e.is_own ? NULL : &e.fields);
			a->matched++;
		}
		if (!answering_peers_goes_on(p, result))
			return false;
	}
	if (peers_merge_given_up(p->merge) > 0)
		return false;
	buf_puts(&a->buf, w->after);
	answering_flush(a);
	return !a->lost;
}

/* Its own headers, and one that names those who are missing. */
static void
put_headers(const struct answering_peers *p, const struct answering_whole *w, struct buf *headers)
{
	const char *before = "X-PBU-Log-Missing: ";

	if (w->headers != NULL)
		buf_puts(headers, w->headers);
	for (size_t i = 0; i < p->peers->count; i++) {
		if (peers_merge_missing(p->merge, i) == NULL)
			continue;
		buf_printf(headers, "%s%s", before, p->peers->at[i].name);
		before = ", ";
	}
	if (before[2] == '\0')
		buf_puts(headers, "\r\n");
	buf_putc(headers, '\0');
}

void
answering_peers_whole(const struct reading *r, struct selection *s, struct stream *out,
    const struct answering_whole *w)
{
	struct buf headers = BUF_INIT;
	struct answering_peers p;

	if (answering_peers_init(&p, r, s, out)) {
		p.a.deadline = INT64_MAX;
		if (answering_peers_open(&p, w->forward, w->limit) && answering_peers_await(&p)) {
			put_headers(&p, w, &headers);
			answering_begin(
			    &p.a, w->content_type, headers.failed ? NULL : headers.data);
			if (!p.a.lost && !send_whole(&p, w))
				stream_cut(p.a.out);
		}
	}
	buf_free(&headers);
	answering_peers_end(&p);
}
