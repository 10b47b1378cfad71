#include "web/threads_inside.h"

#include "web/stream.h"

#include <errno.h>
#include <unistd.h>

/* How many events a thread still handles when it stops. */
#define LAST_EVENTS 64

/* --- connections --- */

/* Has the calling thread serve a connection that it owns, after what it is doing. */
static void
serve_later(struct thread *t, struct connection *c)
{
	struct connection **end = &t->later;

	while (*end != NULL)
		end = &(*end)->next;
	c->next = NULL;
	*end = c;
}

/* Gives the place of a large request, if it is one, to the next that waits for it; any thread may
 * serve that. */
static void
leave_place(struct thread *t, struct connection *c)
{
	struct connection *next = connections_leave_place(&t->all->connections, c);
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = next};

	if (next == NULL)
		return;
	/* It is reported again while it is still owned: later its descriptor could be another's. */
	connections_forget_reports(next);
	if (t->last || epoll_ctl(t->all->epoll_fd, EPOLL_CTL_MOD, next->fd, &event) < 0 ||
	    !connections_release(next))
		serve_later(t, next);
}

static void
close_connection(struct thread *t, struct connection *c)
{
	leave_place(t, c);
	metrics_subtract(&t->all->app->metrics->connections, 1);
	connections_close(&t->all->connections, c);
}

static void
open_connection(struct thread *t, int fd)
{
	struct threads *ts = t->all;
	struct connection *c = connections_open(&ts->connections, fd, ts->app);
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = c};

	if (c == NULL) {
		diag_error_limited(&ts->limit, "a connection was refused: %s", diag_reason(ENOMEM));
		close(fd);
		return;
	}
	metrics_add(&ts->app->metrics->connections, 1);
	/* While it is still owned: nobody else can close it. */
	if (epoll_ctl(ts->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		diag_error_limited(&ts->limit, "a connection was refused: %s", diag_reason(errno));
		close_connection(t, c);
	} else if (!connections_release(c)) {
		serve_later(t, c);
	}
}

static void
accept_connection(struct thread *t)
{
	int fd = listener_accept(t->all->listener);

	if (fd >= 0)
		open_connection(t, fd);
}

/* --- requests --- */

/* Whether a connection gets a place for its large request. If not, it is queued for one, with what
 * has come of it; or *outcome says that there is no memory for that. */
static bool
claim_place(struct thread *t, struct connection *c, enum fcgi_outcome *outcome)
{
	struct connections *cs = &t->all->connections;

	if (connections_claim_place(cs, c, false))
		return true;
	/* Once it is queued another thread may have it. */
	if (fcgi_keep(c->fcgi, t->fcgi))
		return connections_claim_place(cs, c, true);
	*outcome = FCGI_NO_MEMORY;
	return false;
}

/* Receives what has come on a connection, and has a request that is whole begun. */
static enum fcgi_outcome
receive(struct thread *t, struct connection *c)
{
	enum fcgi_outcome outcome;

	do
		outcome = fcgi_receive(c->fcgi, t->fcgi, c->placed);
	while (outcome == FCGI_LARGE && claim_place(t, c, &outcome));
	/* A queued connection is not the caller's any more. */
	if (outcome != FCGI_LARGE)
		connections_note(&t->all->connections, c, outcome == FCGI_UNFINISHED);
	return outcome == FCGI_WHOLE ? fcgi_begin(c->fcgi, t->fcgi) : outcome;
}

/* Hands a connection of the caller's over to the app, which answers on it by itself: it is none of
 * the connections any more. False: there is no memory for that. */
