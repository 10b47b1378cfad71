#include "web/request.h"

#include <errno.h>
#include <fastcgi.h>
#include <string.h>
#include <sys/socket.h>

/* All parameters of a request together: several times what nginx takes as a header. */
#define PARAMS_MAX (256 * 1024)

/* A body that is not kept is received to its end up to this length, or what may be kept; beyond it
 * the connection is closed. */
#define DROPPED_MAX ((size_t)64 * 1024 * 1024)

/* --- checking --- */

static size_t
min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* A record's header: BEGIN, PARAMS up to an empty one, STDIN up to an empty one; of one request,
 * and padded only where libfcgi knows of padding. */
static bool
check_header(struct request_position *at)
{
	const uint8_t *h = at->header;
	unsigned id = (unsigned)h[2] << 8 | h[3];

	at->content = (size_t)h[4] << 8 | h[5];
	at->padding = h[6];
	if (h[0] != FCGI_VERSION_1 || id == FCGI_NULL_REQUEST_ID)
		return false;
	if (at->phase == REQUEST_BEGIN) {
		at->phase = REQUEST_PARAMS;
		at->id = id;
		return h[1] == FCGI_BEGIN_REQUEST && at->padding == 0 &&
		       at->content == sizeof(FCGI_BeginRequestBody);
	}
	if (id != at->id || h[1] != (at->phase == REQUEST_PARAMS ? FCGI_PARAMS : FCGI_STDIN))
		return false;
	if (at->content > 0)
		return true;
	if (at->phase == REQUEST_PARAMS && (at->pair > 0 || at->lengths_len > 0))
		return false; /* a parameter is cut short */
	at->phase++;
	return at->padding == 0;
}

/* A length of one or four bytes from *offset on; false when more bytes are needed. */
static bool
read_length(const struct request_position *at, unsigned *offset, size_t *length)
{
	const uint8_t *p = at->lengths + *offset;

	if (*offset >= at->lengths_len || (p[0] >= 128 && *offset + 4 > at->lengths_len))
		return false;
	*length = p[0] < 128
		      ? p[0]
		      : (size_t)(p[0] & 127) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	*offset += p[0] < 128 ? 1 : 4;
	return true;
}

static bool
check_params(struct request_position *at, const uint8_t *bytes, size_t n)
{
	at->params += n;
	while (n > 0) {
		size_t skipped = min(n, at->pair), name, value;
		unsigned offset = 0;

		at->pair -= skipped;
		bytes += skipped;
		n -= skipped;
		if (n == 0)
			break;
		at->lengths[at->lengths_len++] = *bytes++;
		n--;
		if (read_length(at, &offset, &name) && read_length(at, &offset, &value)) {
			at->pair = name + value;
			at->lengths_len = 0;
		}
		if (at->pair > PARAMS_MAX)
			return false;
	}
	return at->params <= PARAMS_MAX;
}

/* Bytes of the body of a BEGIN record: its role comes first. */
static bool
check_begin(const struct request_position *at, const uint8_t *bytes, size_t n)
{
	static const uint8_t role[] = {FCGI_RESPONDER >> 8, FCGI_RESPONDER & 255};
	size_t offset = sizeof(FCGI_BeginRequestBody) - at->content;

	for (size_t i = 0; i < n && offset + i < sizeof(role); i++) {
		if (bytes[i] != role[offset + i])
			return false;
	}
	return true;
}

static bool
check_content(struct request_position *at, const uint8_t *bytes, size_t n)
{
	switch (at->header[1]) {
	case FCGI_BEGIN_REQUEST: return check_begin(at, bytes, n);
	case FCGI_PARAMS: return check_params(at, bytes, n);
	default: at->body += n; return true;
	}
}

bool
request_check(struct request_position *at, const uint8_t *bytes, size_t n)
{
	while (n > 0 && at->phase != REQUEST_OVER) {
		size_t step = 1;

		if (at->content > 0) {
			step = min(n, at->content);
			if (!check_content(at, bytes, step))
				return false;
			at->content -= step;
		} else if (at->padding > 0) {
			step = min(n, at->padding);
			at->padding -= step;
		} else {
			at->header[at->header_len++] = *bytes;
			if (at->header_len == sizeof(at->header)) {
				at->header_len = 0;
				if (!check_header(at))
					return false;
			}
		}
		bytes += step;
		n -= step;
		at->passed += step;
		if (at->phase == REQUEST_STDIN && at->head == 0)
			at->head = at->passed;
	}
	/* What follows the end, libfcgi would throw away, and begin anew somewhere within it. */
	return n == 0;
}

/* --- keeping --- */

/* Bytes around a request's body: its parameters, and what records add. A web server's records have
 * thousands of bytes each; one that sends single bytes, in 8 and padding, loses its connection. */
