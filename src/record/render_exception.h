/* The text of an exception or a stack, as LogRecords and other loggers have it, after the line. */
#ifndef PBU_RENDER_EXCEPTION_H
#define PBU_RENDER_EXCEPTION_H

#include "record/entry.h"
#include "json/value.h"

/*
 * Adds, on lines of its own: a text; a list of lines, whether they end with a newline or not;
 * structlog's dict_tracebacks, as CPython's traceback prints what they tell (without source lines,
 * which they have not); loguru's {"type": ..., "value": ...} as its last line. `scratch` is for
 * what is not text. Adds nothing for anything else.
 */
void render_exception(struct entry *e, struct value v, struct buf *scratch);

#endif
