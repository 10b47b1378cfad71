#include "python/pynumber.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Decimal digits that a double holds exactly (DBL_DIG). */
#define EXACT_DIGITS 15

/* Sign, 309 digits, point, PYNUMBER_PRECISION_MAX, exponent. */
#define FLOAT_TEXT_MAX (PYNUMBER_PRECISION_MAX + 400)

/* Decimal digits that surely fit a uint64_t. */
#define SMALL_DIGITS 19

/* log2(10) is less than 10/3; each limb takes 32 bits. */
#define LIMBS_MAX (PYNUMBER_DIGITS_MAX * 10 / 3 / 32 + 2)

bool
pynumber_long(struct value v, long *n)
{
	char *end;

	if (v.type != VALUE_NUMBER) {
		*n = v.type == VALUE_TRUE;
		return v.type == VALUE_TRUE || v.type == VALUE_FALSE;
	}
	/* JSON has no leading zeros, so that a long text is a large number. */
	if (v.len > SMALL_DIGITS + 1 || !value_is_integer(v))
		return false;
	errno = 0;
	*n = strtol(v.text, &end, 10);
	return errno == 0;
}

bool
pynumber_double(struct value v, double *d)
{
	if (v.type != VALUE_NUMBER) {
		*d = v.type == VALUE_TRUE;
		return v.type == VALUE_TRUE || v.type == VALUE_FALSE;
	}
	*d = strtod(v.text, NULL);
	if (*d == 0 && value_is_integer(v))
		*d = 0; /* the int -0 has no sign */
	return !isinf(*d) || !value_is_integer(v);
}

/*
 * The length of the text before the point, for a float such as 48.0 whose digits are few enough
 * that its integer part needs no arithmetic; 0 for any other. It is what `msecs` always is:
 * printf() would add 9 % to the instructions from a body to its entries.
 */
static size_t
plain_integer_part(struct value v)
{
	size_t point = v.text[0] == '-', i;

	if (v.type != VALUE_NUMBER || v.len > EXACT_DIGITS)
		return 0;
	while (v.text[point] >= '0' && v.text[point] <= '9')
		point++;
	if (v.text[point] != '.')
		return 0;
	for (i = point + 1; v.text[i] >= '0' && v.text[i] <= '9'; i++)
		continue;
	return v.text[i] == '\0' && v.text[v.text[0] == '-'] != '0' ? point : 0;
}

bool
pynumber_decimal(struct buf *out, struct value v)
{
	char text[FLOAT_TEXT_MAX];
	double d;
	int n;

	if (v.type == VALUE_NUMBER && (n = (int)plain_integer_part(v)) > 0) {
		buf_append(out, v.text, (size_t)n);
		return true;
	}
	if (value_is_integer(v) && (v.len != 2 || memcmp(v.text, "-0", 2) != 0)) {
		buf_append(out, v.text, v.len);
		return true;
	}
	if (!pynumber_double(v, &d) || !isfinite(d))
		return false;
	/* glibc prints every digit; adding zero takes the sign off a zero. */
	n = snprintf(text, sizeof(text), "%.0f", trunc(d) + 0.0);
	buf_append(out, text, (size_t)n);
	return true;
}

/* Reads digits into limbs, the least first; how many limbs. */
static size_t
read_limbs(uint32_t *limb, const char *digits, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len;) {
		uint64_t carry = 0;
		uint32_t scale = 1;

		do {
			carry = carry * 10 + (uint64_t)(digits[i++] - '0');
			scale *= 10;
		} while (i % 9 != 0 && i < len);
		for (size_t j = 0; j < used; j++) {
			carry += (uint64_t)limb[j] * scale;
			limb[j] = (uint32_t)carry;
			carry >>= 32;
		}
		if (carry != 0)
			limb[used++] = (uint32_t)carry;
	}
	return used;
}

