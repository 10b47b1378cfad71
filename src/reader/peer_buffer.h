/*
 * What has come of a peer's answer and was not taken yet: bounded, by what who takes it allows, and
 * beyond the usual by a sum over all such buffers. For one thread at a time; the sum is for all.
 */
#ifndef PBU_PEER_BUFFER_H
#define PBU_PEER_BUFFER_H

#include "base/buf.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes that may wait without being allowed to. */
#define PEER_BUFFER_USUAL ((size_t)64 * 1024)

/* Bytes of a piece that is put in, at most. */
#define PEER_BUFFER_PIECE ((size_t)16 * 1024)

/* Bytes that all buffers together may be allowed beyond that. */
#define PEER_BUFFER_EXTRA ((size_t)128 * 1024 * 1024)

struct peer_buffer {
	struct buf bytes;
	size_t taken;	     /* of them */
	size_t extra;	     /* that it is allowed beyond the usual */
	_Atomic size_t *sum; /* of all buffers' extra */
};

/* sum: starts at 0, and outlives it. */
void peer_buffer_init(struct peer_buffer *b, _Atomic size_t *sum);
void peer_buffer_free(struct peer_buffer *b);

/* Whether less waits than may, so that a piece has room; and whether it is half of that at most. */
bool peer_buffer_has_room(const struct peer_buffer *b);
bool peer_buffer_is_half_empty(const struct peer_buffer *b);

/* Puts a piece in, which must have room. False: there is no memory. */
bool peer_buffer_put(struct peer_buffer *b, const char *bytes, size_t len);

/* What waits, good until something is put in, taken or allowed. */
const char *peer_buffer_bytes(const struct peer_buffer *b, size_t *len);

/* Takes the first n bytes of it away. */
void peer_buffer_take(struct peer_buffer *b, size_t n);

/* So many bytes may wait, PEER_BUFFER_USUAL at least. False: the sum would be more than it may, and
 * nothing is changed. Memory for much more than that is given back. */
bool peer_buffer_allow(struct peer_buffer *b, size_t bytes);

#endif
