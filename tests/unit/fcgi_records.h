/* FastCGI records, as a web server sends and takes them. */
#ifndef PBU_FCGI_RECORDS_H
#define PBU_FCGI_RECORDS_H

#include "base/buf.h"

#include <fastcgi.h>
#include <stdbool.h>
#include <string.h>

static inline void
add_record(struct buf *out, unsigned char type, const void *content, size_t n)
{
	const FCGI_Header header = {.version = FCGI_VERSION_1,
	    .type = type,
	    .requestIdB0 = 1,
	    .contentLengthB1 = (unsigned char)(n >> 8),
	    .contentLengthB0 = (unsigned char)n};

	buf_append(out, &header, sizeof(header));
	buf_append(out, content, n);
}

/* A PUT of that path, with so many bytes 'x' of a body. */
static inline void
add_request(struct buf *out, const char *path, size_t len, bool keep)
{
	const unsigned char begin[8] = {0, FCGI_RESPONDER, keep ? FCGI_KEEP_CONN : 0};
	struct buf params = BUF_INIT;
	char xs[60000];

	memset(xs, 'x', sizeof(xs));
	buf_printf(&params, "%c%cREQUEST_METHODPUT%c%cDOCUMENT_URI%s%c%cQUERY_STRINGq=1", 14, 3, 12,
	    (int)strlen(path), path, 12, 3);
	add_record(out, FCGI_BEGIN_REQUEST, begin, sizeof(begin));
	add_record(out, FCGI_PARAMS, params.data, params.len);
	add_record(out, FCGI_PARAMS, NULL, 0);
	for (size_t n; len > 0; len -= n) {
		n = len < sizeof(xs) ? len : sizeof(xs);
		add_record(out, FCGI_STDIN, xs, n);
	}
	add_record(out, FCGI_STDIN, NULL, 0);
	buf_free(&params);
}

/* Takes whole records from the beginning of what has come; *text gets what they hold of a response.
 * Whether its end was among them. */
static inline bool
take_records(struct buf *bytes, struct buf *text)
{
	FCGI_Header h;
	bool ended = false;
	size_t at = 0;

	while (bytes->len - at >= sizeof(h)) {
		size_t content, all;

		memcpy(&h, bytes->data + at, sizeof(h));
		content = (size_t)h.contentLengthB1 << 8 | h.contentLengthB0;
		all = sizeof(h) + content + h.paddingLength;
		if (bytes->len - at < all)
			break;
		if (h.type == FCGI_STDOUT)
			buf_append(text, bytes->data + at + sizeof(h), content);
		ended = ended || h.type == FCGI_END_REQUEST;
		at += all;
	}
	if (at > 0)
		memmove(bytes->data, bytes->data + at, bytes->len - at);
	bytes->len -= at;
	return ended;
}

#endif
