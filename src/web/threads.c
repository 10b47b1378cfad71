#include "web/threads.h"

#include "base/diag.h"
#include "base/thread.h"
#include "web/connections.h"
#include "web/fcgi.h"
#include "web/stream.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A value or an argument list may be nested 1000 deep, and is walked by recursion. */
#define STACK_BYTES (4 * 1024 * 1024)

/* How many events a thread still handles when it stops. */
#define LAST_EVENTS 64

struct thread {
	struct threads *all;
	struct fcgi_thread *fcgi;
	struct connection *later; /* those that it owns and serves when it is done */
	bool last;		  /* it ends: what it is to serve is nobody else's */
	pthread_t id;
};

/* An event's data.ptr is a connection, or the address of a member marked "event". */
struct threads {
	const struct app *app;
	struct listener *listener; /* event (the listener itself) */
	int epoll_fd;
	int stop_fd; /* event: an eventfd, readable for all threads when it is time to stop */
	int wake_fd; /* event: an eventfd, written when some thread has to call app->resume() */
	struct connections connections;
	struct diag_limit limit;
	unsigned made;
	unsigned running;
	struct thread thread[];
};

/* One thread comes when its turn is: after what can be read already. */
static void
wake(void *context)
{
	const uint64_t one = 1;
	struct threads *ts = context;

	if (write(ts->wake_fd, &one, sizeof(one)) != sizeof(one))
		diag_error_limited(&ts->limit, "eventfd: %s", diag_reason(errno));
}

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

static void
serve(struct thread *t, const struct epoll_event *event)
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

/* Serves what came before it was time to stop: it may be reported after that. Connections that are
 * not accepted yet are left to the server that comes next. */
static void
serve_last(struct thread *t)
{
	struct epoll_event events[LAST_EVENTS];
	int n = epoll_wait(t->all->epoll_fd, events, LAST_EVENTS, 0);
	struct app_job *finished;

	t->last = true;
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr != &t->all->stop_fd &&
		    events[i].data.ptr != t->all->listener)
			serve(t, &events[i]);
	}
	/* No other thread may be there for jobs that were submitted while this one was at work. */
	do {
		serve_those_later(t);
		finished = resume(t, true);
		answer(t, finished);
	} while (finished != NULL || t->later != NULL);
}

static void *
work(void *argument)
{
	struct thread *t = argument;
	struct threads *ts = t->all;
	struct epoll_event event = {0};

	while (event.data.ptr != &ts->stop_fd) {
		if (epoll_wait(ts->epoll_fd, &event, 1, -1) == 1 && event.data.ptr != &ts->stop_fd)
			serve(t, &event);
	}
	serve_last(t);
	return NULL;
}

/* --- starting and stopping --- */

void
threads_tick(struct threads *ts)
{
	listener_tick(ts->listener);
	connections_tick(&ts->connections);
}

/* Memory for every thread, before any runs: a server with fewer than it should have would only be
 * slow, and nobody would know why. */
static bool
make_threads(struct threads *ts, unsigned count, char *error, size_t size)
{
	while (ts->made < count) {
		struct thread *t = &ts->thread[ts->made];

		t->all = ts;
		t->fcgi = fcgi_thread_new(ts->app, error, size);
		if (t->fcgi == NULL)
			return false;
		ts->made++;
	}
	return true;
}

static bool
run_threads(struct threads *ts, char *error, size_t size)
{
	int failed = 0;

	while (ts->running < ts->made && failed == 0) {
		struct thread *t = &ts->thread[ts->running];

		failed = thread_start(&t->id, STACK_BYTES, work, t);
		if (failed == 0)
			ts->running++;
	}
	if (failed != 0)
		snprintf(error, size, "thread %u of %u cannot be started: %s", ts->running + 1,
		    ts->made, diag_reason(failed));
	return failed == 0;
}

static bool
watch(struct threads *ts, int fd, uint32_t events, void *pointer)
{
	struct epoll_event event = {.events = events, .data.ptr = pointer};

	return epoll_ctl(ts->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool
watch_all(struct threads *ts, char *error, size_t size)
{
	ts->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ts->stop_fd = eventfd(0, EFD_CLOEXEC);
	ts->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (ts->epoll_fd >= 0 && ts->stop_fd >= 0 && ts->wake_fd >= 0 &&
	    watch(ts, ts->stop_fd, EPOLLIN, &ts->stop_fd) &&
	    watch(ts, ts->wake_fd, EPOLLIN | EPOLLET, &ts->wake_fd) &&
	    listener_watch(ts->listener, ts->epoll_fd))
		return true;
	snprintf(error, size, "cannot wait for connections: %s", diag_reason(errno));
	return false;
}

struct threads *
threads_start(struct listener *l, unsigned count, const struct app *app, char *error, size_t size)
{
	struct threads *ts = calloc(1, sizeof(*ts) + count * sizeof(struct thread));
	bool good;

	if (ts == NULL) {
		snprintf(error, size, "%s", diag_reason(ENOMEM));
		return NULL;
	}
	ts->app = app;
	ts->listener = l;
	connections_init(&ts->connections, count);
	good = watch_all(ts, error, size);
	/* It may call from here on, before there is a thread. */
	if (good)
		app->wake_by(app->self, wake, ts);
	if (!good || !make_threads(ts, count, error, size) || !run_threads(ts, error, size)) {
		threads_stop(ts);
		return NULL;
	}
	return ts;
}

void
threads_stop(struct threads *ts)
{
	const int fds[] = {ts->epoll_fd, ts->stop_fd, ts->wake_fd};
	const uint64_t one = 1;
	ssize_t ignored = write(ts->stop_fd, &one, sizeof(one));

	(void)ignored; /* an eventfd's first write cannot fail */
	for (unsigned i = 0; i < ts->running; i++)
		pthread_join(ts->thread[i].id, NULL);
	for (unsigned i = 0; i < ts->made; i++)
		fcgi_thread_free(ts->thread[i].fcgi);
	ts->app->wake_by(ts->app->self, NULL, NULL);
	connections_free(&ts->connections);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	free(ts);
}
