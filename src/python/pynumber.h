/*
 * Python's numbers, from the text that the client sent: int(), float(), and their digits, exact
 * for any size. A number is a NUMBER, FALSE (0) or TRUE (1).
 */
#ifndef PBU_PYNUMBER_H
#define PBU_PYNUMBER_H

#include "base/buf.h"
#include "json/value.h"

/* Digits beyond which CPython refuses to convert an int (sys.int_info.default_max_str_digits). */
#define PYNUMBER_DIGITS_MAX 4300

/*
 * Digits after which a double has zeros only: at most 1074 follow the point, and at most 767 of all
 * are significant. No more are asked of printf(), which would allocate for them.
 */
#define PYNUMBER_PRECISION_MAX 1100

/* An int that fits a long; false when it does not, or is none. */
bool pynumber_long(struct value v, long *n);

/* float(v); false where Python raises: no number, or an int too large for a float. */
bool pynumber_double(struct value v, double *d);

/* Appends int(v) in decimal; false where Python raises: no number, NaN or infinite. */
bool pynumber_decimal(struct buf *out, struct value v);

/*
 * Appends an int in octal (bits 3) or hexadecimal (bits 4, lower case), with a '-' but without
 * prefix. False when it is none, or has more than PYNUMBER_DIGITS_MAX digits.
 */
bool pynumber_radix(struct buf *out, struct value v, unsigned bits);

/*
 * Appends a float as the conversion (one of eEfFgG) prints it, with a '-' but no '+'.
 * precision is how many digits; alternate is the flag `#`.
 */
void pynumber_float(struct buf *out, double d, char conversion, bool alternate, size_t precision);

#endif
