/*
 * Taken connections that no thread is serving: those that are ready for one, and those whose large
 * request has to wait until there is a place for it.
 *
 * As few large requests are under way as there are threads, so that the memory they take is
 * bounded. Those that wait hold up no others: neither threads nor small requests.
 */
#ifndef PBU_BACKLOG_H
#define PBU_BACKLOG_H

#include "web/connections.h"

struct backlog_list {
	struct connection *first, *last;
};

struct backlog {
	pthread_mutex_t lock; /* of all of it, and of the `next` of those within */
	unsigned places;      /* free ones, for large requests */
	struct backlog_list ready, large;
};

void backlog_init(struct backlog *b, unsigned places);
void backlog_free(struct backlog *b);

/* Gives a connection a place for a large request. False: there is none, and it waits in the
 * backlog, which has it from then on. */
bool backlog_admit(struct backlog *b, struct connection *c);

/* Takes a connection's place back, and gives it to the next that waits. True: that one is ready
 * now, and some thread has to be called. */
bool backlog_leave(struct backlog *b, struct connection *c);

/* Adds a connection that is ready; some thread has to be called. */
void backlog_push(struct backlog *b, struct connection *c);

/* A ready connection, which is the caller's then, or NULL. *more: there are others. */
struct connection *backlog_pop(struct backlog *b, bool *more);

#endif
