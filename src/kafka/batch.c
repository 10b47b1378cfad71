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
