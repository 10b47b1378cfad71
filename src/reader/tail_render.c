#include "reader/tail_render.h"

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
	for (int i = 0; i < RENDER_ZONES; i++)
		buf_free(&r->renderings[i].json);
	entry_json_free(&r->json);
}

void
tail_render_next(struct tail_render *r)
{
	r->entry++;
}

static struct rendering *
find(struct tail_render *r, const char *zone)
{
	struct rendering *at = r->renderings, *last = at + RENDER_ZONES - 1;

	while (at < last && at->entry == r->entry && strcmp(at->zone, zone) != 0)
		at++;
	return at;
}

static struct buf *
render(struct tail_render *r, struct civil_zone *zone, const struct walk_entry *e)
{
	struct rendering *at = find(r, zone->name);

	if (at->entry != r->entry || strcmp(at->zone, zone->name) != 0) {
		at->entry = r->entry;
		snprintf(at->zone, sizeof(at->zone), "%s", zone->name);
		buf_clear(&at->json, KEEP);
		entry_json_append(&r->json, &at->json, e, zone);
	}
	return &at->json;
}

const struct buf *
tail_render(struct tail_render *r, struct civil_zone *zone, const struct walk_entry *e)
{
	return render(r, zone, e);
}

/* --- parcels --- */

static struct parcel *
find_parcel(struct tail_render *r, const char *zone, const struct walk_entry *e)
{
	struct parcel *p;

	for (p = LIST_FIRST(&r->parcels); p != NULL; p = LIST_NEXT(p, links)) {
		if (p->level == e->level && same_place(&p->at, &e->at) &&
		    strcmp(p->zone, zone) == 0)
			return p;
	}
	return NULL;
}

static struct parcel *
new_parcel(struct tail_render *r, struct civil_zone *zone, const struct walk_entry *e)
{
	struct parcel *p;
	struct buf *json;

	/* Its JSON is longer than the entry, and its memory perhaps twice that. */
	if (r->held > 0 && r->held + e->len > r->held_max)
		return NULL;
	json = render(r, zone, e);
	p = json->failed ? NULL : calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->level = e->level;
	p->at = e->at;
	snprintf(p->zone, sizeof(p->zone), "%s", zone->name);
	/* What others may have use for is copied, unless it is large. */
	if (json->len > KEEP) {
		p->json = *json;
		*json = (struct buf)BUF_INIT;
		tail_render_next(r);
	} else {
		buf_append(&p->json, json->data, json->len);
	}
	if (p->json.failed) {
		buf_free(&p->json);
		free(p);
		return NULL;
	}
	r->held += p->json.cap;
	LIST_INSERT_HEAD(&r->parcels, p, links);
	return p;
}

struct parcel *
tail_render_take(struct tail_render *r, struct civil_zone *zone, const struct walk_entry *e)
{
	struct parcel *p = find_parcel(r, zone->name, e);

	if (p == NULL)
		p = new_parcel(r, zone, e);
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
	r->held -= p->json.cap;
	buf_free(&p->json);
	free(p);
}
