/*
 * LOG_FORMAT read backwards: what an entry in a file says about its record. The inverse of
 * formatter.h and render.h, over the same parts; entry.h says what an entry looks like.
 *
 * An entry need not be of this format: files may be of another or from before.
 */
#ifndef PBU_ENTRY_PARSE_H
#define PBU_ENTRY_PARSE_H

#include "base/buf.h"
#include "base/civil.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entry_parser;

/* A part of an entry; data is NULL where the format does not hold it. */
struct entry_span {
	const char *data;
	size_t len;
};

struct entry_fields {
	bool fits; /* the entry is of this format; else nothing below is set */
	bool timed;
	int64_t ms; /* since the epoch; when `timed` */
	/* In the entry, or, where the format is json and they have escapes, in the scratch buffer.
	 */
	struct entry_span level, logger;
	struct entry_span message; /* its first line; with json the whole */
};

/* What one thread needs to parse; zeroed at first, and freed with entry_parse_free(). */
struct entry_parse {
	struct civil_zone zone; /* the process's own */
	struct buf scratch;
	char second[32]; /* the text of the last second that was read, and what it is */
	size_t second_len;
	int64_t second_ms;
};

/*
 * Compiles a format and a date format (NULL: Python's default), as formatter_compile() takes them.
 * NULL when memory ran out or the format can't be used, with the reason in `why`. Immutable: any
 * thread may use it. Freed with entry_parser_free().
 */
struct entry_parser *entry_parser_new(const char *format, const char *date_format, struct buf *why);
void entry_parser_free(struct entry_parser *p);

/* Takes an entry apart: len bytes, without the newline that ends it. */
void entry_parse(const struct entry_parser *p, struct entry_parse *t, const char *entry, size_t len,
    struct entry_fields *fields);

/* The time alone, which is all that most entries are looked at for; false: it has none. */
bool entry_parse_time(const struct entry_parser *p, struct entry_parse *t, const char *entry,
    size_t len, int64_t *ms);

/* The time that it has if the rest of it fits, for a fraction of what that takes to tell; false: it
 * has none. */
bool entry_parse_time_if(const struct entry_parser *p, struct entry_parse *t, const char *entry,
    size_t len, int64_t *ms);

void entry_parse_free(struct entry_parse *t);

#endif
