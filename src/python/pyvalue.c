#include "python/pyvalue.h"

#include "python/pyunicode.h"
#include "json/json.h"
#include "json/text.h"

#include <stdint.h>

struct writer {
	struct buf *out;
	size_t end;    /* enough once out->len is beyond it */
	size_t looked; /* bytes of the value read so far */
	bool ascii;    /* escape all that is not ASCII */
};

static bool
enough(const struct writer *w)
{
	return w->out->len > w->end || w->out->failed;
}

/* Appends; of what lies beyond the end one byte, so that enough() sees it. */
static void
put(struct writer *w, const char *p, size_t n)
{
	size_t room;

	if (enough(w))
		return;
	room = w->end - w->out->len;
	buf_append(w->out, p, n > room ? room + 1 : n);
}

static void
put_escape(struct writer *w, uint32_t c)
{
	char text[TEXT_ESCAPE_MAX], letter = 'U';

	switch (c) {
	case '\t': put(w, "\\t", 2); return;
	case '\n': put(w, "\\n", 2); return;
	case '\r': put(w, "\\r", 2); return;
	case '\\': put(w, "\\\\", 2); return;
	case '\'': put(w, "\\'", 2); return;
	default: break;
	}
	if (c < 0x10000)
		letter = c < 0x100 ? 'x' : 'u';
	put(w, text, text_escape(text, letter, c));
}

/* CPython's unicode_repr(): double quotes only around what has single ones and no double. */
static void
put_quoted(struct writer *w, const char *text, size_t len)
{
	const char *at = text, *end = text + len, *run = text;
	char quote = '\'';

	w->looked += len;
	if (memchr(text, '\'', len) != NULL && memchr(text, '"', len) == NULL)
		quote = '"';
	put(w, &quote, 1);
	/* A byte of text makes at least one: beyond the end there is nothing to look at. */
	if (enough(w))
		return;
	if (len > w->end - w->out->len)
		end = text + text_prefix(text, len, w->end - w->out->len + 1);
	while (at < end) {
		const char *before = at;
		uint32_t c = text_next(&at, end);

		if (c < 0x7f) {
			if (c >= ' ' && c != '\\' && (c != '\'' || quote == '"'))
				continue;
		} else if (!w->ascii && pyunicode_printable(c)) {
			continue;
		}
		put(w, run, (size_t)(before - run));
		put_escape(w, c);
		if (enough(w))
			return;
		run = at;
	}
	put(w, run, (size_t)(end - run));
	put(w, &quote, 1);
}

/* A repr() as it came; ascii() is the same with what is not ASCII escaped (PyObject_ASCII()). */
static void
put_literal(struct writer *w, struct value v)
{
	const char *at = v.text, *end = at + v.len, *run = at;

	w->looked += v.len;
	while (w->ascii && at < end && !enough(w)) {
		const char *before = at;
		uint32_t c = text_next(&at, end);

		if (c < 0x80)
			continue;
		put(w, run, (size_t)(before - run));
		put_escape(w, c);
		run = at;
	}
	put(w, run, (size_t)(end - run));
}

/* As it was sent, but for what Python spells otherwise. */
static void
put_number(struct writer *w, struct value v)
{
	w->looked += v.len;
	switch (v.len == 0 ? '\0' : v.text[v.len > 1 && v.text[0] == '-']) {
	case 'N': put(w, "nan", 3); break;
	case 'I': put(w, v.text[0] == '-' ? "-inf" : "inf", v.text[0] == '-' ? 4 : 3); break;
	default: put(w, v.text, v.len); break;
	}
}

/* Recursive, no deeper than JSON_DEPTH_MAX. */
static void
put_repr(struct writer *w, struct value v)
{
	const struct json_node *node;
	bool first = true;

	switch (v.type) {
	case VALUE_ABSENT:
	case VALUE_NULL: put(w, "None", 4); return;
	case VALUE_FALSE: put(w, "False", 5); return;
	case VALUE_TRUE: put(w, "True", 4); return;
	case VALUE_NUMBER: put_number(w, v); return;
	case VALUE_STRING: put_quoted(w, v.text, v.len); return;
	case VALUE_LITERAL: put_literal(w, v); return;
	case VALUE_ARRAY:
	case VALUE_OBJECT: break;
	}
	put(w, v.type == VALUE_ARRAY ? "[" : "{", 1);
	for (node = json_first(v); node != NULL && !enough(w); node = json_next(node)) {
		if (!first)
			put(w, ", ", 2);
		first = false;
		if (v.type == VALUE_OBJECT) {
			put_repr(w, json_name(node));
			put(w, ": ", 2);
		}
		if (!enough(w))
			put_repr(w, json_value(node));
	}
	put(w, v.type == VALUE_ARRAY ? "]" : "}", 1);
}

size_t
pyvalue_bounded(struct buf *out, struct value v, char conversion, size_t max)
{
	struct writer w = {out, SIZE_MAX, 0, conversion == 'a'};

	if (max < SIZE_MAX - out->len)
		w.end = out->len + max;
	if (v.type == VALUE_STRING && conversion == 's')
		put(&w, v.text, v.len);
	else
		put_repr(&w, v);
	return w.looked;
}

void
pyvalue_str(struct buf *out, struct value v)
{
	pyvalue_bounded(out, v, 's', SIZE_MAX);
}
