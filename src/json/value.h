/*
 * A JSON value as the rest of the server sees it: a small view, passed by value, whose text lies
 * in the memory of the decoded record (json.h) or in a constant.
 *
 * Text is "text" throughout the server: UTF-8, plus the two things that Python strings can hold
 * and UTF-8 can not: U+0000 as the bytes C0 80, and a lone surrogate as its three bytes
 * (ED A0..BF 80..BF). It never holds a zero byte or anything else that is not UTF-8; see text.h.
 */
#ifndef PBU_VALUE_H
#define PBU_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct json_node; /* a value inside a decoded record; see json.h */

enum value_type {
	VALUE_ABSENT, /* no such field */
	VALUE_NULL,
	VALUE_FALSE,
	VALUE_TRUE,
	VALUE_NUMBER,  /* text: the number's own characters, or NaN, Infinity, -Infinity */
	VALUE_STRING,  /* text: the characters */
	VALUE_ARRAY,   /* node: its elements by json_first(), json_next() */
	VALUE_OBJECT,  /* node: its members, likewise */
	VALUE_LITERAL, /* text: a Python value that JSON has no kind for, in Python's own words */
};

struct value {
	enum value_type type;
	const char *text; /* NUMBER, STRING, LITERAL; NUL-terminated too */
	size_t len;	  /* bytes of text */
	const struct json_node *node;
};

static const struct value value_absent = {VALUE_ABSENT, NULL, 0, NULL};

static inline struct value
value_string(const char *text)
{
	return (struct value){VALUE_STRING, text, strlen(text), NULL};
}

static inline struct value
value_number(const char *text)
{
	return (struct value){VALUE_NUMBER, text, strlen(text), NULL};
}

/* Whether it is a Python int: a NUMBER without fraction or exponent (bool is not meant). */
bool value_is_integer(struct value v);

#endif
