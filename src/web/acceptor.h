/* Accepts connections, and has one epoll set report what can be read on each. */
#ifndef PBU_ACCEPTOR_H
#define PBU_ACCEPTOR_H

#include "diag.h"
#include "web/connections.h"
#include "web/handler.h"

/* What epoll reports for the listening socket: no connection's token. */
#define ACCEPTOR_TOKEN UINT32_MAX

struct acceptor {
	int listen_fd;
	int epoll_fd;
	struct connections *connections;
	const struct handler *handler;
	struct diag_limit limit;
	_Atomic bool paused;
};

/* Makes listen_fd non-blocking and has epoll_fd report it; all that is given must outlive the
 * acceptor. False, and errno, when that fails. */
bool acceptor_start(struct acceptor *a, int listen_fd, int epoll_fd, struct connections *cs,
    const struct handler *h);

/* Accepts every connection that waits; after a report of ACCEPTOR_TOKEN, by one thread. */
void acceptor_accept(struct acceptor *a);

/* Takes up accepting again where descriptors had run out. */
void acceptor_tick(struct acceptor *a);

#endif
