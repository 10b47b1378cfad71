/* The listening socket: descriptor 0 (spawn-fcgi, systemd), or a unix socket of our own. */
#ifndef PBU_LISTENER_H
#define PBU_LISTENER_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>

struct listener {
	int fd;
	const char *path; /* of a socket of our own, removed at the end; else NULL */
	int epoll_fd;
	struct diag_limit limit;
	_Atomic bool paused;
};

/*
 * Takes descriptor 0 when path is NULL; it must be a listening socket. Otherwise binds a unix
 * socket at path (mode 0660): one that somebody still listens on is an error, a stale one is
 * replaced, and anything that is no socket is left alone. 0, or -1 with the reason in words in
 * error (size bytes). The path must outlive the listener.
 */
int listener_open(struct listener *l, const char *path, char *error, size_t size);
void listener_close(struct listener *l);

/* Has epoll_fd report that somebody connects, with the listener as the event's pointer, to one
 * thread: that calls listener_accept(), once. False, and errno, when that fails. */
bool listener_watch(struct listener *l, int epoll_fd);

/* The connection that was reported, a non-blocking socket; -1: there is none any more. The next is
 * reported, perhaps at once and to another thread. Never waits for a connection, also where others
 * who have the socket make it a blocking one. */
int listener_accept(struct listener *l);

/* Takes up accepting again where descriptors had run out. By one thread, twice a second. */
void listener_tick(struct listener *l);

#endif
