/* Python literals without brackets (strings, bytes, numbers, names), for pyliteral.c alone. */
#ifndef PBU_PYLITERAL_SCALAR_H
#define PBU_PYLITERAL_SCALAR_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* What is read, and what has been written of it. */
struct pyliteral_text {
	const char *at, *end;
	struct buf *out;
	/* The item of the outermost container, or its key: all of it is a LITERAL if any of it has
	 * to be, and nothing of it is written then before it ends. */
	const char *item;
	size_t item_out; /* out->len before it */
	bool odd;	 /* it is a LITERAL */
	/* The value that was read last. */
	bool string;
	bool unhashable;
};

/* The next byte, or -1 at the end. */
static inline int
pyliteral_peek(const struct pyliteral_text *t)
{
	return t->at < t->end ? (unsigned char)*t->at : -1;
}

/* Whether the next byte is one of those. */
static inline bool
pyliteral_is_next(const struct pyliteral_text *t, const char *either)
{
	return pyliteral_peek(t) > 0 && strchr(either, pyliteral_peek(t)) != NULL;
}

static inline void
pyliteral_skip_space(struct pyliteral_text *t)
{
	while (t->at < t->end &&
	       (*t->at == ' ' || (*t->at >= '\t' && *t->at <= '\r' && *t->at != '\v')))
		t->at++;
}

/* Moves over `word` if it stands there. */
bool pyliteral_word(struct pyliteral_text *t, const char *word);

/* Appends in the form of scan.h, unless the item is a LITERAL. */
void pyliteral_put(struct pyliteral_text *t, const char *json);

/* The item is a LITERAL: what was written of it is taken back. True. */
bool pyliteral_be_odd(struct pyliteral_text *t);

/* Reads the value that begins at t->at, and appends it; false: there is none. */
bool pyliteral_scalar(struct pyliteral_text *t);

#endif
