/*
 * What a peer sends on a connection: a first line of which each byte says where to cut, then the
 * bytes; a line that begins with '*' has more parameters follow than a request may have. The
 * verdict is of the bytes, however they come in pieces, and what is passed on is what
 * libfcgi takes for one request, read here in another way.
 */
#include "fuzz.h"
#include "web/request.h"

#include <fastcgi.h>

/* What the parameters of a request may be together, a name and its value, too. */
#define PARAMS_MAX (256 * 1024)

/* How many of the bytes are passed on when they come one by one: all, or up to a spoilt one. */
static size_t
one_by_one(const uint8_t *data, size_t size)
{
	struct request_position at = {0};
	size_t n = 0;

	while (n < size && request_check(&at, data + n, 1))
		n++;
	return n;
}

/* In pieces as long as the line's bytes say, over and over; a piece may be empty. Where it ends. */
static size_t
in_pieces(const struct buf *line, const uint8_t *data, size_t size)
{
	struct request_position at = {0};
	size_t n = 0;

	for (size_t i = 0; n < size; i++) {
		size_t piece = line->len > 0 ? (unsigned char)line->data[i % line->len] : size;

		/* So that a round of empty ones does not go on for ever. */
		if (line->len > 0 && i % line->len == 0)
			piece++;
		if (piece > size - n)
			piece = size - n;
		if (!request_check(&at, data + n, piece))
			return n;
		n += piece;
	}
	return n;
}

static bool
at_once(const uint8_t *data, size_t size)
{
	struct request_position at = {0};

	return request_check(&at, data, size);
}

/* --- what FastCGI says of the same bytes (FastCGI 1.0, 3.3 and 3.4) --- */

static void
take_pairs(const struct buf *params, bool whole)
{
	const uint8_t *at = (const uint8_t *)params->data;
	size_t left = params->len;

	while (left > 0) {
		size_t total = 0;

		for (int i = 0; i < 2; i++) {
			size_t bytes = left > 0 && *at >= 128 ? 4 : 1, length = 0;

			if (left < bytes) {
				require(!whole);
				return;
			}
			for (size_t k = 0; k < bytes; k++)
				length = length << 8 | (bytes == 4 && k == 0 ? at[k] & 127 : at[k]);
			at += bytes;
			left -= bytes;
			total += length;
		}
		/* Nothing for which libfcgi would ask malloc() for much. */
		require(total <= PARAMS_MAX);
		if (left < total) {
			require(!whole);
			return;
		}
		at += total;
		left -= total;
	}
}

/* Records of one request in their order, of what was passed on. */
static void
take_records(const uint8_t *data, size_t size)
{
	struct buf params = BUF_INIT;
	unsigned id = 0, expected = FCGI_BEGIN_REQUEST;

	while (size >= FCGI_HEADER_LEN) {
		unsigned type = data[1];
		size_t content = (size_t)data[4] << 8 | data[5], padding = data[6], taken;

		require(data[0] == FCGI_VERSION_1 && type == expected);
		require(expected == FCGI_BEGIN_REQUEST || id == ((unsigned)data[2] << 8 | data[3]));
		id = (unsigned)data[2] << 8 | data[3];
		require(id != FCGI_NULL_REQUEST_ID);
		data += FCGI_HEADER_LEN;
		size -= FCGI_HEADER_LEN;
		taken = content < size ? content : size;
		if (type == FCGI_PARAMS)
			buf_append(&params, data, taken);
		if (type == FCGI_BEGIN_REQUEST)
			require(content == sizeof(FCGI_BeginRequestBody) && padding == 0);
		if (type == FCGI_BEGIN_REQUEST) {
			expected = FCGI_PARAMS;
		} else if (content == 0) {
			/* libfcgi would take the padding of an end for a record. */
			require(padding == 0);
			if (type == FCGI_PARAMS)
				take_pairs(&params, true);
			expected = type == FCGI_PARAMS ? FCGI_STDIN : 0;
		}
		data += taken;
		size -= taken;
		taken = padding < size ? padding : size;
		data += taken;
		size -= taken;
	}
	/* After the end of a request comes nothing. */
	require(expected != 0 || size == 0);
	require(params.len <= PARAMS_MAX);
	take_pairs(&params, false);
	buf_free(&params);
}

static void
check(const struct buf *line, const uint8_t *data, size_t size)
{
	size_t passed = one_by_one(data, size), end = in_pieces(line, data, size);

	/* A piece is passed on whole or not at all. */
	require(end <= passed && (end == size) == (passed == size));
	require(at_once(data, size) == (passed == size));
	require(at_once(data, passed));
	require(passed == size || !at_once(data, passed + 1));
	take_records(data, passed);
}

/* Records of request 1, full of empty names with empty values, until it is too much. */
static void
add_params(struct buf *bytes)
{
	static const uint8_t head[FCGI_HEADER_LEN] = {
	    FCGI_VERSION_1, FCGI_PARAMS, 0, 1, 0x7f, 0xfe, 0, 0};

	for (size_t n = 0; n <= PARAMS_MAX; n += 0x7ffe) {
		buf_append(bytes, head, sizeof(head));
		buf_fill(bytes, '\0', 0x7ffe);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf line = fuzz_line(&data, &size), more = BUF_INIT;

	if (line.len > 0 && line.data[0] == '*') {
		buf_append(&more, data, size);
		add_params(&more);
		check(&line, (const uint8_t *)more.data, more.len);
	} else {
		check(&line, data, size);
	}
	buf_free(&line);
	buf_free(&more);
	return 0;
}
