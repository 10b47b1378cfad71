/* Base64 (RFC 4648, section 4). */
#ifndef PBU_BASE64_H
#define PBU_BASE64_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Appends what a text of len bytes stands for. Strict: the standard alphabet, padded to a multiple
 * of four characters, nothing else in between, and no bits after the last byte; so that there is
 * one text for some bytes. False otherwise, and what was appended is worth nothing. Memory that ran
 * out is out->failed.
 */
bool base64_decode(struct buf *out, const char *text, size_t len);

#endif
