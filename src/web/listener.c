#include "web/listener.h"

#include "diag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
	l->path = NULL;
	return 0;
}

/* Whether something is in the way; a stale socket is removed. */
static int
clear_path(const struct sockaddr_un *address, char *error, size_t size)
{
	struct stat st;
	int fd, connected;

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
	connected = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	close(fd);
	if (connected == 0) {
		snprintf(error, size, "%s is in use: something listens on it", address->sun_path);
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
