/*
 * One FastCGI connection, by libfcgi; the only user of fcgiapp.h.
 *
 * The server accepts connections and receives by itself, and hands libfcgi whole requests: libfcgi
 * would keep a thread in read(2) for every idle connection and every unfinished request, and go on
 * to accept(2) a connection that another thread waits for.
 */
#ifndef PBU_FCGI_H
#define PBU_FCGI_H

#include "web/handler.h"

#include <stdbool.h>
#include <stddef.h>

struct fcgi_connection;

/* Prepares libfcgi; once, before threads start. It installs signal handlers: set yours later. */
bool fcgi_init(void);

/* A connection for an accepted, non-blocking socket, which it owns from then on, with bodies up to
 * body_max bytes; NULL when memory ran out, and the socket stays the caller's. */
struct fcgi_connection *fcgi_connection_new(int fd, size_t body_max);

/* Closes and frees. */
void fcgi_connection_free(struct fcgi_connection *c);

/* The socket, to wait for the next request on. */
int fcgi_connection_fd(const struct fcgi_connection *c);

/* What became of a connection. */
enum fcgi_outcome {
	FCGI_CONNECTION_KEPT,	 /* no request is under way, and the next can be waited for */
	FCGI_CONNECTION_PART,	 /* a part of a request came: the rest can be waited for */
	FCGI_CONNECTION_LARGE,	 /* a part came, and it is a large one: fcgi_serve() shall be called
				    with `large` set when another of these may be under way */
	FCGI_CONNECTION_COMMITS, /* its ticket is to be committed; then comes fcgi_answer() */
	FCGI_CONNECTION_OVER,	 /* closed by the peer, not to be kept, or spoilt: only
				    fcgi_connection_free() may follow */
	FCGI_CONNECTION_NO_MEMORY, /* as OVER: there is none for what came */
};

/*
 * Receives what has come, without waiting; has the worker take a request that is whole, and answers
 * it, unless it is to be committed. An answer that the peer leaves no room for ends the connection.
 */
enum fcgi_outcome fcgi_serve(struct fcgi_connection *c, struct handler_worker *w, bool large);

/* The ticket of a connection that commits; its owner is the caller's to set, once. */
struct commit_ticket *fcgi_ticket(struct fcgi_connection *c);

/* Answers by the result of its ticket; or has it taken again, and it commits again. */
enum fcgi_outcome fcgi_answer(struct fcgi_connection *c, struct handler_worker *w);

#endif
