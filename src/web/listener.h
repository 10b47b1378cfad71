/* The listening socket: descriptor 0 (spawn-fcgi, systemd), or a unix socket of our own. */
#ifndef PBU_LISTENER_H
#define PBU_LISTENER_H

#include <stddef.h>

struct listener {
	int fd;
	const char *path; /* of a socket of our own, removed at the end; else NULL */
};

/*
 * Takes descriptor 0 when path is NULL; it must be a listening socket. Otherwise binds a unix
 * socket at path (mode 0660): one that somebody still listens on is an error, a stale one is
 * replaced, and anything that is no socket is left alone. 0, or -1 with the reason in words in
 * error (size bytes). The path must outlive the listener.
 */
int listener_open(struct listener *l, const char *path, char *error, size_t size);
void listener_close(struct listener *l);

#endif
