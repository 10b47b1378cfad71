#include "base/base64.h"

/* The value of a character, or -1. */
static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
base64_decode(struct buf *out, const char *text, size_t len)
{
	size_t padding = 0;

	if (len % 4 != 0)
		return false;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	len -= padding;
	for (size_t i = 0; i < len; i += 4) {
		size_t digits = len - i < 4 ? len - i : 4, bytes = digits * 6 / 8;
		uint32_t bits = 0;

		for (size_t k = 0; k < 4; k++) {
			int value = k < digits ? digit(text[i + k]) : 0;

			if (value < 0)
				return false;
			bits = bits << 6 | (uint32_t)value;
		}
		for (size_t k = 0; k < bytes; k++)
			buf_putc(out, (char)(bits >> (16 - 8 * k)));
		if ((bits & ((1U << (24 - 8 * bytes)) - 1)) != 0)
			return false;
	}
	return true;
}
