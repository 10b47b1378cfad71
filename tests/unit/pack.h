/* gzip for tests of what unpacks it. */
#ifndef PBU_PACK_H
#define PBU_PACK_H

#include "base/buf.h"

#include <stdlib.h>
#include <zlib.h>

/* Appends a gzip member that holds so many bytes of data; level is zlib's, 0 (stored) to 9. */
static inline void
pack(struct buf *out, const void *data, size_t len, int level)
{
	z_stream s = {0};

	if (deflateInit2(&s, level, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	s.next_in = (unsigned char *)data;
	s.avail_in = (uInt)len;
	if (!buf_reserve(out, deflateBound(&s, len)))
		abort();
	s.next_out = (unsigned char *)out->data + out->len;
	s.avail_out = (uInt)(out->cap - out->len);
	if (deflate(&s, Z_FINISH) != Z_STREAM_END)
		abort();
	out->len += s.total_out;
	deflateEnd(&s);
}

#endif
