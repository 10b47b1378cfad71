#include "base/gunzip.h"

#include <limits.h>
#include <stdlib.h>
/* What is given to zlib is only read. */
#define ZLIB_CONST
#include <zlib.h>

/* gzip alone, with the largest window. */
#define WINDOW_BITS (16 + MAX_WBITS)

/* Room for the text at first: a larger batch than most. */
#define FIRST_ROOM ((size_t)64 * 1024)

struct gunzip {
	z_stream zlib;
};

struct gunzip *
gunzip_new(void)
{
	struct gunzip *z = calloc(1, sizeof(*z));

	if (z != NULL && inflateInit2(&z->zlib, WINDOW_BITS) != Z_OK) {
		free(z);
		return NULL;
	}
	return z;
}

void
gunzip_free(struct gunzip *z)
{
	if (z == NULL)
		return;
	inflateEnd(&z->zlib);
	free(z);
}

/* Whether a member begins there, and the words for when none does. */
static bool
begins_member(const unsigned char *at, size_t left, bool first, const char **what)
{
	if (left >= 2 && memcmp(at, "\x1f\x8b", 2) == 0)
		return true;
	if (!first)
		*what = "something that is not gzip follows";
	else if (left >= 2)
		*what = "it does not begin as gzip does";
	return false;
}

/* How much of it zlib can be told of at a time. */
static uInt
at_a_time(size_t bytes)
{
	return bytes > UINT_MAX ? UINT_MAX : (uInt)bytes;
}

/*
 * Inflates what comes up to `end` into the room that *out has; at its max, into a byte that must
 * not be needed. What zlib returned, or Z_MEM_ERROR; *too_large says that the byte was needed.
 */
static int
inflate_some(z_stream *s, const unsigned char *end, struct buf *out, bool *too_large)
{
	bool full = out->len == out->max;
	unsigned char beyond = 0;
	uInt room;
	int code;

	if (!full && out->len == out->cap &&
	    !buf_reserve(out, out->cap > 0 || out->max < FIRST_ROOM ? 1 : FIRST_ROOM))
		return Z_MEM_ERROR;
	room = full ? 1 : at_a_time(out->cap - out->len);
	s->next_out = full ? &beyond : (unsigned char *)out->data + out->len;
	s->avail_out = room;
	s->avail_in = at_a_time((size_t)(end - s->next_in));
	code = inflate(s, Z_NO_FLUSH);
	if (full)
		*too_large = s->avail_out == 0;
	else
		out->len += room - s->avail_out;
	return code;
}

/* One member, from s->next_in to its end. */
static enum gunzip_status
unpack_member(z_stream *s, const unsigned char *end, struct buf *out, const char **what)
{
	bool too_large = false;
	int code;

	inflateReset(s);
	do {
		code = inflate_some(s, end, out, &too_large);
		if (too_large)
			return GUNZIP_TOO_LARGE;
		/* Where there is room left, all that came was read. */
	} while (code == Z_OK && (s->next_in < end || s->avail_out == 0));
	switch (code) {
	case Z_STREAM_END: return GUNZIP_GOOD;
	case Z_DATA_ERROR: *what = s->msg; return GUNZIP_BROKEN;
	case Z_MEM_ERROR: return GUNZIP_NO_MEMORY;
	default: *what = "it ends too early"; return GUNZIP_BROKEN;
	}
}

enum gunzip_status
gunzip_text(struct gunzip *z, const char *bytes, size_t len, struct buf *out, const char **what,
    size_t *offset)
{
	const unsigned char *begin = (const unsigned char *)bytes, *at = begin, *end;
	enum gunzip_status status;
	z_stream *s = &z->zlib;

	*what = "it ends too early";
	*offset = 0;
	if (len == 0)
		return GUNZIP_BROKEN; /* there may be no bytes */
	end = begin + len;
	do {
		*offset = (size_t)(at - begin);
		if (!begins_member(at, (size_t)(end - at), at == begin, what))
			return GUNZIP_BROKEN;
		s->next_in = at;
		status = unpack_member(s, end, out, what);
		at = s->next_in;
	} while (status == GUNZIP_GOOD && at < end);
	*offset = (size_t)(at - begin);
	return status;
}
