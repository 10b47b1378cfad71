#include "kafka/batch.h"

#include <string.h>

static size_t
put_number(char *text, uint64_t number)
{
	char digits[20];
	size_t n = sizeof(digits);

	do
		digits[--n] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	memcpy(text, digits + n, sizeof(digits) - n);
	return sizeof(digits) - n;
}

size_t
batch_begin(char text[BATCH_MAX], const char *id, size_t len, uint64_t number)
{
	size_t n = len;

	memcpy(text, id, len);
	text[n++] = '-';
	n += put_number(text + n, number);
	text[n++] = ':';
	return n;
}

size_t
batch_end(char text[BATCH_MAX], size_t begun, uint32_t index)
{
	return begun + put_number(text + begun, index);
}

/* A decimal of [at, end) that is `most` at most. */
static bool
get_number(const char *at, const char *end, uint64_t most, uint64_t *number)
{
	*number = 0;
	if (at == end)
		return false;
	for (; at < end; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (*at < '0' || *at > '9' || *number > (most - digit) / 10)
			return false;
		*number = *number * 10 + digit;
	}
	return true;
}

bool
batch_parse(const void *text, size_t len, struct batch *batch)
{
	const char *begin = text, *end = begin + len, *colon, *dash;
	uint64_t index;

	colon = len > 0 ? memrchr(begin, ':', len) : NULL;
	if (colon == NULL)
		return false;
	dash = memrchr(begin, '-', (size_t)(colon - begin));
	if (dash == NULL || dash == begin || dash - begin > BATCH_ID_MAX ||
	    !get_number(dash + 1, colon, INT64_MAX, &batch->number) ||
	    !get_number(colon + 1, end, UINT32_MAX, &index))
		return false;
	batch->id = begin;
	batch->len = (size_t)(dash - begin);
	batch->index = (uint32_t)index;
	return true;
}
