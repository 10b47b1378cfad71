/* strftime read backwards, for entry_parse.c alone: the text of asctime to a time. */
#ifndef PBU_ENTRY_PARSE_TIME_H
#define PBU_ENTRY_PARSE_TIME_H

#include "record/entry_parse.h"

enum entry_time_kind {
	TIME_LITERAL,
	TIME_YEAR,
	TIME_YEAR_OF_CENTURY,
	TIME_MONTH,
	TIME_DAY,
	TIME_DAY_OF_YEAR,
	TIME_HOUR,
	TIME_HOUR_12,
	TIME_MINUTE,
	TIME_SECOND,
	TIME_EPOCH,
	TIME_MONTH_NAME,
	TIME_AM_PM,
	TIME_OFFSET,
	TIME_OTHER_NUMBER,
	TIME_OTHER_WORD, /* the name of a day or a zone */
	TIME_KINDS,
};

struct entry_time_op {
	enum entry_time_kind kind;
	int least, most; /* digits */
	bool padded;	 /* spaces may come before them */
	size_t at, len;	 /* of a literal */
};

/* LOG_DATE_FORMAT, compiled. */
struct entry_time {
	bool python;  /* Python's default, 2019-12-24 18:00:00,123 */
	size_t fixed; /* bytes of its text; 0: not always the same */
	struct entry_time_op *op;
	size_t ops;
	struct buf text; /* of literals */
};

/*
 * Compiles a date format; NULL is Python's default. `first`: it is what an entry begins with.
 * False: memory ran out (*tells is true), or the format doesn't tell a point in time (false), be it
 * that it has no day, or something that this doesn't know. Either way entry_time_free() is due.
 */
bool entry_time_compile(struct entry_time *e, const char *date_format, bool first, bool *tells);
void entry_time_free(struct entry_time *e);

/*
 * Reads a time that begins at `at`, `most` bytes of it at most; where it ends, or NULL: it is none.
 * What `most` cuts off counts as 0. *has_ms: milliseconds are part of it.
 */
const char *entry_time_read(const struct entry_time *e, struct entry_parse *t, const char *at,
    const char *end, size_t most, int64_t *ms, bool *has_ms);

/* Reads 2019-12-24T18:00:00.123Z, all of it; false: it is something else. */
bool entry_time_utc(const char *at, size_t len, int64_t *ms);

#endif
