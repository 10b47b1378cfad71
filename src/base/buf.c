#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST 256

void
buf_free(struct buf *b)
{
	free(b->data);
	budget_shrink(b->budget, b->cap, 0);
	*b = (struct buf){.max = b->max, .budget = b->budget};
}

void
buf_clear(struct buf *b, size_t keep)
{
	if (b->cap > keep)
		buf_free(b);
	b->len = 0;
	b->failed = b->over_max = false;
}

bool
buf_reserve(struct buf *b, size_t n)
{
	size_t cap = b->cap == 0 ? BUF_FIRST : b->cap;
	char *data;

	if (b->failed)
		return false;
	if (n <= b->cap - b->len)
		return true;
	if (b->max > 0 && (b->len > b->max || n > b->max - b->len)) {
		b->over_max = true;
		goto failed;
	}
	if (n > SIZE_MAX / 4 - b->len)
		goto failed;
	while (cap - b->len < n)
		cap *= 2;
	if (b->max > 0 && cap > b->max)
		cap = b->max;
	if (!budget_grow(b->budget, b->cap, cap))
		goto failed;
	data = realloc(b->data, cap);
	if (data == NULL) {
		budget_shrink(b->budget, cap, b->cap);
		goto failed;
	}
	b->data = data;
	b->cap = cap;
	return true;

failed:
	b->failed = true;
	return false;
}

void
buf_fill(struct buf *b, char c, size_t n)
{
	if (n == 0 || !buf_reserve(b, n))
		return;
	memset(b->data + b->len, c, n);
	b->len += n;
}

void
buf_put_number(struct buf *b, uint64_t n)
{
	char digits[20], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	buf_append(b, at, (size_t)(digits + sizeof(digits) - at));
}

void
buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;
	size_t room = b->cap - b->len;
	int n;

	if (b->failed)
		return;
	va_start(ap, format);
	n = vsnprintf(room > 0 ? b->data + b->len : NULL, room, format, ap);
	va_end(ap);
	if (n < 0)
		return;
	/* Once more where there was too little room. */
	if ((size_t)n >= room) {
		if (!buf_reserve(b, (size_t)n + 1))
			return;
		va_start(ap, format);
		vsnprintf(b->data + b->len, (size_t)n + 1, format, ap);
		va_end(ap);
	}
	b->len += (size_t)n;
}
