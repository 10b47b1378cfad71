/* A search as search_compile.c makes it and search.c uses it. */
#ifndef PBU_SEARCH_INSIDE_H
#define PBU_SEARCH_INSIDE_H

#include "reader/pattern.h"
#include "reader/search.h"
#include "reader/search_needle.h"
#include "reader/search_parse.h"

/* A term, ready to be looked for: by its needle alone, or by its pattern. */
struct search_part {
	enum search_kind kind;
	bool negated;
	char *text;		     /* of the needle; owned */
	struct search_needle needle; /* in whatever matches; len 0: there is none */
	struct pattern *pattern;     /* NULL: the needle is all of it */
};

struct search {
	struct search_part parts[SEARCH_TERMS_MAX]; /* the cheapest first */
	size_t count;
	const struct search_needle *needle; /* what blocks are searched for; NULL: nothing */
	bool wants_logger;
};

#endif
