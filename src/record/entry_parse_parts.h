/* A format as entry_parse.c and its parts know it. */
#ifndef PBU_ENTRY_PARSE_PARTS_H
#define PBU_ENTRY_PARSE_PARTS_H

#include "record/entry_parse.h"
#include "record/entry_parse_number.h"
#include "record/entry_parse_time.h"

enum entry_part_kind {
	PART_LITERAL,
	PART_TIME, /* asctime, where LOG_DATE_FORMAT tells a time */
	PART_CREATED,
	PART_MSECS,
	PART_RECEIVED,
	PART_LEVEL,
	PART_LEVELNO,
	PART_LOGGER,
	PART_MESSAGE,
	PART_OTHER,
};

/* A part of the format. */
struct entry_part {
	enum entry_part_kind kind;
	size_t at, len; /* of a literal, in the parser's text */
	size_t width;	/* characters that a field has at least */
	bool left;	/* padded on the right */
	size_t most;	/* characters that it has at most, or SIZE_MAX */
	bool number;	/* digits, a point or not */
};

struct entry_parser {
	bool json;
	struct entry_part *part;
	size_t parts;
	size_t message; /* which part is the message; none: parts */
	size_t lines;	/* of an entry that are looked at, without the first: those of literals */
	bool timed;	/* asctime can be read */
	bool plain;	/* see skim_time() */
	struct entry_time time;
	struct buf text; /* of literals */
};

/* What was found in an entry. */
struct entry_found {
	struct entry_span level, logger, message;
	bool has_time, has_fraction, has_created, has_msecs, has_received, has_levelno;
	int64_t time, received, levelno;
	struct entry_number created, msecs;
};

/* Whether a literal stands at `at`, where there are at least its bytes. */
static inline bool
entry_part_is(const struct entry_parser *p, const struct entry_part *literal, const char *at)
{
	const char *text = p->text.data + literal->at;

	return *at == *text && (literal->len == 1 || memcmp(at, text, literal->len) == 0);
}

/* Takes an entry apart by its parts; false: it doesn't fit. */
bool entry_match(const struct entry_parser *p, struct entry_parse *t, const char *entry, size_t len,
    struct entry_found *f);

#endif
