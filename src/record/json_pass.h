/*
 * The strict pass over a body before cJSON sees it: RFC 8259, and beyond it what CPython's json
 * reads (NaN, Infinity, -Infinity, lone surrogates, as escapes or as bytes).
 *
 * cJSON would turn numbers into doubles, end strings at \u0000, refuse lone surrogates and
 * accept much that is not JSON. So a value is copied with
 *   - numbers as strings behind the byte FF, which no UTF-8 has:  1.0 -> "<FF>1.0"
 *   - \u0000 and lone surrogates as the bytes that value.h describes,
 *   - white space left out,
 * and everything else as it is.
 */
#ifndef PBU_JSON_PASS_H
#define PBU_JSON_PASS_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

#define JSON_PASS_NUMBER '\xff'

/*
 * Asked of each member of the outermost object, once its value is known to be good: whether it
 * can be left out. Name and value are the bytes as they were sent; the name is NULL when it was
 * sent with escapes, and such a member is kept whatever the answer.
 */
typedef bool json_skip(
    void *context, const char *name, size_t name_len, const char *value, size_t value_len);

struct json_pass {
	const char *body;
	size_t len;
	size_t at;	  /* the next byte to read */
	const char *what; /* after a failure, in words: "expected a value"; NULL: out of memory */
	size_t escapes;	  /* seen so far */
	json_skip *skip;  /* NULL: every member is kept */
	void *context;	  /* for skip */
};

/* Moves over white space; the next byte, or -1 at the end. */
static inline int
json_pass_peek(struct json_pass *p)
{
	while (p->at < p->len) {
		unsigned char c = (unsigned char)p->body[p->at];

		if (c > ' ' || (c != ' ' && c != '\n' && c != '\t' && c != '\r'))
			return c;
		p->at++;
	}
	return -1;
}

/* Copies the value that begins at p->at; false with p->what set, and p->at where it is. */
bool json_pass_value(struct json_pass *p, struct buf *out);

#endif
