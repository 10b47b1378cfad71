#include "json/text.h"

size_t
text_escape(char out[TEXT_ESCAPE_MAX], char letter, uint32_t c)
{
	static const char hex[] = "0123456789abcdef";
	int digits = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;

	out[0] = '\\';
	out[1] = letter;
	for (int i = digits + 1; i > 1; i--, c >>= 4)
		out[i] = hex[c & 15];
	return (size_t)digits + 2;
}

size_t
text_escape_unsafe(char out[TEXT_ESCAPE_MAX], uint32_t c, bool json)
{
	return text_escape(out, json || c > 0xff ? 'u' : 'x', c);
}

size_t
text_encode(char out[4], uint32_t c)
{
	if (c == 0) {
		out[0] = (char)0xc0;
		out[1] = (char)0x80;
		return 2;
	}
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

void
text_put(struct buf *out, uint32_t code_point)
{
	char bytes[4];
	size_t len = text_encode(bytes, code_point);

	buf_append(out, bytes, len);
}

size_t
text_length(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

size_t
text_prefix(const char *text, size_t len, size_t n)
{
	size_t i = 0;

	while (i < len) {
		if (((unsigned char)text[i] & 0xc0) != 0x80 && n-- == 0)
			break;
		i++;
	}
	return i;
}

size_t
text_utf8_sequence(const unsigned char *p, size_t left, bool surrogates)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (left == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (left < n)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed && !surrogates)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

void
text_from_bytes(struct buf *out, const char *bytes, size_t len)
{
	const unsigned char *p = (const unsigned char *)bytes;

	for (size_t i = 0, n; i < len; i += n) {
		n = text_utf8_sequence(p + i, len - i, false);
		if (n == 0) {
			text_put(out, 0xfffd);
			n = 1;
		} else if (p[i] == 0) {
			text_put(out, 0);
		} else {
			buf_append(out, bytes + i, n);
		}
	}
}
