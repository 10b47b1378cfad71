/*
 * Python's printf-style formatting, `format % args` (CPython Objects/unicodeobject.c,
 * PyUnicode_Format): the whole language.
 */
#ifndef PBU_PYFORMAT_H
#define PBU_PYFORMAT_H

#include "base/buf.h"
#include "json/value.h"

enum pyformat_status {
	PYFORMAT_OK,
	PYFORMAT_RAISES,    /* CPython would raise; *out holds what was done before */
	PYFORMAT_TOO_LARGE, /* the result would be longer, or take more work, than it may */
};

enum {
	PYFORMAT_MINUS = 1 << 0,
	PYFORMAT_PLUS = 1 << 1,
	PYFORMAT_SPACE = 1 << 2,
	PYFORMAT_ALTERNATE = 1 << 3,
	PYFORMAT_ZERO = 1 << 4,
};

/* The letters. Each has its case in pyformat_convert_within(). */
#define PYFORMAT_CONVERSIONS "diouxXeEfFgGcrsa"

/* The largest width and precision that LOG_FORMAT may ask for. */
#define PYFORMAT_SIZE_MAX 10000

/* One conversion, as parsed from between `%` and the letter. */
struct pyformat_spec {
	unsigned flags;
	long width;	 /* characters; -1: none */
	long precision;	 /* -1: none */
	char conversion; /* one of PYFORMAT_CONVERSIONS */
};

/*
 * Appends format % args, where args is what a LogRecord's args came as: an ARRAY stands for a
 * tuple, an OBJECT is a mapping, an ARRAY of one non-empty OBJECT is that mapping (as LogRecord
 * unpacks it), anything else is a single argument. A LITERAL is arguments that nobody could read,
 * so that it is as if CPython raised.
 *
 * The result may be `limit` bytes long. *work is how much work it may take, and what is left of it
 * afterwards: a conversion takes about 1 for a byte that it reads or makes, more for numbers that
 * need arithmetic, and on average a nanosecond or two for each. With %(key).1s a format of a few
 * bytes can have a large value read, so that the result's size alone says nothing.
 */
enum pyformat_status pyformat_percent(
    struct buf *out, struct value format, struct value args, size_t limit, size_t *work);

/* Appends one value converted as spec says; `limit` bytes at most. */
enum pyformat_status pyformat_convert(
    struct buf *out, const struct pyformat_spec *spec, struct value v, size_t limit);

/*
 * Parses a conversion with a key, "%(key)-10s" or "%%", for LOG_FORMAT. *at stands after the
 * `%` and is moved to the end of the conversion; key and key_len tell the key, whose bytes lie in
 * the format; for "%%" the key is NULL. `*` is not taken. NULL when it is good, else what is wrong,
 * in words, and *at where.
 */
const char *pyformat_parse_keyed(const char **at, const char *end, struct pyformat_spec *spec,
    const char **key, size_t *key_len);

#endif
