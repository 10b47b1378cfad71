/* Takes a `q` apart into its terms; search.h says what it looks like. */
#ifndef PBU_SEARCH_PARSE_H
#define PBU_SEARCH_PARSE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum search_kind {
	SEARCH_TEXT, /* a word or a phrase */
	SEARCH_EXPRESSION,
	SEARCH_LOGGER,
};

struct search_term {
	enum search_kind kind;
	bool negated;
	struct buf text; /* without quotes, slashes and their escapes; kept for the next term */
	unsigned flags;	 /* of an expression: PATTERN_CASELESS, ... */
	size_t at;	 /* where in q its text begins */
};

struct search_parse {
	const char *q;
	size_t len;
	size_t at; /* what comes next; where it is wrong, after SEARCH_PARSE_WRONG */
};

enum search_parse_result {
	SEARCH_PARSE_TERM,
	SEARCH_PARSE_END,
	SEARCH_PARSE_WRONG, /* p->at is where, and why is in words in the buffer */
};

/* `term` is zeroed before the first; its text is the caller's to free. */
enum search_parse_result search_parse_next(
    struct search_parse *p, struct search_term *term, struct buf *why);

/* Where in q a byte of the term's text is. */
size_t search_parse_origin(const struct search_parse *p, const struct search_term *term, size_t at);

#endif
