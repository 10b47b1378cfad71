#include "json/arena.h"
#include "json/json_inside.h"
#include "json/scan.h"

#include <stdlib.h>

/* What the decoder keeps between records, and gives back when a record took more. */
#define KEEP_BYTES (64 * 1024)

enum place { BEFORE, IN_ARRAY, IN_LINES, AFTER };

struct json_decoder {
	struct arena arena;
	struct buf rewritten; /* one record, for cJSON */
	struct scan pass;
	size_t end; /* of the body, where the pass ends with a line */
	enum place place;
	bool batch;
	bool first;
	size_t record_at; /* where the last record begins */
	bool whole;	  /* nothing of it was left out */
};

struct json_decoder *
json_decoder_new(size_t memory_max, struct budget *budget)
{
	struct json_decoder *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	arena_init(&d->arena, memory_max, budget);
	d->rewritten.budget = budget;
	return d;
}

void
json_decoder_free(struct json_decoder *d)
{
	if (d == NULL)
		return;
	arena_free(&d->arena);
	buf_free(&d->rewritten);
	free(d);
}

void
json_decoder_skip(struct json_decoder *d, scan_skip *skip, void *context)
{
	d->pass.skip = skip;
	d->pass.context = context;
}

void
json_begin(struct json_decoder *d, const char *body, size_t len)
{
	d->pass.body = body;
	d->pass.len = len;
	d->pass.at = 0;
	d->place = BEFORE;
	d->batch = false;
	d->first = true;
	/* RFC 8259, 8.1: a byte order mark may be ignored; Python's json.loads() does so too. */
	if (len >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0)
		d->pass.at = 3;
}

void
json_begin_lines(struct json_decoder *d, const char *body, size_t len)
{
	json_begin(d, body, len);
	d->place = IN_LINES;
	d->batch = true;
	d->end = len;
}

bool
json_is_batch(const struct json_decoder *d)
{
	return d->batch;
}

void
json_end(struct json_decoder *d)
{
	arena_reset(&d->arena);
	buf_clear(&d->rewritten, KEEP_BYTES);
	json_parse_end();
}

/* The pass stopped at something. */
static enum json_status
syntax(const struct json_decoder *d, const char **what, size_t *offset)
{
	*what = d->pass.what;
	*offset = d->pass.at;
	return d->pass.what == NULL ? JSON_NO_MEMORY : JSON_SYNTAX;
}

enum json_status
json_decode(struct json_decoder *d, struct buf *rewritten, struct value *record)
{
	const struct json_node *root;

	d->whole = true;
	arena_reset(&d->arena);
	buf_append(rewritten, "", 1);
	if (rewritten->failed)
		return JSON_NO_MEMORY;
	root = json_parse(&d->arena, rewritten->data, rewritten->len);
	buf_clear(rewritten, KEEP_BYTES); /* cJSON has copied it */
	/* Only good JSON comes this far, so it can only have been memory. */
	if (root == NULL)
		return d->arena.over_limit ? JSON_TOO_LARGE : JSON_NO_MEMORY;
	*record = json_value(root);
	return JSON_RECORD;
}

static enum json_status
decode_object(struct json_decoder *d, struct value *record, const char **what, size_t *offset)
{
	enum json_status status;

	d->record_at = d->pass.at;
	buf_clear(&d->rewritten, KEEP_BYTES);
	if (!scan_value(&d->pass, &d->rewritten))
		return syntax(d, what, offset);
	status = json_decode(d, &d->rewritten, record);
	d->whole = d->pass.skip == NULL;
	return status;
}

enum json_status
json_whole_record(struct json_decoder *d, struct value *record)
{
	scan_skip *skip = d->pass.skip;
	enum json_status status;
	const char *what;
	size_t offset;

	if (d->whole)
		return JSON_RECORD;
	d->pass.skip = NULL;
	d->pass.at = d->record_at;
	status = decode_object(d, record, &what, &offset);
	d->pass.skip = skip;
	return status;
}

enum json_status
json_record_status(const struct json_decoder *d)
{
	if (!d->arena.failed)
		return JSON_RECORD;
	return d->arena.over_limit ? JSON_TOO_LARGE : JSON_NO_MEMORY;
}

/* After the whole value: nothing may follow. */
static enum json_status
finish(struct json_decoder *d, const char **what, size_t *offset)
{
	d->place = AFTER;
	if (scan_peek(&d->pass) < 0)
		return JSON_END;
	d->pass.what = "nothing may follow the value";
	return syntax(d, what, offset);
}

static enum json_status
not_a_record(struct json_decoder *d, const char **what, size_t *offset)
{
	*offset = d->pass.at;
	/* It may not even be JSON: that is the clearer answer then. */
	buf_clear(&d->rewritten, KEEP_BYTES);
	return scan_value(&d->pass, &d->rewritten) ? JSON_NOT_RECORD : syntax(d, what, offset);
}

/* The record of the next line that has one: the pass is let see no more than that line. */
static enum json_status
next_line(struct json_decoder *d, struct value *record, const char **what, size_t *offset)
{
	struct scan *p = &d->pass;
	enum json_status status;
	const char *end;
	int c;

	p->len = d->end;
	c = scan_peek(p);
	if (c < 0)
		return JSON_END;
	end = memchr(p->body + p->at, '\n', p->len - p->at);
	if (end != NULL)
		p->len = (size_t)(end - p->body);
	status = c == '{' ? decode_object(d, record, what, offset) : not_a_record(d, what, offset);
	if (status == JSON_SYNTAX && p->at == p->len) {
		*what = "a record must end in its line";
	} else if (status == JSON_RECORD && scan_peek(p) >= 0) {
		p->what = "nothing may follow the record in its line";
		return syntax(d, what, offset);
	}
	return status;
}

enum json_status
json_next_record(struct json_decoder *d, struct value *record, const char **what, size_t *offset)
{
	int c;

	if (d->place == IN_LINES)
		return next_line(d, record, what, offset);
	c = scan_peek(&d->pass);
	if (d->place == BEFORE && c == '[') {
		d->batch = true;
		d->place = IN_ARRAY;
		d->pass.at++;
		c = scan_peek(&d->pass);
	} else if (d->place == BEFORE) {
		d->place = AFTER;
		return c == '{' ? decode_object(d, record, what, offset)
				: not_a_record(d, what, offset);
	}
	if (d->place == AFTER)
		return finish(d, what, offset);

	if (!d->first || c == ']') {
		switch (scan_next(&d->pass, ']')) {
		case SCAN_ELEMENT: c = scan_peek(&d->pass); break;
		case SCAN_CLOSED: return finish(d, what, offset);
		case SCAN_FAILED: return syntax(d, what, offset);
		}
	}
	d->first = false;
	return c == '{' ? decode_object(d, record, what, offset) : not_a_record(d, what, offset);
}