bool
pynumber_radix(struct buf *out, struct value v, unsigned bits)
{
	uint32_t limb[LIMBS_MAX];
	char text[LIMBS_MAX * 32 / 3 + 2], *at = text + sizeof(text);
	const char *digits = v.text;
	size_t len = v.len, used;
	uint64_t waiting = 0;
	unsigned count = 0; /* bits in waiting */

	if (v.type == VALUE_TRUE || v.type == VALUE_FALSE) {
		digits = v.type == VALUE_TRUE ? "1" : "0";
		len = 1;
	} else if (v.type != VALUE_NUMBER || len > PYNUMBER_DIGITS_MAX + 1 ||
		   !value_is_integer(v)) {
		return false;
	}
	if (digits[0] == '-') {
		digits++;
		len--;
	}
	if (len > PYNUMBER_DIGITS_MAX)
		return false;
	used = read_limbs(limb, digits, len);
	for (size_t i = 0; i < used || waiting != 0;) {
		if (count < bits && i < used) {
			waiting |= (uint64_t)limb[i++] << count;
			count += 32;
		}
		*--at = "0123456789abcdef"[waiting & ((1U << bits) - 1)];
		waiting >>= bits;
		count = count < bits ? 0 : count - bits;
	}
	while (at < text + sizeof(text) && *at == '0')
		at++;
	if (at == text + sizeof(text))
		*--at = '0';
	else if (v.text != digits && v.type == VALUE_NUMBER)
		*--at = '-';
	buf_append(out, at, (size_t)(text + sizeof(text) - at));
	return true;
}

static int
print_e(char *text, bool upper, bool alternate, int precision, double d)
{
	if (upper)
		return snprintf(text, FLOAT_TEXT_MAX, alternate ? "%#.*E" : "%.*E", precision, d);
	return snprintf(text, FLOAT_TEXT_MAX, alternate ? "%#.*e" : "%.*e", precision, d);
}

static int
print_f(char *text, bool alternate, int precision, double d)
{
	return snprintf(text, FLOAT_TEXT_MAX, alternate ? "%#.*f" : "%.*f", precision, d);
}

static int
print_g(char *text, bool upper, bool alternate, int precision, double d)
{
	int n, exponent;

	if (!alternate)
		return snprintf(text, FLOAT_TEXT_MAX, upper ? "%.*G" : "%.*g", precision, d);
	/* As C defines %#g; glibc 2.36 drops zeros where rounding adds a digit (999999.5). */
	if (precision == 0)
		precision = 1;
	n = print_e(text, upper, true, precision - 1, d);
	exponent = (int)strtol(strchr(text, upper ? 'E' : 'e') + 1, NULL, 10);
	if (exponent < -4 || exponent >= precision)
		return n;
	return print_f(text, true, precision - 1 - exponent, d);
}

void
pynumber_float(struct buf *out, double d, char conversion, bool alternate, size_t precision)
{
	bool upper = conversion >= 'A' && conversion <= 'Z';
	char text[FLOAT_TEXT_MAX];
	size_t zeros = 0, len, exponent;
	int n;

	if (isnan(d)) {
		buf_append(out, upper ? "NAN" : "nan", 3);
		return;
	}
	if (isinf(d)) {
		if (d < 0)
			buf_putc(out, '-');
		buf_append(out, upper ? "INF" : "inf", 3);
		return;
	}
	if (precision > PYNUMBER_PRECISION_MAX) {
		if (alternate || (conversion != 'g' && conversion != 'G'))
			zeros = precision - PYNUMBER_PRECISION_MAX;
		precision = PYNUMBER_PRECISION_MAX;
	}
	switch (conversion) {
	case 'f':
	case 'F': n = print_f(text, alternate, (int)precision, d); break;
	case 'e':
	case 'E': n = print_e(text, upper, alternate, (int)precision, d); break;
	default: n = print_g(text, upper, alternate, (int)precision, d); break;
	}
	len = (size_t)n;
	exponent = len;
	if (zeros > 0 && conversion != 'f' && conversion != 'F') {
		const char *e = memchr(text, upper ? 'E' : 'e', len);

		if (e != NULL)
			exponent = (size_t)(e - text);
	}
	buf_append(out, text, exponent);
	buf_fill(out, '0', zeros);
	buf_append(out, text + exponent, len - exponent);
}
