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
batch_end(char text[BATCH_MAX], size_t begun, uint32_t index, const char *added, size_t added_len)
{
	size_t n = begun + put_number(text + begun, index);

	if (added_len == 0 || added_len > BATCH_ADDED_MAX)
		return n;
	text[n++] = ';';
	memcpy(text + n, added, added_len);
	return n + added_len;
}

struct batch_parts
batch_split(const char *text, size_t len)
{
	const char *end = text + len;
	const char *semicolon = len > 0 ? memchr(text, ';', len) : NULL;
	const char *place = semicolon != NULL ? semicolon : end;
	const char *colon = place > text ? memrchr(text, ':', (size_t)(place - text)) : NULL;
	struct batch_parts parts = {text, place, end, (size_t)(place - text), 0, 0};

	if (colon != NULL) {
		parts.key_len = (size_t)(colon - text);
		parts.index = colon + 1;
		parts.index_len = (size_t)(place - parts.index);
	}
	if (semicolon != NULL) {
		parts.added = semicolon + 1;
		parts.added_len = (size_t)(end - parts.added);
	}
	return parts;
}
