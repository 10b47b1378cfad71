/* What the parts of render.c share, and what it has of them. */
#ifndef PBU_RENDER_INSIDE_H
#define PBU_RENDER_INSIDE_H

#include "python/pyvalue.h"
#include "record/render.h"

/* Buffers larger than this are given back after the record that needed them. */
#define RENDER_KEEP (64 * 1024)

/*
 * structlog's `event`, and after it its key-value pairs, which are the half of what it says, as its
 * ConsoleRenderer prints them: key=value, by repr() where a string would not be one word. In
 * r->message.
 */
struct value render_event(struct render *r, const struct record *record);

/* With LOG_FORMAT=json: appends the entry. */
void render_json(struct render *r, const struct record *record,
    const struct render_arrival *arrival, struct value msg, struct buf *out);

/* Empties a buffer for its next use; that it failed must not be forgotten with it. */
static inline void
render_reuse(struct render *r, struct buf *b)
{
	r->failed = r->failed || b->failed;
	r->over_max = r->over_max || b->over_max;
	buf_clear(b, RENDER_KEEP);
}

static inline struct value
render_text_of(const struct buf *b)
{
	return (struct value){VALUE_STRING, b->len > 0 ? b->data : "", b->len, NULL};
}

/* str(v), in b unless v is a string already. */
static inline struct value
render_str(struct buf *b, struct value v)
{
	if (v.type == VALUE_STRING)
		return v;
	pyvalue_str(b, v);
	return render_text_of(b);
}

#endif
