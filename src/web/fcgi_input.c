#include "web/fcgi_input.h"

#include <errno.h>
#include <fastcgi.h>
#include <string.h>
#include <sys/socket.h>

/* Room that is made for each further receiving. */
#define STEP (64 * 1024)

/* A body that is too long is received to its end up to this length; beyond it the peer is hung up.
 */
#define CUT_MAX (64 * 1024 * 1024)

/* Bytes around a request's body: its parameters, and what records add. A web server's records have
 * thousands of bytes each; a peer that sends single bytes, in 8 and padding, is hung up. */
static size_t
received_max(const struct fcgi_input *in)
{
	size_t body = in->cut ? CUT_MAX : in->body_max;

	return body + body / 8 + (size_t)512 * 1024;
}

void
fcgi_input_free(struct fcgi_input *in)
{
	buf_free(&in->held);
}

/* Leaves of what is held the parameters only. */
static bool
cut(struct fcgi_input *in)
{
	struct buf head = BUF_INIT;

	buf_append(&head, in->held.data, in->guard.head);
	buf_free(&in->held);
	in->held = head;
	in->cut = true;
	return !head.failed;
}

/* Ends a request whose body was cut with the record that ends a body. */
static bool
end(struct fcgi_input *in)
{
	const FCGI_Header last = {
	    .version = FCGI_VERSION_1,
	    .type = FCGI_STDIN,
	    .requestIdB1 = (unsigned char)(in->guard.request >> 8),
	    .requestIdB0 = (unsigned char)in->guard.request,
	};

	buf_append(&in->held, &last, sizeof(last));
	return !in->held.failed;
}

/* Keeps n bytes that were received to the connection's memory, or else to `chunk`. */
static bool
keep(struct fcgi_input *in, const char *chunk, size_t n)
{
	if (in->cut)
		return !fcgi_guard_is_over(&in->guard) || end(in);
	if (chunk != NULL)
		buf_append(&in->held, chunk, n);
	else
		in->held.len += n;
	if (in->held.failed)
		return false;
	if (in->guard.body <= in->body_max)
		return true;
	return cut(in) && (!fcgi_guard_is_over(&in->guard) || end(in));
}

enum fcgi_input_state
fcgi_input_receive(struct fcgi_input *in, int fd, bool large)
{
	static _Thread_local char chunk[FCGI_INPUT_SMALL];

	for (;;) {
		bool direct = in->held.len >= FCGI_INPUT_SMALL && !in->cut;
		char *to = chunk;
		size_t room = sizeof(chunk);
		ssize_t n;

		if (direct && !large)
			return FCGI_INPUT_LARGE;
		if (direct) {
			if (!buf_reserve(&in->held, STEP))
				return FCGI_INPUT_NO_MEMORY;
			to = in->held.data + in->held.len;
			room = in->held.cap - in->held.len;
		}
		n = recv(fd, to, room, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return in->guard.passed == 0 ? FCGI_INPUT_NONE : FCGI_INPUT_PART;
		if (n <= 0 || !fcgi_guard_pass(&in->guard, (const uint8_t *)to, (size_t)n) ||
		    in->guard.passed > received_max(in))
			return FCGI_INPUT_ENDED;
		in->next = chunk;
		in->left = (size_t)n;
		if (in->guard.passed == (size_t)n && fcgi_guard_is_over(&in->guard))
			return FCGI_INPUT_WHOLE;
		if (!keep(in, direct ? NULL : chunk, (size_t)n))
			return FCGI_INPUT_NO_MEMORY;
		in->next = in->held.data;
		in->left = in->held.len;
		if (fcgi_guard_is_over(&in->guard))
			return FCGI_INPUT_WHOLE;
	}
}

size_t
fcgi_input_read(struct fcgi_input *in, char *buf, size_t size)
{
	size_t n = size < in->left ? size : in->left;

	memcpy(buf, in->next, n);
	in->next += n;
	in->left -= n;
	return n;
}

void
fcgi_input_done(struct fcgi_input *in)
{
	fcgi_guard_begin(&in->guard);
	buf_clear(&in->held, 0);
	in->left = 0;
	in->cut = false;
}
