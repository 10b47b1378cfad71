/*
 * Which characters CPython's repr() prints and which it escapes: str.isprintable(), by the
 * Unicode data of PYUNICODE_VERSION. pyunicode.py writes pyunicode.c, with the data of the
 * CPython that runs it.
 */
#ifndef PBU_PYUNICODE_H
#define PBU_PYUNICODE_H

#include <stdbool.h>
#include <stdint.h>

#define PYUNICODE_VERSION "14.0.0"

/* What is neither ASCII nor Latin-1; use pyunicode_printable(). */
bool pyunicode_printable_beyond(uint32_t code_point);

/* Whether repr() prints the code point as it is. */
static inline bool
pyunicode_printable(uint32_t c)
{
	if (c < 0x7f)
		return c >= ' ';
	if (c < 0x100)
		return c > 0xa0 && c != 0xad;
	return pyunicode_printable_beyond(c);
}

#endif
