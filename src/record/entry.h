/*
 * An entry as it goes into a file, made safe while it is written (DESIGN, "the text of an
 * entry", 5): whatever text comes in, one entry comes out, with every continuation line behind
 * a tab, no control characters, valid UTF-8, and one newline at its end.
 */
#ifndef PBU_ENTRY_H
#define PBU_ENTRY_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

struct entry {
	struct buf *out;
	size_t newlines; /* seen, and written only when something follows */
	bool carriage;	 /* a \r was seen: part of a newline, or a control character */
};

/* Begins an entry at the end of out. */
void entry_begin(struct entry *e, struct buf *out);

/* Adds text (value.h) to the entry. */
void entry_text(struct entry *e, const char *text, size_t len);

/* Ends the line, unless the text so far ends with a newline, as CPython's
 * logging.Formatter.format() does between its parts. */
void entry_break(struct entry *e);

/* Ends the entry: newlines at its very end are dropped and one is written. */
void entry_end(struct entry *e);

#endif
