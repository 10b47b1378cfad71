/* What rejected.log has of a message that can't be used: a line of JSON. Any thread. */
#ifndef PBU_REJECTED_H
#define PBU_REJECTED_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

struct rejected {
	const char *topic;
	int32_t partition;
	int64_t offset;
	const char *why; /* in words */
	const char *key, *value;
	size_t key_len, value_len;
};

/*
 * Appends {"rejected": when, "topic": ..., "partition": ..., "offset": ..., "why": ..., "key": ...,
 * "value": ...}. What is not UTF-8 is hexadecimal, as "key_hex" or "value_hex": every byte can be
 * had back.
 */
void rejected_write(struct buf *out, const struct rejected *r, int64_t now);

#endif
