/*
 * A first byte, how long a text may be, then bytes: as a packed text they come out as when zlib is
 * given a byte at a time; and packed, in one member and in two, as they are.
 */
#include "base/gunzip.h"
#include "fuzz.h"
#include "pack.h"

static struct gunzip *gunzip;

/* What gunzip_text() does, a byte at a time. */
static enum gunzip_status
unpack_slowly(const uint8_t *data, size_t size, size_t max, struct buf *text)
{
	enum gunzip_status status = GUNZIP_GOOD;
	z_stream s = {0};
	size_t at = 0;

	require(inflateInit2(&s, 16 + MAX_WBITS) == Z_OK);
	do {
		int code = Z_OK;

		inflateReset(&s);
		while (code == Z_OK && status == GUNZIP_GOOD) {
			unsigned char byte;

			s.next_in = (unsigned char *)data + at;
			s.avail_in = at < size;
			s.next_out = &byte;
			s.avail_out = 1;
			code = inflate(&s, Z_NO_FLUSH);
			at = (size_t)(s.next_in - data);
			if (s.avail_out == 0 && text->len == max)
				status = GUNZIP_TOO_LARGE;
			else if (s.avail_out == 0)
				buf_putc(text, (char)byte);
		}
		if (status == GUNZIP_GOOD && code != Z_STREAM_END)
			status = GUNZIP_BROKEN;
	} while (status == GUNZIP_GOOD && at < size);
	inflateEnd(&s);
	return status;
}

static void
check(const uint8_t *data, size_t size, size_t max)
{
	struct buf expected = BUF_INIT, text = {.max = max};
	const char *what = NULL;
	size_t offset = SIZE_MAX;
	enum gunzip_status slow = unpack_slowly(data, size, max, &expected);
	enum gunzip_status status =
	    gunzip_text(gunzip, (const char *)data, size, &text, &what, &offset);

	require(status == slow);
	require(text.cap <= max);
	require(status != GUNZIP_BROKEN || (what != NULL && offset <= size));
	if (status == GUNZIP_GOOD) {
		require(text.len == expected.len);
		require(text.len == 0 || memcmp(text.data, expected.data, text.len) == 0);
	}
	buf_free(&text);
	buf_free(&expected);
}

/* As it is, in two members. */
static void
check_packed(const uint8_t *data, size_t size, size_t max)
{
	struct buf packed = BUF_INIT;
	size_t half = size / 2;

	pack(&packed, data, half, 9);
	pack(&packed, data + half, size - half, 1);
	check((const uint8_t *)packed.data, packed.len, max);
	buf_free(&packed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t max;

	if (gunzip == NULL)
		gunzip = gunzip_new();
	require(gunzip != NULL);
	if (size == 0)
		return 0;
	max = ((size_t)data[0] + 1) * 16;
	check(data + 1, size - 1, max);
	check_packed(data + 1, size - 1, max);
	return 0;
}
