/*
 * Python literals: what repr() gives of strings, bytes, numbers, None, booleans, tuples, lists,
 * dicts and sets of those, and what people write for them (ast.literal_eval() reads them in
 * CPython).
 */
#ifndef PBU_PYLITERAL_H
#define PBU_PYLITERAL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Brackets inside brackets, as CPython's own parser has it (MAXLEVEL). */
#define PYLITERAL_DEPTH_MAX 200

/*
 * Reads a record's args, the str() of a tuple or of a mapping, from len bytes of text (value.h),
 * and appends them to out as scan.h describes it: a tuple or a list as an array, a dict as an
 * object, None, a boolean, a number or a string as that. What is inside and has a kind in JSON
 * becomes a value of that kind, with what it contains; what has none (bytes, complex, sets, tuples,
 * dicts whose keys are not strings, any container with such inside, numbers as repr() doesn't write
 * them) becomes a LITERAL of the characters that stand there.
 *
 * Beyond ast.literal_eval() it takes inf and nan, as repr() prints them. It does not take a single
 * value that JSON has no kind for, strings side by side or in triple quotes, `\N{...}`, comments,
 * lines that are continued, nor white space around it all.
 *
 * False, and out as before, when it is no such literal: `<object at 0x7f...>`, `Decimal('1')`. The
 * time that it takes is linear in len. The caller looks at out->failed.
 */
bool pyliteral_args(struct buf *out, const char *text, size_t len);

#endif