static size_t
received_max(const struct request *r)
{
	size_t body = r->dropped && r->body_max < DROPPED_MAX ? DROPPED_MAX : r->body_max;

	return body + body / 8 + (size_t)512 * 1024;
}

/* The record that ends a body. */
static bool
append_end(struct request *r)
{
	const FCGI_Header last = {
	    .version = FCGI_VERSION_1,
	    .type = FCGI_STDIN,
	    .requestIdB1 = (unsigned char)(r->at.id >> 8),
	    .requestIdB0 = (unsigned char)r->at.id,
	};

	buf_append(&r->held, &last, sizeof(last));
	return !r->held.failed;
}

/* Keeps nothing but the parameters, which `from` begins with. */
static bool
drop_body(struct request *r, const char *from)
{
	struct buf head = {.budget = r->held.budget};

	if (r->at.head == 0 || !buf_reserve(&head, r->at.head))
		return false;
	buf_append(&head, from, r->at.head);
	buf_free(&r->held);
	r->held = head;
	r->dropped = true;
	return true;
}

bool
request_drop_body(struct request *r)
{
	if (r->dropped || !drop_body(r, r->bytes) || !append_end(r))
		return false;
	r->bytes = r->held.data;
	r->len = r->held.len;
	return true;
}

/* Keeps n bytes that came to `buffer`, or, where that is NULL, to the end of what is held. */
static bool
keep(struct request *r, const char *buffer, size_t n)
{
	if (!r->dropped) {
		if (buffer != NULL)
			buf_append(&r->held, buffer, n);
		else
			r->held.len += n;
		if (r->held.failed)
			return false;
		if (r->at.body > r->body_max && !drop_body(r, r->held.data))
			return false;
	}
	return !r->dropped || r->at.phase != REQUEST_OVER || append_end(r);
}

static enum request_state
whole(struct request *r, const char *bytes, size_t len)
{
	r->bytes = bytes;
	r->len = len;
	return REQUEST_WHOLE;
}

bool
request_keep(struct request *r, const char *buffer)
{
	size_t begun = r->begun;

	r->begun = 0;
	return begun == 0 || keep(r, buffer, begun);
}

/* Room for what comes next: in the buffer as long as all of the request is there, or room for
 * more of a small one; else in what is held. NULL: there is no memory for that. */
static char *
room_for_more(struct request *r, char *buffer, size_t *room)
{
	if (r->dropped || r->held.len < REQUEST_SMALL) {
		*room = (r->begun > 0 ? REQUEST_BUFFER : REQUEST_SMALL) - r->begun;
		return buffer + r->begun;
	}
	/* It doubles when it is full, and not before: a small request is not to be refused for the
	 * room that it does not need. */
	if (r->held.len == r->held.cap && !buf_reserve(&r->held, 1)) {
		if (!drop_body(r, r->held.data))
			return NULL;
		*room = REQUEST_SMALL;
		return buffer;
	}
	*room = r->held.cap - r->held.len;
	return r->held.data + r->held.len;
}

enum request_state
request_receive(struct request *r, int fd, char *buffer, bool large)
{
	for (;;) {
		bool direct, begins = r->at.passed == 0;
		size_t room;
		char *to;
		ssize_t n;

		if (!large && (r->begun > 0 || (r->held.len >= REQUEST_SMALL && !r->dropped)))
			return REQUEST_LARGE;
		to = room_for_more(r, buffer, &room);
		if (to == NULL)
			return REQUEST_NO_MEMORY;
		direct = to != buffer + r->begun;
		n = recv(fd, to, room, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (!request_keep(r, buffer))
				return REQUEST_NO_MEMORY;
			return begins ? REQUEST_NONE : REQUEST_PART;
		}
		if (n <= 0 || !request_check(&r->at, (const uint8_t *)to, (size_t)n) ||
		    r->at.passed > received_max(r))
			return REQUEST_ENDED;
		if ((begins || r->begun > 0) && r->at.phase == REQUEST_OVER)
			return whole(r, buffer, r->begun + (size_t)n);
		if (begins || r->begun > 0) {
			r->begun += (size_t)n;
			/* A part that leaves room was all that has come. */
			if (r->begun >= REQUEST_SMALL && r->begun < REQUEST_BUFFER)
				continue;
			if (!request_keep(r, buffer))
				return REQUEST_NO_MEMORY;
			continue;
		}
		if (!keep(r, direct ? NULL : buffer, (size_t)n))
			return REQUEST_NO_MEMORY;
		if (r->at.phase == REQUEST_OVER)
			return whole(r, r->held.data, r->held.len);
	}
}

void
request_reset(struct request *r)
{
	memset(&r->at, 0, sizeof(r->at));
	r->begun = 0;
	buf_free(&r->held);
	r->bytes = NULL;
	r->len = 0;
	r->dropped = false;
}
