/* The server's internal text (value.h says what it is), character by character. */
#ifndef PBU_TEXT_H
#define PBU_TEXT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A byte in each of the eight of a word, for those who look at eight bytes at a time. */
#define TEXT_EACH(byte) (0x0101010101010101U * (byte))

/*
 * Eight bytes at a time: the top bit of a byte is set in the result if it must be looked at
 * (control characters, `"`, `\`, beyond ASCII). Bytes above the lowest such one may be set without
 * need, so only that one counts.
 */
static inline uint64_t
text_special_bytes(uint64_t word)
{
	uint64_t quote = word ^ TEXT_EACH('"'), backslash = word ^ TEXT_EACH('\\');

	return (word | ((word - TEXT_EACH(0x20)) & ~word) | ((quote - TEXT_EACH(1)) & ~quote) |
		   ((backslash - TEXT_EACH(1)) & ~backslash)) &
	       TEXT_EACH(0x80);
}

/* The same for DEL, which JSON takes and a terminal does not. */
static inline uint64_t
text_delete_bytes(uint64_t word)
{
	uint64_t del = word ^ TEXT_EACH(0x7f);

	return ((del - TEXT_EACH(1)) & ~del) & TEXT_EACH(0x80);
}

/* How many bytes of a word come before the one that its text_special_bytes() marks. */
static inline size_t
text_plain_bytes(uint64_t special)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (size_t)__builtin_ctzll(special) / 8;
#else
	(void)special;
	return 0; /* whoever looks at it finds out */
#endif
}

/* Whether a byte is not special. */
static inline bool
text_is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/*
 * The code point at *at, which is moved to the next; *at must be before end, and the bytes text.
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

/*
 * Whether a character may not reach a file or a terminal as it is: controls (C0, DEL, C1), lone
 * surrogates, line separators (U+2028, U+2029), and the bidi controls that show text in another
 * order than it has (U+202A to U+202E, U+2066 to U+2069). Tab and newline are for the caller.
 */
static inline bool
text_unsafe(uint32_t c)
{
	if (c < 0xa0)
		return c < 0x20 || c >= 0x7f;
	return (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
	       (c >= 0xd800 && c <= 0xdfff);
}

/* The value of a hexadecimal digit, or -1. */
static inline int
text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The longest that text_escape() writes. */
#define TEXT_ESCAPE_MAX 10

/* Writes a code point as \x1b, \u2028 or \U0001f600, as the letter says, to out; its bytes. */
size_t text_escape(char out[TEXT_ESCAPE_MAX], char letter, uint32_t code_point);

/* Writes to out what a file has in place of a character that is text_unsafe(): \x1b or \u2028, and
 * in JSON, which has no \x, \u001b. Returns its bytes. */
size_t text_escape_unsafe(char out[TEXT_ESCAPE_MAX], uint32_t code_point, bool json);

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