static bool
begin_stream(struct thread *t, struct connection *c)
{
	struct threads *ts = t->all;
	struct app_job *job = fcgi_job(c->fcgi);
	struct stream *stream = stream_new(c->fcgi, ts->app);

	if (stream == NULL)
		return false;
	leave_place(t, c);
	/* While it is still owned: reports of it that are under way find a closed one. */
	epoll_ctl(ts->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
	connections_detach(&ts->connections, c);
	job->connection = NULL;
	ts->app->stream(fcgi_thread_app(t->fcgi), job, stream);
	return true;
}

static void
close_without_memory(struct thread *t, struct connection *c)
{
	diag_error_limited(&t->all->limit, "a connection was closed: %s", diag_reason(ENOMEM));
	close_connection(t, c);
}

/* What follows for a connection that the caller owns; it still does when *more is set: there is
 * more to receive. Returns finished jobs, to be answered. */
static struct app_job *
settle(struct thread *t, struct connection *c, enum fcgi_outcome outcome, bool *more)
{
	struct threads *ts = t->all;

	*more = false;
	switch (outcome) {
	case FCGI_LARGE: /* it waits for a place */
	case FCGI_WHOLE: break;
	case FCGI_IDLE:
		leave_place(t, c);
		*more = !connections_release(c);
		break;
	case FCGI_UNFINISHED: *more = !connections_release(c); break;
	case FCGI_SUBMIT:
		leave_place(t, c);
		return ts->app->submit(fcgi_thread_app(t->fcgi), fcgi_job(c->fcgi));
	case FCGI_STREAM:
		if (!begin_stream(t, c))
			close_without_memory(t, c);
		break;
	case FCGI_NO_MEMORY: close_without_memory(t, c); break;
	case FCGI_OVER: close_connection(t, c); break;
	}
	return NULL;
}

/* Serves a connection that the caller owns until there is no more to receive, or its job is
 * submitted. Returns finished jobs, to be answered. */
static struct app_job *
serve_connection(struct thread *t, struct connection *c)
{
	struct app_job *finished;
	bool more;

	do
		finished = settle(t, c, receive(t, c), &more);
	while (more);
	return finished;
}

/* Two lists as one. */
static struct app_job *
join(struct app_job *list, struct app_job *rest)
{
	struct app_job **end = &list;

	while (*end != NULL)
		end = &(*end)->next;
	*end = rest;
	return list;
}

static void
answer(struct thread *t, struct app_job *finished)
{
	while (finished != NULL) {
		struct app_job *rest = finished->next;
		struct connection *c = finished->connection;
		bool more;

		finished = settle(t, c, fcgi_answer(c->fcgi, t->fcgi), &more);
		/* The rest of the group is answered first. */
		if (more)
			serve_later(t, c);
		finished = join(finished, rest);
	}
}

static struct app_job *
resume(struct thread *t, bool last)
{
	return t->all->app->resume(fcgi_thread_app(t->fcgi), last);
}

static void
serve_those_later(struct thread *t)
{
	struct connection *c;

	while ((c = t->later) != NULL) {
		t->later = c->next;
		answer(t, serve_connection(t, c));
	}
}

void
threads_serve(struct thread *t, const struct epoll_event *event)
{
	struct threads *ts = t->all;
	struct connection *c = event->data.ptr;

	if (event->data.ptr == ts->listener) {
		accept_connection(t);
	} else if (event->data.ptr == &ts->wake_fd) {
		answer(t, resume(t, false));
	} else if (connections_take(c, (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)) {
		answer(t, serve_connection(t, c));
	}
	serve_those_later(t);
}

void
threads_serve_last(struct thread *t)
{
	struct epoll_event events[LAST_EVENTS];
	int n = epoll_wait(t->all->epoll_fd, events, LAST_EVENTS, 0);
	struct app_job *finished;

	t->last = true;
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr != &t->all->stop_fd &&
		    events[i].data.ptr != t->all->listener)
			threads_serve(t, &events[i]);
	}
	/* No other thread may be there for jobs that were submitted while this one was at work. */
	do {
		serve_those_later(t);
		finished = resume(t, true);
		answer(t, finished);
	} while (finished != NULL || t->later != NULL);
}
