#include "web/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool
wait_for(struct acceptor *a, int operation, int fd, uint32_t events, uint64_t token)
{
	struct epoll_event event = {.events = events, .data.u64 = token};

	return epoll_ctl(a->epoll_fd, operation, fd, &event) == 0;
}

/* One report wakes one thread, which accepts; then it is armed again. */
static bool
wait_for_connections(struct acceptor *a, int operation)
{
	return wait_for(a, operation, a->listen_fd, EPOLLIN | EPOLLONESHOT, ACCEPTOR_TOKEN);
}

bool
acceptor_start(struct acceptor *a, int listen_fd, int epoll_fd, struct connections *cs,
    const struct handler *h)
{
	a->listen_fd = listen_fd;
	a->epoll_fd = epoll_fd;
	a->connections = cs;
	a->handler = h;
	return fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK) == 0 &&
	       wait_for_connections(a, EPOLL_CTL_ADD);
}

static void
open_connection(struct acceptor *a, int fd)
{
	struct connection *c;
	uint64_t token;

	c = connections_open(a->connections, fd, a->handler->options->max_body, &token);
	if (c == NULL) {
		diag_error_limited(&a->limit, "a connection was refused: %s", diag_reason(errno));
		close(fd);
		return;
	}
	metrics_add(&a->handler->metrics->connections, 1);
	if (!wait_for(a, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, token)) {
		diag_error_limited(&a->limit, "a connection was refused: %s", diag_reason(errno));
		metrics_subtract(&a->handler->metrics->connections, 1);
		connections_close(a->connections, c);
	}
}

static void
try_later(struct acceptor *a)
{
	diag_error_limited(
	    &a->limit, "no connection can be accepted: %s; trying again", diag_reason(errno));
	atomic_store(&a->paused, true);
}

void
acceptor_accept(struct acceptor *a)
{
	int fd;

	for (;;) {
		fd = accept4(a->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			open_connection(a, fd);
		else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO)
			break;
	}
	/* EMFILE and its like: the connection keeps waiting, and asking at once would only spin. */
	if ((errno != EAGAIN && errno != EWOULDBLOCK) || !wait_for_connections(a, EPOLL_CTL_MOD))
		try_later(a);
}

void
acceptor_tick(struct acceptor *a)
{
	if (atomic_exchange(&a->paused, false) && !wait_for_connections(a, EPOLL_CTL_MOD))
		try_later(a);
}
