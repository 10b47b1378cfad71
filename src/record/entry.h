/*
 * An entry as it goes into a file, made safe while it is written. Whatever text comes in, one
 * entry comes out that can be told from the next, in valid UTF-8:
 *   - it starts at a line that does not start with a tab (one at its very start is escaped), and
 *     each further line of it starts with a tab, which is added;
 *   - \r\n is a newline; newlines at the very end are dropped, and one ends the entry;
 *   - what is text_unsafe() is written by text_escape_unsafe() (json/text.h): \x1b, \u2028.
 */
#ifndef PBU_ENTRY_H
#define PBU_ENTRY_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct entry {
	struct buf *out;
	size_t start;	 /* of the entry, in out */
	size_t newlines; /* seen, and written only when something follows */
	bool carriage;	 /* a \r was seen: part of a newline, or a control character */
};

/* Begins an entry at the end of out. */
void entry_begin(struct entry *e, struct buf *out);

/* Adds whole characters of text (value.h) to the entry. */
void entry_text(struct entry *e, const char *text, size_t len);

/* Ends the line, unless the text so far ends with a newline, as CPython's
 * logging.Formatter.format() does between its parts. */
void entry_break(struct entry *e);

/* Ends the entry: newlines at its very end are dropped and one is written. */
void entry_end(struct entry *e);

#endif
