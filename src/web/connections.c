#include "web/connections.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/*
 * What the state of a connection says. Each release takes one off: after TAKEN_AND_MORE the thread
 * looks once more for what has come, and after TAKEN_AND_END twice, as the peer's end may have come
 * together with a request.
 */
enum { CLOSED, FREE, TAKEN, TAKEN_AND_MORE, TAKEN_AND_END };

void
connections_init(struct connections *cs, unsigned places)
{
	*cs = (struct connections){.places = places};
	for (int i = 0; i < CONNECTION_LISTS; i++)
		TAILQ_INIT(&cs->list[i]);
	pthread_mutex_init(&cs->lock, NULL);
}

void
connections_free(struct connections *cs)
{
	struct connection *c;

	for (int i = 0; i < CONNECTION_CLOSED; i++) {
		while ((c = TAILQ_FIRST(&cs->list[i])) != NULL)
			connections_close(cs, c);
	}
	while ((c = TAILQ_FIRST(&cs->list[CONNECTION_CLOSED])) != NULL) {
		TAILQ_REMOVE(&cs->list[CONNECTION_CLOSED], c, links);
		free(c);
	}
	pthread_mutex_destroy(&cs->lock);
}

/* Under the lock. */
static void
move(struct connections *cs, struct connection *c, enum connection_waits waits)
{
	TAILQ_REMOVE(&cs->list[c->waits], c, links);
	TAILQ_INSERT_TAIL(&cs->list[waits], c, links);
	c->waits = waits;
}

struct connection *
connections_open(struct connections *cs, int fd, const struct app *app)
{
	struct connection *c;

	pthread_mutex_lock(&cs->lock);
	c = TAILQ_FIRST(&cs->list[CONNECTION_CLOSED]);
	if (c != NULL)
		TAILQ_REMOVE(&cs->list[CONNECTION_CLOSED], c, links);
	pthread_mutex_unlock(&cs->lock);
	if (c == NULL && (c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->fcgi = fcgi_connection_new(fd, app, c);
	c->fd = fd;
	c->waits = c->fcgi != NULL ? CONNECTION_IDLE : CONNECTION_CLOSED;
	if (c->fcgi != NULL)
		atomic_store_explicit(&c->state, TAKEN, memory_order_relaxed);
	pthread_mutex_lock(&cs->lock);
	TAILQ_INSERT_TAIL(&cs->list[c->waits], c, links);
	pthread_mutex_unlock(&cs->lock);
	return c->fcgi != NULL ? c : NULL;
}

bool
connections_take(struct connection *c, bool end)
{
	int state = atomic_load_explicit(&c->state, memory_order_relaxed), next;

	do {
		next = (state == FREE ? TAKEN : TAKEN_AND_MORE) + (end ? 1 : 0);
		if (state == CLOSED || next <= state)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
	    &c->state, &state, next, memory_order_acquire, memory_order_relaxed));
	return state == FREE;
}

bool
connections_release(struct connection *c)
{
	return atomic_fetch_sub_explicit(&c->state, 1, memory_order_acq_rel) == TAKEN;
}

void
connections_forget_reports(struct connection *c)
{
	atomic_store_explicit(&c->state, TAKEN, memory_order_relaxed);
}

struct fcgi_connection *
connections_detach(struct connections *cs, struct connection *c)
{
	struct fcgi_connection *fcgi = c->fcgi;

	atomic_store_explicit(&c->state, CLOSED, memory_order_relaxed);
	pthread_mutex_lock(&cs->lock);
	c->fcgi = NULL;
	move(cs, c, CONNECTION_CLOSED);
	pthread_mutex_unlock(&cs->lock);
	return fcgi;
}

void
connections_close(struct connections *cs, struct connection *c)
{
	/* The descriptor leaves the epoll set when it is closed. */
	fcgi_connection_free(connections_detach(cs, c));
}

void
connections_note(struct connections *cs, struct connection *c, bool unfinished)
{
	enum connection_waits waits = unfinished ? CONNECTION_UNFINISHED : CONNECTION_IDLE;

	if (c->waits == waits)
		return;
	pthread_mutex_lock(&cs->lock);
	c->since = cs->ticks;
	move(cs, c, waits);
	pthread_mutex_unlock(&cs->lock);
}

bool
connections_claim_place(struct connections *cs, struct connection *c, bool queue)
{
	bool placed;

	pthread_mutex_lock(&cs->lock);
	placed = c->placed = cs->places > 0;
	if (placed)
		cs->places--;
	else if (queue)
		move(cs, c, CONNECTION_QUEUED);
	pthread_mutex_unlock(&cs->lock);
	return placed;
}

struct connection *
connections_leave_place(struct connections *cs, struct connection *c)
{
	struct connection *next;

	if (!c->placed)
		return NULL;
	pthread_mutex_lock(&cs->lock);
	c->placed = false;
	next = TAILQ_FIRST(&cs->list[CONNECTION_QUEUED]);
	if (next != NULL) {
		next->placed = true;
		move(cs, next, CONNECTION_IDLE);
	} else {
		cs->places++;
	}
	pthread_mutex_unlock(&cs->lock);
	return next;
}

/* Whether there is something to read: bytes, the peer's end, or an error. */
static bool
is_readable(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	       (errno != EAGAIN && errno != EWOULDBLOCK);
}

void
connections_tick(struct connections *cs)
{
	struct connection *c;

	pthread_mutex_lock(&cs->lock);
	cs->ticks++;
	TAILQ_FOREACH(c, &cs->list[CONNECTION_UNFINISHED], links)
	{
		// cppcheck-suppress uninitvar; it does not see into TAILQ_FOREACH
		if (cs->ticks - c->since < CONNECTIONS_PATIENCE)
			break;
		/* Perhaps it was not the peer that stopped, but all threads that are busy. What
		 * comes in between is still read before the end. */
		if (!is_readable(c->fd))
			shutdown(c->fd, SHUT_RD);
	}
	pthread_mutex_unlock(&cs->lock);
}
