#include "reader/tail_peers.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "reader/tail_behind.h"

#include <stdlib.h>

#define MILLISECOND INT64_C(1000000)

/* What a source has of the thread at a time, and entries between two looks at the clock. */
#define TURN_MAX   (2 * MILLISECOND)
#define TURN_STEPS 16

/* Connections to peers, at most; who finds none waits, and is told so. */
#define SOURCES_MAX 256

/* Places that are remembered because their files are gone: who comes again with one is told. */
#define GONE_MAX 32

struct tail_peers {
	const struct peers *peers;
	struct peer_http_group *group;
	LIST_HEAD(source_list, tail_source) sources;
	unsigned count;
	bool fresh; /* there is one that was not asked yet */
	struct cursor_server gone[GONE_MAX];
	unsigned next_gone;
};

struct tail_peers *
tail_peers_new(const struct peers *peers)
{
	struct tail_peers *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->peers = peers;
	LIST_INIT(&p->sources);
	p->group = peer_http_group_new(peers->http);
	if (p->group == NULL) {
		free(p);
		return NULL;
	}
	return p;
}

static void
remove_source(struct tail_peers *p, struct tail_source *s)
{
	LIST_REMOVE(s, links);
	p->count--;
	tail_source_free(s);
}

void
tail_peers_free(struct tail_peers *p)
{
	struct tail_source *s;

	if (p == NULL)
		return;
	while ((s = LIST_FIRST(&p->sources)) != NULL)
		remove_source(p, s);
	peer_http_group_free(p->group);
	free(p);
}

struct peer_http_group *
tail_peers_group(struct tail_peers *p)
{
	return p->group;
}

/* --- who is sent what of which source --- */

static bool
same_cursor(const struct cursor *a, const struct cursor *b)
{
	if (a->levels != b->levels)
		return false;
	for (int level = 0; level < LEVEL_COUNT; level++) {
		if ((a->levels & LEVEL_BIT(level)) != 0 &&
		    !same_place(&a->at[level], &b->at[level]))
			return false;
	}
	return true;
}

/* The viewer's part of a source's peer. */
static struct viewer_peer *
part_of(const struct tail_peers *p, const struct viewer *v, const struct tail_source *s)
{
	return &v->peer[s->peer - p->peers->at];
}

static bool
follows(const struct tail_peers *p, const struct viewer *v, const struct tail_source *s)
{
	return v->peers != NULL && part_of(p, v, s)->source == s;
}

static void
attach(struct viewer *v, size_t peer, struct tail_source *s)
{
	v->peer[peer].source = s;
	v->anew = true;
	s->followers++;
}

/* It has a place of its own from here on. */
static void
detach(struct viewer_peer *part)
{
	part->known = part->source->known;
	part->at = part->source->at;
	part->source->followers--;
	part->source = NULL;
}

void
tail_peers_leave(struct feed *f, struct viewer *v)
{
	for (size_t i = 0; v->peers != NULL && i < v->peers->count; i++) {
		struct tail_source *s = v->peer[i].source;

		if (s == NULL)
			continue;
		detach(&v->peer[i]);
		if (s->followers == 0)
			remove_source(f->peers, s);
	}
}

/* Whether one who stands there can go on with a source. */
static bool
is_at(const struct tail_source *s, const struct viewer_peer *part)
{
	if (part->known)
		return s->known && same_cursor(&s->at, &part->at);
	return !s->known || s->live;
}

/* Finds or makes a source for each peer that has none. */
static void
join(struct tail_peers *p, struct viewer *v)
{
	const struct selection *selects = &v->selection;

	for (size_t i = 0; i < p->peers->count; i++) {
		const struct peer *peer = &p->peers->at[i];
		struct viewer_peer *part = &v->peer[i];
		struct tail_source *s;

		if (i == p->peers->self || part->source != NULL)
			continue;
		for (s = LIST_FIRST(&p->sources); s != NULL; s = LIST_NEXT(s, links)) {
			if (tail_source_is_of(s, peer, selects->levels, selects->q) &&
			    is_at(s, part))
				break;
		}
		if (s == NULL && p->count < SOURCES_MAX) {
			s = tail_source_new(
			    peer, selects->levels, selects->q, part->known ? &part->at : NULL);
			if (s != NULL) {
				LIST_INSERT_HEAD(&p->sources, s, links);
				p->count++;
				p->fresh = true;
			}
		}
		v->anew = v->anew || part->refused != (s == NULL);
		part->refused = s == NULL;
		if (s != NULL)
			attach(v, i, s);
	}
}

/* Where another source of the same stands in the same place, all go on with one of them. */
static void
unite(struct feed *f, struct tail_source *s)
{
	struct tail_peers *p = f->peers;
	struct tail_source *other;
	struct viewer *v;

	for (other = LIST_FIRST(&p->sources); other != NULL; other = LIST_NEXT(other, links)) {
		if (other != s && other->known && other->stream != NULL && !other->missing &&
		    tail_source_is_of(other, s->peer, s->levels, s->q) &&
		    same_cursor(&other->at, &s->at))
			break;
	}
	if (other == NULL)
		return;
	for (v = TAILQ_FIRST(&f->viewers); v != NULL; v = TAILQ_NEXT(v, links)) {
		if (!follows(p, v, s))
			continue;
		detach(part_of(p, v, s));
		attach(v, (size_t)(s->peer - p->peers->at), other);
	}
	other->live = other->live || s->live;
}

