/*
 * The strict pass over a body before cJSON sees it (doc/design.md says why): RFC 8259, and beyond
 * it what CPython's json reads (NaN, Infinity, -Infinity, lone surrogates, as escapes or as bytes).
 * A value is copied with
 *   - numbers as strings after the byte FF, which no UTF-8 has:  1.0 -> "<FF>1.0"
 *   - \u0000 and lone surrogates as the bytes that value.h describes,
 *   - white space left out,
 * and everything else as it is.
 */
#ifndef PBU_SCAN_H
#define PBU_SCAN_H

#include "base/buf.h"
#include "json/value.h"

#include <stdbool.h>
#include <stddef.h>

#define SCAN_NUMBER '\xff'

/* What no JSON has: a string after this byte is a LITERAL (value.h), also as a member's name. */
#define SCAN_LITERAL '\xfe'

/* Containers inside containers, as deep as cJSON goes. */
#define JSON_DEPTH_MAX 1000

/*
 * Told of each member of the outermost object, once its value is known to be good JSON, in their
 * order; whether it can be left out, which it is unless its name has escapes. The value has no
 * node; its text is what was sent, escapes and all, as is the name, both without the quotes of a
 * string.
 *
 * `plain`: name and value are no more and no less than what json_write() makes of them, strictly,
 * but for DEL, and for white space and names that are there twice in a container.
 */
typedef bool scan_skip(
    void *context, const char *name, size_t name_len, const struct value *v, bool plain);

struct scan {
	const char *body;
	size_t len;
	size_t at;	  /* the next byte to read */
	const char *what; /* after a failure, in words: "expected a value"; NULL: out of memory */
	size_t escapes;	  /* seen so far */
	size_t odd;	  /* and what json_write() writes otherwise */
	scan_skip *skip;  /* NULL: every member is kept */
	void *context;	  /* for skip */
};

/* Moves over white space; the next byte, or -1 at the end. */
static inline int
scan_peek(struct scan *p)
{
	while (p->at < p->len) {
		unsigned char c = (unsigned char)p->body[p->at];

		if (c > ' ' || (c != ' ' && c != '\n' && c != '\t' && c != '\r'))
			return c;
		p->at++;
	}
	return -1;
}

enum scan_step {
	SCAN_ELEMENT, /* another element or member follows */
	SCAN_CLOSED,  /* the container ended */
	SCAN_FAILED,  /* neither: p->what says what was expected */
};

/* After an element of any container, that of the records too: moves over the comma, or over the
 * bracket that closes it. */
enum scan_step scan_next(struct scan *p, char closing);

/* Copies the value that begins at p->at; false with p->what set, and p->at where it is. */
bool scan_value(struct scan *p, struct buf *out);

/* Appends text (value.h) that came otherwise than as JSON in the same form: the characters of a
 * string, without its quotes. */
void scan_put_characters(struct buf *out, const char *text, size_t len);

/* Appends it as a whole string, or as a LITERAL. */
void scan_put_string(struct buf *out, const char *text, size_t len);
void scan_put_literal(struct buf *out, const char *text, size_t len);

#endif
