/* What entry_parse.c and its parts share: numbers, levels and literals of an entry. */
#ifndef PBU_ENTRY_PARSE_NUMBER_H
#define PBU_ENTRY_PARSE_NUMBER_H

#include "record/entry_parse.h"

struct entry_number {
	int64_t whole; /* the part before the point */
	int64_t ms;    /* a thousand times the number, rounded down */
	int decimals;  /* digits after the point */
};

/* Reads a number in decimal, as Python's %d and %f and JSON write it, at the start of a text; where
 * it ends, or NULL: there is none. One beyond what seconds can be is read, and is 0; of one beyond
 * civil_is_known(), `ms` is. */
const char *entry_parse_number(const char *at, const char *end, struct entry_number *n);

/* Bytes of "Level -9223372036854775808". */
#define ENTRY_LEVEL_MAX 32

/* The name of a level, which may lie in the scratch buffer; there must be room for it. */
struct entry_span entry_level(struct entry_parse *t, int64_t levelno);

/* Appends text of a format as it looks in an entry (entry.h), in the midst of it or, `first`, at
 * its start. */
void entry_parse_literal(struct buf *out, const char *text, size_t len, bool first);

#endif
