/*
 * A growable run of bytes.
 *
 * Appending never fails at the call: when there is no more room the buffer takes no more and its
 * `failed` flag stays set until buf_clear(), so that a long rendering is checked once, at its end.
 */
#ifndef PBU_BUF_H
#define PBU_BUF_H

#include "base/budget.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	char *data; /* owned; not NUL-terminated */
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated */
	size_t max; /* bytes that it may grow to; 0: no bound but memory */
	bool failed;
	bool over_max;	       /* it failed because of max */
	struct budget *budget; /* that the memory counts against; NULL: none */
};

#define BUF_INIT                                                                                   \
	{                                                                                          \
		NULL, 0, 0, 0, false, false, NULL                                                  \
	}

/* Frees the memory; the buffer is empty, with the same bounds, and can be used again. */
void buf_free(struct buf *b);

/* Empties it and clears the failure; memory up to `keep` bytes is kept for the next use. */
void buf_clear(struct buf *b, size_t keep);

/* Makes room for n more bytes. False, and `failed` set, when that is beyond its max, or memory or
 * the budget ran out (now or before). */
bool buf_reserve(struct buf *b, size_t n);

/* Appends n bytes of p. */
static inline void
buf_append(struct buf *b, const void *p, size_t n)
{
	if (n > b->cap - b->len || b->failed) {
		if (!buf_reserve(b, n))
			return;
	}
	if (n > 0)
		memcpy(b->data + b->len, p, n);
	b->len += n;
}

static inline void
buf_putc(struct buf *b, char c)
{
	buf_append(b, &c, 1);
}

static inline void
buf_puts(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

/* Appends c n times. */
void buf_fill(struct buf *b, char c, size_t n);

/* Appends a number in decimal; a printf takes a third of a microsecond. */
void buf_put_number(struct buf *b, uint64_t n);

/* Appends what printf would print. */
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
