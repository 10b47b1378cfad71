#include "web/workers.h"

#include "diag.h"
#include "web/acceptor.h"
#include "web/backlog.h"
#include "web/connections.h"
#include "web/fcgi.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* A value or an argument list may be nested 1000 deep, and is walked by recursion. */
#define STACK_BYTES (4 * 1024 * 1024)

/* A peer that stops within a request is given up after so many ticks: ten seconds. */
#define PEER_TICKS 20

/* What epoll reports that is no connection's token: their indexes are smaller. */
#define QUEUE (ACCEPTOR_TOKEN - 1)
#define STOP  (ACCEPTOR_TOKEN - 2)

struct worker {
	struct workers *workers;
	struct handler_worker *handler_worker;
	pthread_t thread;
};

struct workers {
	int epoll_fd;
	int stop_fd;  /* an eventfd: readable for every thread once it is time to stop */
	int queue_fd; /* an eventfd: written when some thread has to commit a queue, or to serve
			 the backlog */
	const struct handler *handler;
	struct acceptor acceptor;
	struct connections connections;
	struct backlog backlog;
	_Atomic int64_t ticks;
	struct diag_limit limit;
	unsigned threads; /* those that run */
	unsigned workers; /* those that are made */
	struct worker worker[];
};

static bool
wait_for(struct workers *ws, int fd, uint32_t events, uint64_t token)
{
	struct epoll_event event = {.events = events, .data.u64 = token};

	return epoll_ctl(ws->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Calls a thread for the queue, or for the backlog. It comes when its turn is: behind what can be
 * read already. */
static void
wake(void *context)
{
	const uint64_t one = 1;
	struct workers *ws = context;

	if (write(ws->queue_fd, &one, sizeof(one)) != sizeof(one))
		diag_error_limited(&ws->limit, "eventfd: %s", diag_reason(errno));
}

/* A connection's large request is not under way any more. */
static void
leave(struct workers *ws, struct connection *c)
{
	if (c->large && backlog_leave(&ws->backlog, c))
		wake(ws);
}

static void
close_connection(struct workers *ws, struct connection *c)
{
	leave(ws, c);
	metrics_subtract(&ws->handler->metrics->connections, 1);
	connections_close(&ws->connections, c);
}

/* Whether there is something to read: bytes, the peer's end, or an error. */
static bool
is_readable(const struct connection *c)
{
	char byte;

	return recv(fcgi_connection_fd(c->fcgi), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	       (errno != EAGAIN && errno != EWOULDBLOCK);
}

/* A thread has to look at a connection that the caller has taken. */
static void
hand_on(struct workers *ws, struct connection *c)
{
	backlog_push(&ws->backlog, c);
	wake(ws);
}

/* Gives up the peers that have stopped within a request. */
static void
close_stopped(struct workers *ws)
{
	int64_t then = atomic_fetch_add(&ws->ticks, 1) + 1 - PEER_TICKS;
	struct connection *c;
	uint32_t index = 0;

	while ((c = connections_take_waiting(&ws->connections, then, &index)) != NULL) {
		int64_t since = atomic_load(&c->waits_since);
		bool waits = since != 0 && since <= then;

		/* Perhaps it was not the peer that stopped, but all threads wait for a disk. */
		if (waits && !is_readable(c))
			close_connection(ws, c);
		else
			hand_on(ws, c);
	}
}

void
workers_tick(struct workers *ws)
{
	acceptor_tick(&ws->acceptor);
	close_stopped(ws);
}

/* --- threads --- */

/* Notes since when the rest of a request is waited for. */
static void
wait_for_rest(struct workers *ws, struct connection *c, bool waits)
{
	int64_t since = atomic_load_explicit(&c->waits_since, memory_order_relaxed);

	if (waits && since == 0)
		atomic_store_explicit(&c->waits_since,
		    atomic_load_explicit(&ws->ticks, memory_order_relaxed), memory_order_relaxed);
	else if (!waits && since != 0)
		atomic_store_explicit(&c->waits_since, 0, memory_order_relaxed);
}

/* Ends the turn of a connection. True: it is still the caller's, and there is more to read. */
static bool
settle(struct workers *ws, struct connection *c, enum fcgi_outcome outcome)
{
	if (outcome == FCGI_CONNECTION_NO_MEMORY)
		diag_error_limited(&ws->limit, "a connection was closed: %s", diag_reason(ENOMEM));
	if (outcome == FCGI_CONNECTION_NO_MEMORY || outcome == FCGI_CONNECTION_OVER) {
		close_connection(ws, c);
		return false;
	}
	while (!connections_release(c)) {
		if (is_readable(c))
			return true;
	}
	return false;
}

/* A list of tickets, and behind it another. */
static struct commit_ticket *
join(struct commit_ticket *list, struct commit_ticket *rest)
{
	struct commit_ticket **end = &list;

	while (*end != NULL)
		end = &(*end)->next;
	*end = rest;
	return list;
}

/* Serves a connection that has something to read, until it commits or has no more. Returns
 * finished tickets, which may be another's, to answer. */
static struct commit_ticket *
serve(struct workers *ws, struct connection *c, struct handler_worker *w)
{
	for (;;) {
		enum fcgi_outcome outcome = fcgi_serve(c->fcgi, w, c->large);

		wait_for_rest(ws, c, outcome == FCGI_CONNECTION_PART);
		switch (outcome) {
		case FCGI_CONNECTION_LARGE:
			if (backlog_admit(&ws->backlog, c))
				continue;
			return NULL;
		case FCGI_CONNECTION_COMMITS:
			leave(ws, c);
			return commit_submit(ws->handler->commit, fcgi_ticket(c->fcgi));
		case FCGI_CONNECTION_KEPT: leave(ws, c); break;
		case FCGI_CONNECTION_PART:
		case FCGI_CONNECTION_OVER:
		case FCGI_CONNECTION_NO_MEMORY: break; /* closing takes its place back */
		}
		if (!settle(ws, c, outcome))
			return NULL;
	}
}

/* Answers the connections of finished tickets, and serves what they have sent meanwhile. */
static void
answer_all(struct workers *ws, struct commit_ticket *finished, struct handler_worker *w)
{
	while (finished != NULL) {
		struct commit_ticket *rest = finished->next;
		struct connection *c = finished->owner;
		enum fcgi_outcome outcome = fcgi_answer(c->fcgi, w);

		if (outcome == FCGI_CONNECTION_COMMITS)
			rest = join(commit_submit(ws->handler->commit, fcgi_ticket(c->fcgi)), rest);
		else if (settle(ws, c, outcome))
			rest = join(serve(ws, c, w), rest);
		finished = rest;
	}
}

/* Serves what is ready in the backlog. */
static void
serve_backlog(struct workers *ws, struct handler_worker *w)
{
	bool more;
	struct connection *c = backlog_pop(&ws->backlog, &more);

	/* Several calls may have come as one. */
	if (more)
		wake(ws);
	if (c != NULL)
		answer_all(ws, serve(ws, c, w), w);
}

static void *
work(void *argument)
{
	const struct worker *self = argument;
	struct workers *ws = self->workers;
	struct handler_worker *w = self->handler_worker;
	struct commit_ticket *finished;
	struct epoll_event event;

	for (;;) {
		struct connection *c;

		if (epoll_wait(ws->epoll_fd, &event, 1, -1) < 1)
			continue;
		if (event.data.u64 == STOP)
			break;
		if (event.data.u64 == ACCEPTOR_TOKEN) {
			acceptor_accept(&ws->acceptor);
			continue;
		}
		if (event.data.u64 == QUEUE) {
			answer_all(ws, commit_resume(ws->handler->commit), w);
			serve_backlog(ws, w);
			continue;
		}
		c = connections_take(&ws->connections, event.data.u64);
		/* The peer's end came together with what is to be read before, and no event will
		 * tell of it again: as if it came now, so that it is looked for behind the request.
		 */
		if (c != NULL && (event.events & EPOLLRDHUP) != 0)
			connections_take(&ws->connections, event.data.u64);
		if (c != NULL)
			answer_all(ws, serve(ws, c, w), w);
	}
	/* Nobody else may be there for a queue that has grown while this thread wrote. */
	while ((finished = commit_resume(ws->handler->commit)) != NULL)
		answer_all(ws, finished, w);
	return NULL;
}

/* Memory for every thread, before any runs: a server with fewer than it should have would only be
 * slow, and nobody would know why. */
static bool
make_workers(struct workers *ws, unsigned threads, char *error, size_t size)
{
	while (ws->workers < threads) {
		struct worker *worker = &ws->worker[ws->workers];

		worker->workers = ws;
		worker->handler_worker = handler_worker_new(ws->handler);
		if (worker->handler_worker == NULL) {
			snprintf(error, size, "no thread can work: %s", diag_reason(ENOMEM));
			return false;
		}
		ws->workers++;
	}
	return true;
}

static bool
start_threads(struct workers *ws, char *error, size_t size)
{
	pthread_attr_t attributes;
	int failed = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	while (ws->threads < ws->workers && failed == 0) {
		struct worker *worker = &ws->worker[ws->threads];

		failed = pthread_create(&worker->thread, &attributes, work, worker);
		if (failed == 0)
			ws->threads++;
	}
	pthread_attr_destroy(&attributes);
	if (failed != 0)
		snprintf(error, size, "thread %u of %u cannot be started: %s", ws->threads + 1,
		    ws->workers, diag_reason(failed));
	return failed == 0;
}

struct workers *
workers_start(int listen_fd, unsigned threads, const struct handler *h, char *error, size_t size)
{
	struct workers *ws = calloc(1, sizeof(*ws) + threads * sizeof(struct worker));

	if (ws == NULL) {
		snprintf(error, size, "%s", diag_reason(ENOMEM));
		return NULL;
	}
	backlog_init(&ws->backlog, threads);
	atomic_init(&ws->ticks, 1);
	connections_init(&ws->connections);
	commit_wake_by(h->commit, wake, ws);
	ws->handler = h;
	ws->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ws->stop_fd = eventfd(0, EFD_CLOEXEC);
	ws->queue_fd = eventfd(0, EFD_CLOEXEC);
	if (ws->epoll_fd < 0 || ws->stop_fd < 0 || ws->queue_fd < 0 ||
	    !wait_for(ws, ws->stop_fd, EPOLLIN, STOP) ||
	    !wait_for(ws, ws->queue_fd, EPOLLIN | EPOLLET, QUEUE) ||
	    !acceptor_start(&ws->acceptor, listen_fd, ws->epoll_fd, &ws->connections, h)) {
		snprintf(error, size, "cannot wait for connections: %s", diag_reason(errno));
		workers_stop(ws);
		return NULL;
	}
	if (!make_workers(ws, threads, error, size) || !start_threads(ws, error, size)) {
		workers_stop(ws);
		return NULL;
	}
	return ws;
}

void
workers_stop(struct workers *ws)
{
	const uint64_t one = 1;
	ssize_t ignored = write(ws->stop_fd, &one, sizeof(one));

	(void)ignored; /* an eventfd's first write cannot fail */
	for (unsigned i = 0; i < ws->threads; i++)
		pthread_join(ws->worker[i].thread, NULL);
	for (unsigned i = 0; i < ws->workers; i++)
		handler_worker_free(ws->worker[i].handler_worker);
	connections_free(&ws->connections);
	backlog_free(&ws->backlog);
	if (ws->epoll_fd >= 0)
		close(ws->epoll_fd);
	if (ws->stop_fd >= 0)
		close(ws->stop_fd);
	if (ws->queue_fd >= 0)
		close(ws->queue_fd);
	free(ws);
}
