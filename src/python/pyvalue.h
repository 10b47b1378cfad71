/*
 * What CPython's str(), repr() and ascii() give for a value decoded from JSON: None, True,
 * 'text' with the quotes that Python picks, [1, 'a'], {'k': 2.0}, numbers and literals as they
 * were sent.
 */
#ifndef PBU_PYVALUE_H
#define PBU_PYVALUE_H

#include "base/buf.h"
#include "json/value.h"

/* Appends str(v), as text (value.h). An absent value is printed as None. */
void pyvalue_str(struct buf *out, struct value v);

/*
 * Appends str(v), repr(v) or ascii(v), as the conversion ('s', 'r', 'a') says, but no more than
 * max + 1 bytes: when it is max + 1, the rest is missing, and the last character may be cut.
 * Returns how many bytes of the value were read.
 */
size_t pyvalue_bounded(struct buf *out, struct value v, char conversion, size_t max);

#endif
