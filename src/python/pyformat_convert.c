#include "python/pyformat_convert.h"

#include "python/pynumber.h"
#include "python/pyvalue.h"
#include "json/text.h"

#include <limits.h>
#include <math.h>

/*
 * The work (pyformat.h) of numbers beside that for their bytes, as measured: a float takes strtod()
 * and printf(), each digit beyond those that a double holds some ten steps; an int of n digits in
 * another radix n squared / 256, which is a tenth of a millisecond for the 4,300 that there can be.
 */
#define FLOAT_WORK	     96
#define FLOAT_PRECISION_FREE 17
#define FLOAT_DIGIT_WORK     12
#define RADIX_WORK_DIVISOR   256

/* Pads what was appended from start on to the width, which counts characters. */
static enum pyformat_status
pad(struct buf *out, size_t start, const struct pyformat_spec *spec, size_t end)
{
	size_t len = out->len - start, characters, n;

	if (len > end - start)
		return PYFORMAT_TOO_LARGE;
	if (spec->width <= 0 || out->failed)
		return PYFORMAT_OK;
	characters = len == 0 ? 0 : text_length(out->data + start, len);
	if ((size_t)spec->width <= characters)
		return PYFORMAT_OK;
	n = (size_t)spec->width - characters;
	if (n > end - out->len)
		return PYFORMAT_TOO_LARGE;
	buf_fill(out, ' ', n);
	if (!out->failed && (spec->flags & PYFORMAT_MINUS) == 0) {
		memmove(out->data + start + n, out->data + start, len);
		memset(out->data + start, ' ', n);
	}
	return PYFORMAT_OK;
}

static enum pyformat_status
convert_text(struct buf *out, const struct pyformat_spec *spec, struct value v,
    struct pyformat_bounds *bounds)
{
	size_t start = out->len, room = bounds->end - start, max = room, len;
	size_t precision = spec->precision < 0 ? SIZE_MAX : (size_t)spec->precision;

	if (v.type == VALUE_STRING && spec->conversion == 's') {
		len = precision < v.len ? text_prefix(v.text, v.len, precision) : v.len;
		if (len > room)
			return PYFORMAT_TOO_LARGE;
		buf_append(out, v.text, len);
		return pad(out, start, spec, bounds->end);
	}
	/* A character has up to four bytes; what would be cut off is not made at all. */
	if (precision < room / 4)
		max = precision * 4;
	pyformat_spend(bounds, pyvalue_bounded(out, v, spec->conversion, max));
	len = out->len - start;
	if (precision < len)
		out->len = start + text_prefix(out->data + start, len, precision);
	return pad(out, start, spec, bounds->end);
}

static enum pyformat_status
convert_character(struct buf *out, const struct pyformat_spec *spec, struct value v, size_t end)
{
	size_t start = out->len;
	long code_point;

	if (v.type == VALUE_STRING) {
		if (v.len == 0 || v.len > 4 || text_length(v.text, v.len) != 1)
			return PYFORMAT_RAISES;
		buf_append(out, v.text, v.len);
	} else {
		if (!pynumber_long(v, &code_point) || code_point < 0 || code_point > 0x10ffff)
			return PYFORMAT_RAISES;
		text_put(out, (uint32_t)code_point);
	}
	return pad(out, start, spec, end);
}

/*
 * Lays out a number whose digits, after a '-' or not, begin at start: padding, sign, prefix, zeros,
 * digits, padding (CPython's unicode_format_arg_output() does so for inf and nan, too).
 */
