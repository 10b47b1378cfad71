/*
 * The open connections, what each waits for, and the places for large requests.
 *
 * epoll reports each arrival on a connection once, to any thread (EPOLLET). The thread that takes
 * it has the connection for itself, until it releases it, submits its job, or puts it into the
 * queue for a place. Nobody else touches it then, but for the links below, under the lock.
 * (EPOLLONESHOT would do without the state, and take an epoll_ctl(2) a request: half a microsecond
 * of twelve.)
 *
 * As few large requests are under way as there are threads, so that the memory they take is
 * bounded. Those that wait for a place hold up no others: neither threads nor small requests.
 *
 * Any thread may call these, but for connections_tick().
 */
#ifndef PBU_CONNECTIONS_H
#define PBU_CONNECTIONS_H

#include "web/fcgi.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

/* A request that is not whole after so many ticks, ten seconds, is given up, unless bytes of it are
 * there to be read. */
#define CONNECTIONS_PATIENCE 20

/* What a connection waits for; it is in the list of that. */
enum connection_waits {
	CONNECTION_IDLE,       /* a request, or it is at work */
	CONNECTION_UNFINISHED, /* the rest of a request; in the order of `since` */
	CONNECTION_QUEUED,     /* a place for a large request; first come, first served */
	CONNECTION_CLOSED,     /* a new peer: a report of the old one may come late, so that its
				  memory is used again and not freed */
	CONNECTION_LISTS,
};

struct connection {
	_Atomic int state;	      /* whether it is taken; see connections.c */
	struct fcgi_connection *fcgi; /* NULL when it is closed */
	int fd;			      /* fcgi's */
	enum connection_waits waits;
	bool placed;	/* it has a place for a large request */
	unsigned since; /* the tick in which it became unfinished */
	TAILQ_ENTRY(connection) links;
	struct connection *next; /* of those that a thread serves later */
};

struct connections {
	pthread_mutex_t lock; /* of all that follows, and of the links and `since` of all */
	TAILQ_HEAD(connection_list, connection) list[CONNECTION_LISTS];
	unsigned places; /* free ones */
	unsigned ticks;
};

void connections_init(struct connections *cs, unsigned places);

/* Closes all and gives the memory back; no thread may use one any more. */
void connections_free(struct connections *cs);

/* A connection for an accepted, non-blocking socket, which it owns from then on; the caller has
 * taken it. NULL when there is no memory; the socket stays the caller's. */
struct connection *connections_open(struct connections *cs, int fd, const struct app *app);

/* Takes a connection of which something was reported; `end`: the peer's end too, which is not
 * reported again. False: another thread has it, and is told, or it is closed. */
bool connections_take(struct connection *c, bool end);

/* Gives it back. False: something was reported meanwhile, and it is still the caller's, to look for
 * that and to release again. */
bool connections_release(struct connection *c);

/* What was reported so far does not count: the caller, which owns it, has it reported anew. */
void connections_forget_reports(struct connection *c);

/* Closes a connection of the caller's; its place, if it has one, was given back before. */
void connections_close(struct connections *cs, struct connection *c);

/* The same, but for fcgi's part, with the socket, which is the caller's from then on; it was taken
 * out of the epoll set before. */
struct fcgi_connection *connections_detach(struct connections *cs, struct connection *c);

/* Notes whether a connection that the caller owns waits for the rest of a request, since now or
 * longer. */
void connections_note(struct connections *cs, struct connection *c, bool unfinished);

/* Gives a connection of the caller's a place. False: there is none; and with `queue` it waits for
 * one, and is nobody's. */
bool connections_claim_place(struct connections *cs, struct connection *c, bool queue);

/* Takes the place of a connection of the caller's back, if it has one. Returns the connection that
 * has got it instead, and is the caller's to serve, or NULL. */
struct connection *connections_leave_place(struct connections *cs, struct connection *c);

/* Gives up requests that are not whole in time: a thread then reads the connection's end. By one
 * thread, twice a second. */
void connections_tick(struct connections *cs);

#endif
