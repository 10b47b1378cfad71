/* An entry as JSON, as every answer of the query API has it. */
#ifndef PBU_ENTRY_JSON_H
#define PBU_ENTRY_JSON_H

#include "base/buf.h"
#include "reader/walk.h"
#include "record/entry_parse.h"

/* What one thread needs; zeroed at first, and freed with entry_json_free(). */
struct entry_json {
	const struct entry_parser *parser;
	struct entry_parse parse;
	struct buf text;

	/* NULL, or called within long strings, as one may take six times what it is made of, and
	 * by who appends many: may send what there is in `out`, and empty it. False: the rest is
	 * not wanted. */
	bool (*drain)(void *context, struct buf *out);
	void *context;
};

/* An entry of any server, taken apart. */
struct entry_shown {
	struct entry_fields fields;
	struct entry_span text;
	int64_t ms;	  /* INT64_MIN: none */
	enum level level; /* of its file */
	struct place at;
	const char *server; /* whose it is; NULL: nobody asked for others' */
	uint32_t id;	    /* of that one, in cursors */
};

/*
 * Appends {"ts": ..., "level": ..., "logger": ..., "message": ..., "text": ..., "cursor": ...}
 * without a newline; the cursor is the entry's own place. Times are those of the zone. Bytes that
 * are not UTF-8 become U+FFFD, one each; what could harm a terminal is escaped.
 */
void entry_json_append(
    struct entry_json *j, struct buf *out, const struct walk_entry *entry, struct civil_zone *zone);

/* The same, with "server": ... as its last member where it has one. */
void entry_json_show(struct entry_json *j, struct buf *out, const struct entry_shown *entry,
    struct civil_zone *zone);

/* Appends any bytes as a JSON string, likewise. */
void entry_json_string(struct entry_json *j, struct buf *out, const char *bytes, size_t len);

void entry_json_free(struct entry_json *j);

#endif
