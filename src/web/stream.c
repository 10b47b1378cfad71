#include "web/stream.h"

#include "web/fcgi.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

/* A write waits so long for the peer to take something. */
#define PATIENCE_SECONDS 10

/*
 * What is asked for is doubled, and that is Linux' default, which may have been changed. A unix
 * socket is writable while what is under way takes a quarter of it at most, buffers and all, and
 * writes do not wait before it takes the whole: STREAM_STEP, in libfcgi's writes of 8 KiB, takes
 * less than half. TCP is writable from a third on that is free.
 */
#define SEND_BUFFER (104 * 1024)

struct stream {
	const struct app *app;
	struct fcgi_connection *fcgi;
	bool begun;
	bool failed; /* what was sent is not whole */
};

struct stream *
stream_new(struct fcgi_connection *c, const struct app *app)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	const int fd = fcgi_fd(c), size = SEND_BUFFER;
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->app = app;
	s->fcgi = c;
	/* Of a socket, none of these can fail; it would be found out by the first write. */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return s;
}

bool
stream_begin(struct stream *s, const struct http_response *head)
{
	s->begun = true;
	s->failed = s->failed || head->body.failed || !fcgi_put_head(s->fcgi, head);
	return stream_write(s, head->body.data, head->body.len);
}

bool
stream_write(struct stream *s, const void *data, size_t len)
{
	s->failed = s->failed || !fcgi_put(s->fcgi, data, len);
	return !s->failed;
}

bool
stream_flush(struct stream *s)
{
	s->failed = s->failed || !fcgi_flush(s->fcgi);
	return !s->failed;
}

static bool
is_reported(const struct stream *s, short events)
{
	struct pollfd p = {.fd = stream_fd(s), .events = events};

	return poll(&p, 1, 0) == 1 && (p.revents & (events | POLLHUP | POLLERR)) != 0;
}

bool
stream_writable(const struct stream *s)
{
	return is_reported(s, POLLOUT);
}

bool
stream_gone(const struct stream *s)
{
	return is_reported(s, POLLRDHUP);
}

int
stream_fd(const struct stream *s)
{
	return fcgi_fd(s->fcgi);
}

void
stream_cut(struct stream *s)
{
	/* A response of which nothing came would be asked for again. But nobody waits for this. */
	if (s->begun && stream_writable(s))
		stream_flush(s);
	s->failed = true;
}

void
stream_end(struct stream *s)
{
	if (s->begun && !s->failed)
		fcgi_finish(s->fcgi);
	metrics_subtract(&s->app->metrics->connections, 1);
	fcgi_connection_free(s->fcgi);
	free(s);
}
