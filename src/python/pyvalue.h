/*
 * What CPython's str(), repr() and ascii() give for a value decoded from JSON: None, True,
 * 'text' with the quotes that Python picks, [1, 'a'], {'k': 2.0}, numbers as they were sent.
 */
#ifndef PBU_PYVALUE_H
#define PBU_PYVALUE_H

#include "buf.h"
#include "record/value.h"

/* Each appends text (value.h) to out. An absent value is printed as None. */
void pyvalue_str(struct buf *out, struct value v);
void pyvalue_repr(struct buf *out, struct value v);
void pyvalue_ascii(struct buf *out, struct value v);

/*
 * Appends what the one that the conversion ('s', 'r', 'a') names would, but stops when more than
 * max bytes were appended: what is missing, and only then, is behind max bytes (the last
 * character may be cut). Returns how many bytes of the value it had to read for that.
 */
size_t pyvalue_bounded(struct buf *out, struct value v, char conversion, size_t max);

#endif
