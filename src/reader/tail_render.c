#include "reader/tail_render.h"

#include "reader/peer_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory that is kept from one entry to the next. */
#define KEEP ((size_t)64 * 1024)

void
tail_render_init(struct tail_render *r, const struct entry_parser *parser, size_t held_max)
{
	*r = (struct tail_render){.json = {.parser = parser}, .entry = 1, .held_max = held_max};
	LIST_INIT(&r->parcels);
	civil_zone_open(&r->json.parse.zone, NULL);
}

void
tail_render_free(struct tail_render *r)
{
	for (int i = 0; i < RENDER_FORMS; i++)
		buf_free(&r->renderings[i].body);
	buf_free(&r->extra);
	entry_json_free(&r->json);
}

struct tail_entry
tail_render_next(struct tail_render *r, const struct walk_entry *e)
{
	r->entry++;
	return (struct tail_entry){
	    .shown = {.text = {e->text, e->len}, .ms = e->ms, .level = e->level, .at = e->at}};
}

struct tail_entry
tail_render_next_shown(struct tail_render *r, const struct entry_shown *shown)
{
	r->entry++;
	return (struct tail_entry){.shown = *shown, .parsed = true};
}

void
tail_render_parse(struct tail_render *r, struct tail_entry *e)
{
	const struct entry_span text = e->shown.text;

	if (!e->parsed)
		entry_parse(r->json.parser, &r->json.parse, text.data, text.len, &e->shown.fields);
	e->parsed = true;
}

size_t
tail_render_size(const struct tail_form *form, const struct tail_entry *e)
{
	const struct entry_shown *s = &e->shown;

	if (form->framed)
		return s->text.len;
	return s->text.len + s->fields.level.len + s->fields.logger.len + s->fields.message.len;
}

static struct rendering_key
key_of(const struct tail_form *form)
{
	struct rendering_key key = {.framed = form->framed, .named = form->own != NULL};

	if (!form->framed)
		snprintf(key.zone, sizeof(key.zone), "%s", form->zone->name);
	return key;
}

static bool
same_key(const struct rendering_key *a, const struct rendering_key *b)
{
	return a->framed == b->framed && a->named == b->named && strcmp(a->zone, b->zone) == 0;
}

static struct rendering *
find(struct tail_render *r, const struct rendering_key *key)
{
	struct rendering *at = r->renderings, *last = at + RENDER_FORMS - 1;

	while (at < last && at->entry == r->entry && !same_key(&at->key, key))
		at++;
	return at;
}

void
tail_render_line(
    struct tail_render *r, struct tail_entry *e, const struct cursor *after, struct buf *line)
{
	const struct walk_entry entry = {.level = e->shown.level,
	    .text = e->shown.text.data,
	    .len = e->shown.text.len,
	    .ms = e->shown.ms,
	    .at = e->shown.at};

	tail_render_parse(r, e);
	peer_frame_entry(line, &r->extra, &entry, &e->shown.fields, after);
}

/* The text, and which of its fields are not in there. */
static void
put_payload(struct tail_render *r, struct buf *body, struct tail_entry *e)
{
	static const struct cursor nowhere;
	struct buf line = BUF_INIT;

	tail_render_line(r, e, &nowhere, &line);
	buf_append(body, e->shown.text.data, e->shown.text.len);
	buf_append(body, r->extra.data, r->extra.len);
	body->failed = body->failed || line.failed;
	buf_free(&line);
}

static void
put_json(
    struct tail_render *r, struct buf *body, const struct tail_form *form, struct tail_entry *e)
{
	struct entry_shown shown;

	tail_render_parse(r, e);
	shown = e->shown;
	if (shown.server == NULL && form->own != NULL) {
		shown.server = form->own->name;
		shown.id = form->own->id;
	}
	entry_json_show(&r->json, body, &shown, form->zone);
}

static struct buf *
render(struct tail_render *r, const struct tail_form *form, struct tail_entry *e)
{
	const struct rendering_key key = key_of(form);
	struct rendering *at = find(r, &key);

	if (at->entry != r->entry || !same_key(&at->key, &key)) {
		at->entry = r->entry;
		at->key = key;
		buf_clear(&at->body, KEEP);
		if (form->framed)
			put_payload(r, &at->body, e);
		else
			put_json(r, &at->body, form, e);
	}
	return &at->body;
}

const struct buf *
tail_render(struct tail_render *r, const struct tail_form *form, struct tail_entry *e)
{
	return render(r, form, e);
}

/* --- parcels --- */

static struct parcel *
find_parcel(struct tail_render *r, const struct rendering_key *key, const struct tail_entry *e)
{
	struct parcel *p;

	for (p = LIST_FIRST(&r->parcels); p != NULL; p = LIST_NEXT(p, links)) {
		if (p->level == e->shown.level && same_place(&p->at, &e->shown.at) &&
		    p->server == e->shown.id && same_key(&p->key, key))
			return p;
	}
	return NULL;
}

/* A rendering for a parcel: what others may have use for is copied, unless it is large. */
static struct buf
keep_body(struct tail_render *r, struct buf *body)
{
	struct buf kept = BUF_INIT;

	if (body->len > KEEP) {
		kept = *body;
		*body = (struct buf)BUF_INIT;
		r->entry++;
	} else {
		buf_append(&kept, body->data, body->len);
	}
	return kept;
}

static struct parcel *
new_parcel(struct tail_render *r, const struct tail_form *form, struct tail_entry *e)
{
	struct parcel *p;
	struct buf *body;

	/* Its JSON is longer than the entry, and its memory perhaps twice that. */
	if (r->held > 0 && r->held + tail_render_size(form, e) > r->held_max)
		return NULL;
	body = render(r, form, e);
	p = body->failed ? NULL : malloc(sizeof(*p));
	if (p == NULL)
		return NULL;
	*p = (struct parcel){.level = e->shown.level,
	    .at = e->shown.at,
	    .server = e->shown.id,
	    .key = key_of(form),
	    .body = keep_body(r, body)};
	if (p->body.failed) {
		buf_free(&p->body);
		free(p);
		return NULL;
	}
	r->held += p->body.cap;
	LIST_INSERT_HEAD(&r->parcels, p, links);
	return p;
}

struct parcel *
tail_render_take(struct tail_render *r, const struct tail_form *form, struct tail_entry *e)
{
	const struct rendering_key key = key_of(form);
	struct parcel *p = find_parcel(r, &key, e);

	if (p == NULL)
		p = new_parcel(r, form, e);
	if (p != NULL)
		p->refs++;
	return p;
}

void
tail_render_give_back(struct tail_render *r, struct parcel *p)
{
	if (p == NULL || --p->refs > 0)
		return;
	LIST_REMOVE(p, links);
	r->held -= p->body.cap;
	buf_free(&p->body);
	free(p);
}
