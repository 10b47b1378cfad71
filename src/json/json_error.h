/* The body of an answer that says what was wrong. */
#ifndef PBU_JSON_ERROR_H
#define PBU_JSON_ERROR_H

#include "base/buf.h"

#include <stdarg.h>

/* The text is a JSON string after this, and before a brace. */
#define JSON_ERROR_BEGIN "{\"status\": false, \"error\": "

/* Appends {"status": false, "error": "..."}; the arguments are vprintf's, and may quote what a
 * client sent. A text of more than 500 bytes is cut. */
void json_verror(struct buf *out, const char *format, va_list ap)
    __attribute__((format(printf, 2, 0)));

#endif
