#include "web/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int
take_descriptor_0(struct listener *l, char *error, size_t size)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 ||
	    listening == 0) {
		snprintf(error, size,
		    "descriptor 0 is not a listening socket: start me from spawn-fcgi or systemd, "
		    "or give --socket PATH");
		return -1;
	}
	l->fd = STDIN_FILENO;
	return 0;
}

/* Whether something is in the way; a stale socket is removed. */
static int
clear_path(const struct sockaddr_un *address, char *error, size_t size)
{
	struct stat st;
	int fd, error_number;

	if (lstat(address->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(error, size, "%s is there and is not a socket", address->sun_path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		snprintf(error, size, "socket: %s", diag_reason(errno));
		return -1;
	}
	error_number =
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
	close(fd);
	if (error_number == 0) {
		snprintf(error, size, "%s is in use: something listens on it", address->sun_path);
		return -1;
	}
	/* Only this says that nobody is there: EACCES and EPROTOTYPE are somebody else's live
	 * socket. */
	if (error_number != ECONNREFUSED && error_number != ENOENT) {
		snprintf(error, size, "%s: %s", address->sun_path, diag_reason(error_number));
		return -1;
	}
	if (unlink(address->sun_path) < 0 && errno != ENOENT) {
		snprintf(
		    error, size, "%s cannot be removed: %s", address->sun_path, diag_reason(errno));
		return -1;
	}
	return 0;
}

int
listener_open(struct listener *l, const char *path, char *error, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int bound;

	*l = (struct listener){.epoll_fd = -1};
	if (path == NULL)
		return take_descriptor_0(l, error, size);
	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(error, size, "%s: a socket's path may have %zu bytes", path,
		    sizeof(address.sun_path) - 1);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (clear_path(&address, error, size) < 0)
		return -1;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0) {
		snprintf(error, size, "socket: %s", diag_reason(errno));
		return -1;
	}
	mask = umask(0117); /* 0660 from its first moment on */
	bound = bind(l->fd, (const struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (bound < 0 || listen(l->fd, SOMAXCONN) < 0) {
		snprintf(error, size, "%s: %s", path, diag_reason(errno));
		if (bound == 0)
			unlink(path);
		close(l->fd);
		return -1;
	}
	l->path = path;
	return 0;
}

void
listener_close(struct listener *l)
{
	close(l->fd);
	if (l->path != NULL)
		unlink(l->path);
}

/* One report wakes one thread, which accepts one connection; then it is armed again. */
static bool
arm(struct listener *l, int operation)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = l};

	return epoll_ctl(l->epoll_fd, operation, l->fd, &event) == 0;
}

/*
 * O_NONBLOCK belongs to everybody who has the socket, and does not last: systemd, whose socket
 * descriptor 0 is, clears it before each command of the service, `systemctl reload` for one. So
 * accept4(2) may wait. It has no reason to: only what was reported is accepted. Where another
 * process was quicker, it waits as long as SO_RCVTIMEO says, which is the socket's own; one
 * microsecond becomes one tick of the kernel, 1 to 10 ms.
 */
static bool
never_wait(int fd)
{
	const struct timeval least = {.tv_usec = 1};

	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &least, sizeof(least)) == 0;
}

bool
listener_watch(struct listener *l, int epoll_fd)
{
	l->epoll_fd = epoll_fd;
	return never_wait(l->fd) && arm(l, EPOLL_CTL_ADD);
}

static void
pause_accepting(struct listener *l)
{
	diag_error_limited(
	    &l->limit, "no connection can be accepted: %s; trying again", diag_reason(errno));
	atomic_store(&l->paused, true);
}

/* Whether it was that connection, or there is none. */
static bool
is_passing(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ECONNABORTED ||
	       error == EPROTO;
}

int
listener_accept(struct listener *l)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	/* EMFILE and its like: the connection keeps waiting, and asking at once would only spin. */
	if ((fd < 0 && !is_passing(errno)) || !arm(l, EPOLL_CTL_MOD))
		pause_accepting(l);
	return fd;
}

void
listener_tick(struct listener *l)
{
	if (atomic_exchange(&l->paused, false) && !arm(l, EPOLL_CTL_MOD))
		pause_accepting(l);
}
