#include "reader/tail_peers.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "reader/tail_behind.h"

#include <stdlib.h>

#define MILLISECOND INT64_C(1000000)

/* What all sources have of the thread at a time, and each, and entries between two looks at the
 * clock. */
#define ALL_MAX	   (8 * MILLISECOND)
#define TURN_MAX   (2 * MILLISECOND)
#define TURN_STEPS 16

struct tail_peers {
	const struct peers *peers;
	struct tail_sources sources;
};

struct tail_peers *
tail_peers_new(const struct peers *peers)
{
	struct tail_peers *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->peers = peers;
	if (sources_init(&p->sources, peers))
		return p;
	free(p);
	return NULL;
}

void
tail_peers_free(struct tail_peers *p)
{
	if (p == NULL)
		return;
	sources_free(&p->sources);
	free(p);
}

struct peer_http_group *
tail_peers_group(struct tail_peers *p)
{
	return p->sources.group;
}

void
tail_peers_leave(struct feed *f, struct viewer *v)
{
	if (f->peers != NULL)
		sources_leave(&f->peers->sources, v);
}

/* --- who is missing --- */

static const char *
why_missing(const struct viewer_peer *part)
{
	if (part->source == NULL)
		return part->refused ? sources_words_full : NULL;
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

bool
tail_peers_admit(struct feed *f, struct viewer *v, const struct cursor_servers *from)
{
	const struct peers *peers = f->peers->peers;

	v->peer = calloc(peers->count, sizeof(*v->peer));
	if (v->peer == NULL)
		return false;
	v->peers = peers;
	v->form.own = &peers->at[peers->self];
	for (size_t i = 0; from != NULL && i < peers->count; i++) {
		const struct cursor *at = cursor_servers_of(from, peers->at[i].id);

		if (at == NULL || (at->levels & v->selection.levels) == 0)
			continue;
		/* The peer completes it: levels that it has no place for begin now. */
		v->peer[i].known = true;
		v->peer[i].at = *at;
		v->peer[i].at.levels &= v->selection.levels;
	}
	v->waits = VIEWER_BEGIN;
	sources_join(&f->peers->sources, v);
	return true;
}

static bool
is_settled(const struct viewer *v)
{
	for (size_t i = 0; i < v->peers->count; i++) {
		const struct tail_source *s = v->peer[i].source;
		bool given_up =
		    s == NULL || (s->missing && (v->selection.partial || s->stream == NULL));

		if (i != v->peers->self && !given_up && !(s->known && s->answered))
			return false;
	}
	return true;
}

static void
begin(struct feed *f, struct viewer *v)
{
	struct buf data = BUF_INIT, words = BUF_INIT;
	const char *first = list_missing(f, v, &data);
	int status = STATUS_502;

	if (first == NULL || v->selection.partial) {
		v->waits = VIEWER_READY;
		v->anew = true;
		viewer_begin(v, own_place(f, v), NULL);
	} else {
		for (size_t i = 0; i < v->peers->count; i++) {
			if (strcmp(v->peers->at[i].name, first) != 0)
				continue;
			buf_printf(&words, "%s %s", first, why_missing(&v->peer[i]));
			/* That is no fault of the peer's. */
			if (v->peer[i].source == NULL)
				status = STATUS_503;
		}
		buf_putc(&words, '\0');
		newcomer_answer(v->stream, status, words.failed ? first : words.data);
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
		return !sources_part(&f->peers->sources, v, s)->known;
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
		if (!sources_is_sent(&f->peers->sources, v, s) || pass_to(f, v, s, &e))
			continue;
		if (s->followers == 1)
			return false;
		/* It has this one, and what follows, by a source of its own. */
		sources_detach(sources_part(&f->peers->sources, v, s));
	}
	return true;
}

static void
count_dropped(struct feed *f, struct tail_source *s)
{
	struct viewer *v;

	for (v = TAILQ_FIRST(&f->viewers); v != NULL; v = TAILQ_NEXT(v, links)) {
		if (sources_is_sent(&f->peers->sources, v, s))
			v->dropped += tail_source_frame(s)->matched;
	}
}

/* Who stands there is told, or ended: it comes again, and is told then. */
static void
end_gone(struct feed *f, struct tail_source *s)
{
	struct buf words = BUF_INIT;
	struct viewer *v;

	buf_printf(&words, "the file that the cursor is of is gone on %s; begin without it",
	    s->peer->name);
	buf_putc(&words, '\0');
	for (v = TAILQ_FIRST(&f->viewers); v != NULL; v = TAILQ_NEXT(v, links)) {
		if (!sources_is_sent(&f->peers->sources, v, s) || v->over)
			continue;
		if (v->waits == VIEWER_BEGIN)
			newcomer_answer(v->stream, STATUS_410,
			    words.failed ? "the file that the cursor is of is gone" : words.data);
		v->over = true;
	}
	buf_free(&words);
}

/* True: there is more. */
static bool
take_turn(struct feed *f, struct tail_source *s)
{
	const int64_t until = clock_monotonic_ns() + TURN_MAX;

	for (unsigned steps = 1;; steps++) {
		enum tail_source_step step = tail_source_look(s, f->peers->sources.group);

		if (step == SOURCE_NOTHING || (step == SOURCE_ENTRY && !pass_on(f, s)))
			return false;
		if (step == SOURCE_DROPPED)
			count_dropped(f, s);
		if (step != SOURCE_MOVED)
			tail_source_take(s);
		sources_unite(&f->peers->sources, s, &f->viewers);
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
		sources_join(&f->peers->sources, v);
	if (v->dropped > 0 && !v->dropping && v->parcel == NULL)
		feed_tell_dropped(f, v, own_place(f, v));
	if (v->anew && !v->wants_room)
		tell_missing(f, v);
	viewer_flush(v);
}

/* Gives a source its turn, and tells who is sent it what has changed. True: there is more. */
static bool
go_on_with_source(struct feed *f, struct tail_source *s)
{
	struct tail_sources *all = &f->peers->sources;
	bool more = s->followers > 0 && take_turn(f, s);
	struct viewer *v;

	if (s->gone)
		end_gone(f, s);
	for (v = TAILQ_FIRST(&f->viewers); s->changed && v != NULL; v = TAILQ_NEXT(v, links))
		v->anew = v->anew || sources_is_sent(all, v, s);
	s->gone = s->changed = false;
	if (s->followers == 0)
		sources_remove(all, s);
	return more;
}

bool
tail_peers_go_on(struct feed *f)
{
	struct tail_sources *all = &f->peers->sources;
	const int64_t until = clock_monotonic_ns() + ALL_MAX;
	struct tail_source *s;
	struct viewer *v;
	bool more = false;

	all->fresh = false;
	/* Who had a turn goes to the end of the list. */
	for (unsigned n = all->count; n > 0; n--) {
		if (clock_monotonic_ns() >= until) {
			more = true;
			break;
		}
		s = TAILQ_FIRST(&all->list);
		TAILQ_REMOVE(&all->list, s, links);
		TAILQ_INSERT_TAIL(&all->list, s, links);
		more = go_on_with_source(f, s) || more;
	}
	for (v = TAILQ_FIRST(&f->viewers); v != NULL; v = TAILQ_NEXT(v, links))
		go_on_with_viewer(f, v);
	return more || all->fresh;
}
