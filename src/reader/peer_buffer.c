#include "reader/peer_buffer.h"

void
peer_buffer_init(struct peer_buffer *b, _Atomic size_t *sum)
{
	*b = (struct peer_buffer){.sum = sum};
}

void
peer_buffer_free(struct peer_buffer *b)
{
	atomic_fetch_sub_explicit(b->sum, b->extra, memory_order_relaxed);
	b->extra = b->taken = 0;
	buf_free(&b->bytes);
}

static size_t
waiting(const struct peer_buffer *b)
{
	return b->bytes.len - b->taken;
}

bool
peer_buffer_has_room(const struct peer_buffer *b)
{
	return waiting(b) < PEER_BUFFER_USUAL + b->extra;
}

bool
peer_buffer_is_half_empty(const struct peer_buffer *b)
{
	return waiting(b) <= (PEER_BUFFER_USUAL + b->extra) / 2;
}

bool
peer_buffer_put(struct peer_buffer *b, const char *bytes, size_t len)
{
	if (b->taken > 0) {
		b->bytes.len -= b->taken;
		memmove(b->bytes.data, b->bytes.data + b->taken, b->bytes.len);
		b->taken = 0;
	}
	buf_append(&b->bytes, bytes, len);
	return !b->bytes.failed;
}

const char *
peer_buffer_bytes(const struct peer_buffer *b, size_t *len)
{
	*len = waiting(b);
	return *len > 0 ? b->bytes.data + b->taken : "";
}

void
peer_buffer_take(struct peer_buffer *b, size_t n)
{
	b->taken += n;
	if (b->taken < b->bytes.len)
		return;
	b->taken = 0;
	buf_clear(&b->bytes, PEER_BUFFER_USUAL + PEER_BUFFER_PIECE);
}

/* What was allowed for a long frame is not kept for what comes after it. */
static void
give_back(struct peer_buffer *b)
{
	struct buf rest = BUF_INIT;

	if (b->bytes.cap <= 2 * (PEER_BUFFER_USUAL + b->extra + PEER_BUFFER_PIECE))
		return;
	buf_append(&rest, b->bytes.data + b->taken, waiting(b));
	if (rest.failed) {
		buf_free(&rest);
		return;
	}
	buf_free(&b->bytes);
	b->bytes = rest;
	b->taken = 0;
}

bool
peer_buffer_allow(struct peer_buffer *b, size_t bytes)
{
	const size_t extra = bytes > PEER_BUFFER_USUAL ? bytes - PEER_BUFFER_USUAL : 0;
	size_t before;

	if (extra <= b->extra) {
		atomic_fetch_sub_explicit(b->sum, b->extra - extra, memory_order_relaxed);
	} else {
		before = atomic_fetch_add_explicit(b->sum, extra - b->extra, memory_order_relaxed);
		if (before + extra - b->extra > PEER_BUFFER_EXTRA) {
			atomic_fetch_sub_explicit(b->sum, extra - b->extra, memory_order_relaxed);
			return false;
		}
	}
	b->extra = extra;
	give_back(b);
	return true;
}