static enum pyformat_status
lay_out(struct buf *out, size_t start, const struct pyformat_spec *spec, size_t zeros, size_t end)
{
	size_t len = out->len - start, left = 0, right = 0, heads = 0, total, negative;
	size_t width = spec->width > 0 ? (size_t)spec->width : 0;
	char head[3], *at;

	negative = out->data[start] == '-';
	if (negative)
		head[heads++] = '-';
	else if ((spec->flags & PYFORMAT_PLUS) != 0)
		head[heads++] = '+';
	else if ((spec->flags & PYFORMAT_SPACE) != 0)
		head[heads++] = ' ';
	/* Three characters, not a string: NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	if ((spec->flags & PYFORMAT_ALTERNATE) != 0 && memchr("oxX", spec->conversion, 3) != NULL) {
		head[heads++] = '0';
		head[heads++] = spec->conversion;
	}
	total = heads + zeros + len - negative;
	if (total < width) {
		if ((spec->flags & PYFORMAT_MINUS) != 0)
			right = width - total;
		else if ((spec->flags & PYFORMAT_ZERO) != 0)
			zeros += width - total;
		else
			left = width - total;
		total = width;
	}
	if (total > end - start)
		return PYFORMAT_TOO_LARGE;
	if (!buf_reserve(out, total - len))
		return PYFORMAT_OK;
	at = out->data + start;
	memmove(at + left + heads + zeros, at + negative, len - negative);
	memset(at, ' ', left);
	memcpy(at + left, head, heads);
	memset(at + left + heads, '0', zeros);
	memset(at + total - right, ' ', right);
	out->len = start + total;
	return PYFORMAT_OK;
}

static enum pyformat_status
convert_integer(struct buf *out, const struct pyformat_spec *spec, struct value v,
    struct pyformat_bounds *bounds)
{
	size_t start = out->len, digits, zeros = 0;
	bool good;

	if (strchr("oxX", spec->conversion) != NULL && v.len <= PYNUMBER_DIGITS_MAX)
		pyformat_spend(bounds, v.len * v.len / RADIX_WORK_DIVISOR);
	else if (v.type == VALUE_NUMBER && !value_is_integer(v))
		pyformat_spend(bounds, FLOAT_WORK);

	switch (spec->conversion) {
	case 'o': good = pynumber_radix(out, v, 3); break;
	case 'x':
	case 'X': good = pynumber_radix(out, v, 4); break;
	default: good = pynumber_decimal(out, v); break;
	}
	/* "precision too large", in CPython */
	if (!good || spec->precision > INT_MAX - 3)
		return PYFORMAT_RAISES;
	if (out->failed)
		return PYFORMAT_OK;
	if (spec->conversion == 'X') {
		for (size_t i = start; i < out->len; i++) {
			if (out->data[i] >= 'a')
				out->data[i] -= 'a' - 'A';
		}
	}
	digits = out->len - start - (out->data[start] == '-');
	if (spec->precision > 0 && (size_t)spec->precision > digits)
		zeros = (size_t)spec->precision - digits;
	return lay_out(out, start, spec, zeros, bounds->end);
}

static enum pyformat_status
convert_float(struct buf *out, const struct pyformat_spec *spec, struct value v,
    struct pyformat_bounds *bounds)
{
	bool alternate = (spec->flags & PYFORMAT_ALTERNATE) != 0;
	size_t start = out->len, precision = spec->precision < 0 ? 6 : (size_t)spec->precision;
	bool general = spec->conversion == 'g' || spec->conversion == 'G';
	size_t digits = precision < PYNUMBER_PRECISION_MAX ? precision : PYNUMBER_PRECISION_MAX;
	double d;

	pyformat_spend(bounds, FLOAT_WORK);
	if (digits > FLOAT_PRECISION_FREE)
		pyformat_spend(bounds, (digits - FLOAT_PRECISION_FREE) * FLOAT_DIGIT_WORK);
	if (!pynumber_double(v, &d))
		return PYFORMAT_RAISES;
	/* %g alone leaves the zeros at the end away; see before they are made. */
	if (isfinite(d) && (!general || alternate) && precision > bounds->end - start)
		return PYFORMAT_TOO_LARGE;
	pynumber_float(out, d, spec->conversion, alternate, precision);
	return out->failed ? PYFORMAT_OK : lay_out(out, start, spec, 0, bounds->end);
}

enum pyformat_status
pyformat_convert_within(struct buf *out, const struct pyformat_spec *spec, struct value v,
    struct pyformat_bounds *bounds)
{
	switch (spec->conversion) {
	case 's':
	case 'r':
	case 'a': return convert_text(out, spec, v, bounds);
	case 'c': return convert_character(out, spec, v, bounds->end);
	case 'd':
	case 'i':
	case 'u':
	case 'o':
	case 'x':
	case 'X': return convert_integer(out, spec, v, bounds);
	case 'e':
	case 'E':
	case 'f':
	case 'F':
	case 'g':
	case 'G': return convert_float(out, spec, v, bounds);
	default: return PYFORMAT_RAISES;
	}
}

enum pyformat_status
pyformat_convert(struct buf *out, const struct pyformat_spec *spec, struct value v, size_t limit)
{
	struct pyformat_bounds bounds = pyformat_bounds(out, limit, SIZE_MAX);

	return pyformat_convert_within(out, spec, v, &bounds);
}