/* --- who is missing --- */

static const char *
why_missing(const struct viewer_peer *part)
{
	if (part->source == NULL)
		return part->refused ? "too much is followed at a time" : NULL;
	return part->source->missing ? part->source->why : NULL;
}

static const char *
list_missing(struct feed *f, const struct viewer *v, struct buf *data)
{
	struct entry_json *json = &f->render.json;
	const char *first = NULL, *why;

	buf_puts(data, "{\"missing\": [");
	for (size_t i = 0; i < v->peers->count; i++) {
		const char *name = v->peers->at[i].name;

		if (i == v->peers->self || (why = why_missing(&v->peer[i])) == NULL)
			continue;
		buf_puts(data, first == NULL ? "{\"server\": " : ", {\"server\": ");
		entry_json_string(json, data, name, strlen(name));
		buf_puts(data, ", \"why\": ");
		entry_json_string(json, data, why, strlen(why));
		buf_putc(data, '}');
		if (first == NULL)
			first = name;
	}
	buf_puts(data, "]}");
	return first;
}

/* Where it stands in this server's own files. */
static const struct cursor *
own_place(const struct feed *f, const struct viewer *v)
{
	return v->behind ? &v->at : &f->at;
}

/* Says who is missing, where that is not what it was told last. */
static void
tell_missing(struct feed *f, struct viewer *v)
{
	struct buf data = BUF_INIT;

	if (v->parcel != NULL || v->dropped > 0)
		return;
	list_missing(f, v, &data);
	if (data.failed ||
	    (data.len == v->missing.len && memcmp(data.data, v->missing.data, data.len) == 0)) {
		v->anew = data.failed;
		buf_free(&data);
	} else if (viewer_tell(v, "missing", &data, own_place(f, v))) {
		buf_free(&v->missing);
		v->missing = data;
		v->anew = false;
	} else {
		v->wants_room = true;
		buf_free(&data);
	}
}

/* --- the beginning --- */

const char *
tail_peers_admit(struct feed *f, struct viewer *v, const struct cursor_servers *from, int *status)
{
	const struct peers *peers = f->peers->peers;

	for (unsigned i = 0; from != NULL && i < GONE_MAX; i++) {
		const struct cursor_server *gone = &f->peers->gone[i];
		const struct cursor *at = cursor_servers_of(from, gone->id);

		if (at == NULL || gone->at.levels == 0 || !same_cursor(at, &gone->at))
			continue;
		*status = STATUS_410;
		return "the file that the cursor is of is gone; begin without it";
	}
	v->peer = calloc(peers->count, sizeof(*v->peer));
	if (v->peer == NULL) {
		*status = STATUS_503;
		return "there is no memory";
	}
	v->peers = peers;
	v->form.own = &peers->at[peers->self];
	for (size_t i = 0; from != NULL && i < peers->count; i++) {
		const struct cursor *at = cursor_servers_of(from, peers->at[i].id);

		/* Of other levels it is of no use. */
		v->peer[i].known = at != NULL && at->levels == v->selection.levels;
		if (v->peer[i].known)
			v->peer[i].at = *at;
	}
	join(f->peers, v);
	return NULL;
}

static bool
is_settled(const struct viewer *v)
{
	for (size_t i = 0; i < v->peers->count; i++) {
		const struct tail_source *s = v->peer[i].source;

		if (i != v->peers->self && s != NULL && !s->missing && (!s->known || !s->answered))
			return false;
	}
	return true;
}

static void
begin(struct feed *f, struct viewer *v)
{
	struct buf data = BUF_INIT, words = BUF_INIT;
	const char *first = list_missing(f, v, &data);

	if (first == NULL || v->selection.partial) {
		v->waits = VIEWER_READY;
		v->anew = true;
		viewer_begin(v, own_place(f, v), f->reading->peer_header);
	} else {
		for (size_t i = 0; i < v->peers->count; i++) {
			if (strcmp(v->peers->at[i].name, first) == 0)
				buf_printf(&words, "%s %s", first, why_missing(&v->peer[i]));
		}
		buf_putc(&words, '\0');
		feed_answer(v->stream, STATUS_502, words.failed ? first : words.data);
		v->over = true;
	}
	buf_free(&data);
	buf_free(&words);
}

/* --- what comes --- */

/* An entry to one viewer, after which its peer stands somewhere else. False: it can't be sent it
 * now. */
