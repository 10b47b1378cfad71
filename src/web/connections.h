/*
 * The open connections, and which thread has which.
 *
 * epoll reports a connection by its token, edge-triggered: any thread may get the report, also
 * one for a connection that another thread is serving, or has closed by now. So a connection is
 * taken by an atomic step, and its memory is used again but never given back, so that an old
 * token can always be looked up and told from a new one.
 */
#ifndef PBU_CONNECTIONS_H
#define PBU_CONNECTIONS_H

#include "web/fcgi.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Connections in a chunk of memory, and chunks: as many as descriptors can be had. */
#define CONNECTIONS_CHUNK  64
#define CONNECTIONS_CHUNKS 4096

struct connection {
	_Atomic uint64_t state;	     /* generation and what is done with it; see connections.c */
	_Atomic int64_t waits_since; /* for the rest of a request, by a count of ticks; else 0 */
	uint32_t index;
	bool large;		      /* it has a place among the large requests; see backlog.h */
	struct fcgi_connection *fcgi; /* NULL while the place is free */
	struct connection *next;      /* of the free places, or in the backlog */
};

struct connections {
	pthread_mutex_t lock; /* guards free and count */
	struct connection *free;
	uint32_t count; /* places made so far */
	_Atomic(struct connection *) chunk[CONNECTIONS_CHUNKS];
};

void connections_init(struct connections *cs);

/* Closes all and gives the memory back; no thread may use one any more. */
void connections_free(struct connections *cs);

/*
 * Makes a place for an accepted, non-blocking socket, which it owns from then on, with bodies up to
 * body_max bytes, and sets *token to what epoll shall report. NULL when there is no memory (errno
 * says so); the socket stays the caller's.
 */
struct connection *connections_open(
    struct connections *cs, int fd, size_t body_max, uint64_t *token);

/*
 * Takes the connection of a token, for the calling thread alone. NULL when it is closed, or when
 * another thread has it: that one is told that there is more to read.
 */
struct connection *connections_take(struct connections *cs, uint64_t token);

/*
 * Gives a taken connection up after a request. False when more to read was reported meanwhile:
 * then it is still the caller's, who looks whether there is.
 */
bool connections_release(struct connection *c);

/*
 * Takes, for the calling thread, a connection that has waited for the rest of a request since
 * `since` or before, and may have gone on meanwhile. Looks from place *index on, which begins with
 * 0. NULL when there is no other.
 */
struct connection *connections_take_waiting(struct connections *cs, int64_t since, uint32_t *index);

/* Closes a taken connection. */
void connections_close(struct connections *cs, struct connection *c);

#endif
