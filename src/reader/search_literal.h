/* What an expression can't match without. */
#ifndef PBU_SEARCH_LITERAL_H
#define PBU_SEARCH_LITERAL_H

#include "base/buf.h"

/*
 * Appends a text that is in whatever the expression (with pattern.h's flags) matches; nothing when
 * none is found, and out->failed set when memory runs out. A caseless expression gives one in which
 * only the case of ASCII's letters may differ.
 */
void search_literal(struct buf *out, const char *expression, size_t len, unsigned flags);

#endif