static bool
send_entry(struct feed *f, struct viewer *v, struct tail_source *s, struct tail_entry *e)
{
	const struct cursor before = s->at, *own = own_place(f, v);
	bool sent;

	if (v->parcel != NULL || v->wants_room)
		return false;
	if (!feed_tell_dropped(f, v, own)) {
		v->wants_room = true;
		return false;
	}
	s->at = tail_source_frame(s)->cursor;
	sent = feed_send(f, v, e, own);
	s->at = before;
	if (sent) {
		metrics_add(&f->reading->metrics->entries, 1);
		return true;
	}
	if (!viewer_has_room(v, 1)) {
		v->wants_room = !v->over;
		return v->over;
	}
	/* It goes out in pieces, before anything else does. */
	v->parcel = tail_render_take(&f->render, &v->form, e);
	f->wanting = f->wanting || v->parcel == NULL;
	if (v->parcel == NULL)
		return false;
	if (!v->behind)
		behind_fall(f, v, &f->at, NULL);
	v->waits = VIEWER_READY;
	return true;
}

/* The same to one who may not have begun. */
static bool
pass_to(struct feed *f, struct viewer *v, struct tail_source *s, struct tail_entry *e)
{
	if (v->over)
		return true;
	/* Who begins now begins after it. */
	if (v->waits == VIEWER_BEGIN)
		return !part_of(f->peers, v, s)->known;
	return send_entry(f, v, s, e);
}

/* To all who follow the source. False: it waits for the only one who does. */
static bool
pass_on(struct feed *f, struct tail_source *s)
{
	const struct entry_shown shown = tail_source_entry(s);
	struct tail_entry e = tail_render_next_shown(&f->render, &shown);
	struct viewer *v;

	for (v = TAILQ_FIRST(&f->viewers); v != NULL; v = TAILQ_NEXT(v, links)) {
		if (!follows(f->peers, v, s) || pass_to(f, v, s, &e))
			continue;
		if (s->followers == 1)
			return false;
		/* It has this one, and what follows, by a source of its own. */
		detach(part_of(f->peers, v, s));
	}
	return true;
}

static void
count_dropped(struct feed *f, struct tail_source *s)
{
	struct viewer *v;

	for (v = TAILQ_FIRST(&f->viewers); v != NULL; v = TAILQ_NEXT(v, links)) {
		if (follows(f->peers, v, s))
			v->dropped += tail_source_frame(s)->matched;
	}
}

/* The place is remembered, and who stands there is ended: it comes again, and is told. */
static void
end_gone(struct feed *f, struct tail_source *s)
{
	struct tail_peers *p = f->peers;
	struct viewer *v;

	p->gone[p->next_gone++ % GONE_MAX] = (struct cursor_server){s->peer->id, s->at};
	for (v = TAILQ_FIRST(&f->viewers); v != NULL; v = TAILQ_NEXT(v, links)) {
		if (!follows(p, v, s) || v->over)
			continue;
		if (v->waits == VIEWER_BEGIN)
			feed_answer(v->stream, STATUS_410,
			    "the file that the cursor is of is gone; begin without it");
		v->over = true;
	}
}

/* True: there is more. */
static bool
take_turn(struct feed *f, struct tail_source *s)
{
	const int64_t until = clock_monotonic_ns() + TURN_MAX;

	for (unsigned steps = 1;; steps++) {
		enum tail_source_step step = tail_source_look(s, f->peers->group);

		if (step == SOURCE_NOTHING || (step == SOURCE_ENTRY && !pass_on(f, s)))
			return false;
		if (step == SOURCE_DROPPED)
			count_dropped(f, s);
		if (step != SOURCE_MOVED)
			tail_source_take(s);
		unite(f, s);
		if (s->followers == 0)
			return false;
		if (steps % TURN_STEPS == 0 && clock_monotonic_ns() >= until)
			return true;
	}
}

static void
go_on_with_viewer(struct feed *f, struct viewer *v)
{
	if (v->over || v->peers == NULL)
		return;
	if (v->waits == VIEWER_BEGIN && is_settled(v))
		begin(f, v);
	if (v->over || v->waits == VIEWER_BEGIN)
		return;
	if (!v->wants_room)
		join(f->peers, v);
	if (v->dropped > 0 && !v->dropping && v->parcel == NULL)
		feed_tell_dropped(f, v, own_place(f, v));
	if (v->anew && !v->wants_room)
		tell_missing(f, v);
	viewer_flush(v);
}

bool
tail_peers_go_on(struct feed *f)
{
	struct tail_peers *p = f->peers;
	struct tail_source *s, *next;
	struct viewer *v;
	bool more = false;

	p->fresh = false;
	for (s = LIST_FIRST(&p->sources); s != NULL; s = next) {
		next = LIST_NEXT(s, links);
		more = (s->followers > 0 && take_turn(f, s)) || more;
		if (s->gone)
			end_gone(f, s);
		s->gone = false;
		for (v = TAILQ_FIRST(&f->viewers); s->changed && v != NULL;
		     v = TAILQ_NEXT(v, links))
			v->anew = v->anew || follows(p, v, s);
		s->changed = false;
		if (s->followers == 0)
			remove_source(p, s);
	}
	for (v = TAILQ_FIRST(&f->viewers); v != NULL; v = TAILQ_NEXT(v, links))
		go_on_with_viewer(f, v);
	return more || p->fresh;
}
