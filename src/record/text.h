/* The server's internal text (value.h says what it is), character by character. */
#ifndef PBU_TEXT_H
#define PBU_TEXT_H

#include "buf.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The code point at *at, which is moved behind it; *at must be before end, and the bytes text.
 * C0 80 gives 0, and the three bytes of a surrogate give the surrogate.
 */
static inline uint32_t
text_next(const char **at, const char *end)
{
	const unsigned char *p = (const unsigned char *)*at;
	size_t left = (size_t)(end - *at);

	if (p[0] < 0x80 || left < 2) {
		*at += 1;
		return p[0];
	}
	if (p[0] < 0xe0 || left < 3) {
		*at += 2;
		return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
	}
	if (p[0] < 0xf0 || left < 4) {
		*at += 3;
		return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
	}
	*at += 4;
	return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
	       (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
}

/* Writes the text of a code point (up to U+10FFFF, 0 and surrogates too) to out; its bytes. */
size_t text_encode(char out[4], uint32_t code_point);

/* Appends a code point. */
void text_put(struct buf *out, uint32_t code_point);

/* How many characters (code points) len bytes of text are. */
size_t text_length(const char *text, size_t len);

/* How many bytes the first n characters of len bytes of text are. */
size_t text_prefix(const char *text, size_t len, size_t n);

/*
 * The bytes of the well-formed UTF-8 sequence (RFC 3629) at p, of which `left` bytes are there:
 * 1 to 4; 0 when the bytes are no such sequence. The three bytes of a surrogate count as one
 * when `surrogates` is set.
 */
size_t text_utf8_sequence(const unsigned char *p, size_t left, bool surrogates);

/* Appends any bytes as text: what is not UTF-8 becomes U+FFFD, one for each bad byte. */
void text_from_bytes(struct buf *out, const char *bytes, size_t len);

#endif
