/*
 * LOG_FORMAT, compiled: Python's percent style over a record's fields (logging.PercentStyle), or
 * `json`.
 */
#ifndef PBU_FORMATTER_H
#define PBU_FORMATTER_H

#include "base/buf.h"
#include "python/pyformat.h"
#include "record/record.h"

/* A run of literal text, or a conversion of a field. */
struct formatter_part {
	bool literal;
	const char *text; /* the literal, or the name of the field; owned by the formatter */
	size_t len;
	int field; /* enum field, or -1: looked up by its name */
	struct pyformat_spec spec;
};

struct formatter {
	bool json;
	const char *date_format; /* NULL: Python's default, with milliseconds */
	struct formatter_part *part;
	size_t parts;
	struct buf text; /* what the parts point into */
};

/*
 * Compiles a format; date_format, NULL for Python's default, must outlive the formatter. False
 * when it can't be used, and the reason is appended to why. Owned by the caller, who frees it
 * with formatter_free().
 */
bool formatter_compile(
    struct formatter *f, const char *format, const char *date_format, struct buf *why);
/* The fields of a record that rendering it needs. */
struct record_wanted formatter_wanted(const struct formatter *f);

void formatter_free(struct formatter *f);

#endif
