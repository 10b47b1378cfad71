#include "reader/tail.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/thread.h"
#include "reader/tail_behind.h"
#include "reader/tail_feed.h"
#include "reader/tail_peers.h"
#include "reader/tail_watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MILLISECOND INT64_C(1000000)

/* The files are looked at so often even where inotify says nothing. */
#define TICK (250 * MILLISECOND)

/* Time between two rounds: so many times as long as one took, so that many viewers and much to tell
 * them do not take the processor from those who write; within bounds. */
#define REST_FACTOR 4
#define REST_MIN    (2 * MILLISECOND)
#define REST_MAX    (20 * MILLISECOND)

#define STACK_BYTES ((size_t)512 * 1024)

const struct tail_limits tail_usual_limits = {.viewers = 256,
    .servers = 256,
    .behind_bytes = 64 * 1024 * 1024,
    .behind_ms = 60 * 1000,
    .silence_ms = 15 * 1000,
    .held_bytes = 32 * 1024 * 1024};

enum { CALLED, CHANGED, FIRST_VIEWER };

struct tail {
	struct tail_limits limits;
	struct tail_watch watch; /* while there are viewers */
	struct feed feed;
	bool changed;	    /* the files are to be looked at */
	bool busy;	    /* somebody who is behind can go on */
	int64_t next_round; /* not before, by CLOCK_MONOTONIC */
	int64_t next_tick;
	struct pollfd *polled; /* of all viewers, after the two of the tail itself */

	pthread_t thread;
	int called_fd;	      /* an eventfd: somebody has come, or it is time to stop */
	pthread_mutex_t lock; /* of what follows */
	STAILQ_HEAD(newcomers, newcomer) newcomers;
	unsigned viewers, servers; /* that are here or come */
	bool dismiss;		   /* those who are here */
	bool stop;
};

static void
call(struct tail *t)
{
	const uint64_t once = 1;
	ssize_t ignored = write(t->called_fd, &once, sizeof(once));

	(void)ignored; /* one that is emptied now and then can always be written */
}

/* --- those who come --- */

/* Viewers leave room for other servers, and these for viewers. False: all of its kind is taken. */
static bool
enqueue(struct tail *t, struct newcomer *n)
{
	const bool framed = n->selection.framed;
	unsigned *expected = framed ? &t->servers : &t->viewers;
	bool room;

	pthread_mutex_lock(&t->lock);
	room = *expected < (framed ? t->limits.servers : t->limits.viewers) && !t->stop;
	if (room) {
		++*expected;
		STAILQ_INSERT_TAIL(&t->newcomers, n, links);
	}
	pthread_mutex_unlock(&t->lock);
	return room;
}

static void
refuse(const struct tail *t, struct newcomer *n)
{
	const bool framed = n->selection.framed;
	char words[128];

	snprintf(words, sizeof(words), "there are too many %s: %u at most",
	    framed ? "tails of other servers" : "viewers",
	    framed ? t->limits.servers : t->limits.viewers);
	newcomer_refuse(n, STATUS_503, words);
}

void
tail_add(struct tail *t, struct selection *s, const char *last_event_id, struct stream *stream)
{
	struct newcomer *n = newcomer_new(s, last_event_id, stream, t->feed.reading->peers);

	if (n == NULL)
		return;
	if (!enqueue(t, n))
		refuse(t, n);
	else
		call(t);
}

static struct newcomer *
next_newcomer(struct tail *t)
{
	struct newcomer *n;

	pthread_mutex_lock(&t->lock);
	n = STAILQ_FIRST(&t->newcomers);
	if (n != NULL)
		STAILQ_REMOVE_HEAD(&t->newcomers, links);
	pthread_mutex_unlock(&t->lock);
	return n;
}

static void
let_in(struct tail *t)
{
	struct newcomer *n;

	while ((n = next_newcomer(t)) != NULL) {
		if (t->watch.fd < 0)
			tail_watch_open(&t->watch, t->watch.path);
		feed_admit(&t->feed, n);
		t->busy = true;
	}
}

/* Those who are over go, and make room for others. */
static void
see_off(struct tail *t)
{
	unsigned count[2] = {0};

	feed_reap(&t->feed);
	if (t->feed.count == 0)
		tail_watch_close(&t->watch);
	for (struct viewer *v = TAILQ_FIRST(&t->feed.viewers); v != NULL; v = TAILQ_NEXT(v, links))
		count[v->form.framed]++;
	pthread_mutex_lock(&t->lock);
	for (struct newcomer *n = STAILQ_FIRST(&t->newcomers); n != NULL; n = STAILQ_NEXT(n, links))
		count[n->selection.framed]++;
	t->viewers = count[false];
	t->servers = count[true];
	pthread_mutex_unlock(&t->lock);
}

/* --- the thread --- */

/* Nanoseconds until there is something to do without being told; -1: never. */
static int64_t
time_left(const struct tail *t)
{
	int64_t now = clock_monotonic_ns(), until = t->next_tick;

	if (t->busy)
		return 0;
	if (t->feed.count == 0)
		return -1;
	if (t->changed && t->next_round < until)
		until = t->next_round;
	return until > now ? until - now : 0;
}

/* Waits for those that are polled, so many, and for the peers. */
static void
poll_all(struct tail *t, nfds_t count)
{
	const int64_t left = time_left(t);
	const struct timespec limit = {
	    (time_t)(left / CLOCK_NS_PER_SECOND), (long)(left % CLOCK_NS_PER_SECOND)};

	if (t->feed.peers != NULL && left > 0) {
		peer_http_wait(tail_peers_group(t->feed.peers), t->polled, (unsigned)count,
		    (int)((left + MILLISECOND - 1) / MILLISECOND));
		return;
	}
	if (t->feed.peers != NULL && left == 0)
		peer_http_wait(tail_peers_group(t->feed.peers), NULL, 0, 0);
	ppoll(t->polled, count, left < 0 ? NULL : &limit, NULL);
}

/* Whether a viewer has gone, by what is reported of its socket. */
static bool
has_gone(struct viewer *v, short reported)
{
	if ((reported & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
		return true;
	/* Those who wait for peers, too, are told of its end as of something to read. */
	if ((reported & POLLIN) == 0)
		return false;
	v->deaf = true;
	return stream_gone(v->stream);
}

static void
wait_for_something(struct tail *t)
{
	struct pollfd *p = t->polled + FIRST_VIEWER;
	struct viewer *v;
	uint64_t times;

	t->polled[CALLED] = (struct pollfd){.fd = t->called_fd, .events = POLLIN};
	/* What is known already is not asked for again before its time has come. */
	t->polled[CHANGED] = (struct pollfd){.fd = t->changed ? -1 : t->watch.fd, .events = POLLIN};
	for (v = TAILQ_FIRST(&t->feed.viewers); v != NULL; v = TAILQ_NEXT(v, links)) {
		bool full = (v->behind && v->waits == VIEWER_SOCKET) || v->wants_room;
		short gone = t->feed.peers != NULL && !v->deaf ? POLLIN | POLLRDHUP : POLLRDHUP;

		*p++ = (struct pollfd){
		    .fd = stream_fd(v->stream), .events = (short)(gone | (full ? POLLOUT : 0))};
	}
	poll_all(t, (nfds_t)(p - t->polled));
	if (t->polled[CALLED].revents != 0 &&
	    read(t->called_fd, &times, sizeof(times)) == sizeof(times))
		t->busy = true;
	t->changed = t->changed || t->polled[CHANGED].revents != 0;
	p = t->polled + FIRST_VIEWER;
	for (v = TAILQ_FIRST(&t->feed.viewers); v != NULL; v = TAILQ_NEXT(v, links)) {
		v->over = v->over || has_gone(v, p->revents);
		if ((p->revents & POLLOUT) != 0) {
			v->wants_room = false;
			if (v->waits == VIEWER_SOCKET)
				v->waits = VIEWER_READY;
		}
		p++;
	}
}

static void
do_round(struct tail *t)
{
	int64_t begun = clock_monotonic_ns(), rest;

	tail_watch_clear(&t->watch);
	t->changed = feed_round(&t->feed);
	rest = REST_FACTOR * (clock_monotonic_ns() - begun);
	rest = rest < REST_MIN ? REST_MIN : rest > REST_MAX ? REST_MAX : rest;
	t->next_round = clock_monotonic_ns() + rest;
}

static bool
is_time_to_stop(struct tail *t)
{
	bool stop;

	pthread_mutex_lock(&t->lock);
	stop = t->stop;
	pthread_mutex_unlock(&t->lock);
	return stop;
}

/* Ends those who are here, if that is asked for. */
static void
dismiss_if_asked(struct tail *t)
{
	bool dismiss;

	pthread_mutex_lock(&t->lock);
	dismiss = t->dismiss;
	t->dismiss = false;
	pthread_mutex_unlock(&t->lock);
	if (!dismiss)
		return;
	for (struct viewer *v = TAILQ_FIRST(&t->feed.viewers); v != NULL; v = TAILQ_NEXT(v, links))
		v->over = true;
}

/* Those of which poll(2) does not tell any more. */
static void
look_for_deaf(struct tail *t)
{
	for (struct viewer *v = TAILQ_FIRST(&t->feed.viewers); v != NULL; v = TAILQ_NEXT(v, links))
		v->over = v->over || (v->deaf && stream_gone(v->stream));
}

static void *
run(void *argument)
{
	struct tail *t = argument;
	struct newcomer *n;

	while (!is_time_to_stop(t)) {
		int64_t now;

		wait_for_something(t);
		let_in(t);
		dismiss_if_asked(t);
		now = clock_monotonic_ns();
		if (t->feed.count > 0 && now >= t->next_tick) {
			tail_watch_renew(&t->watch);
			feed_tick(&t->feed);
			look_for_deaf(t);
			t->changed = true;
			t->next_tick = now + TICK;
		}
		if (t->changed && now >= t->next_round)
			do_round(t);
		t->busy = t->feed.peers != NULL && tail_peers_go_on(&t->feed);
		t->busy = behind_go_on(&t->feed) || t->busy || t->feed.again;
		t->feed.again = false;
		see_off(t);
	}
	while ((n = next_newcomer(t)) != NULL)
		newcomer_refuse(n, STATUS_503, "the server is stopping");
	return NULL;
}

/* --- starting and stopping --- */

static void
free_tail(struct tail *t)
{
	tail_watch_close(&t->watch);
	feed_free(&t->feed);
	if (t->called_fd >= 0)
		close(t->called_fd);
	pthread_mutex_destroy(&t->lock);
	free(t->polled);
	free(t);
}

struct tail *
tail_start(const struct reading *r, const char *folder, const struct tail_limits *limits,
    char *error, size_t size)
{
	struct tail *t = calloc(1, sizeof(*t));
	int reason = ENOMEM;

	if (t != NULL) {
		t->limits = *limits;
		t->watch = (struct tail_watch){.path = folder, .fd = -1, .folder = -1};
		pthread_mutex_init(&t->lock, NULL);
		STAILQ_INIT(&t->newcomers);
		t->called_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		t->polled =
		    calloc(FIRST_VIEWER + limits->viewers + limits->servers, sizeof(*t->polled));
		reason = t->called_fd < 0 ? errno : ENOMEM;
		if (feed_init(&t->feed, r, &t->limits) && t->polled != NULL && t->called_fd >= 0)
			reason = thread_start(&t->thread, STACK_BYTES, run, t);
	}
	if (reason == 0)
		return t;
	snprintf(error, size, "the live tail can't be started: %s", diag_reason(reason));
	if (t != NULL)
		free_tail(t);
	return NULL;
}

void
tail_dismiss(struct tail *t)
{
	pthread_mutex_lock(&t->lock);
	t->dismiss = true;
	pthread_mutex_unlock(&t->lock);
	call(t);
}

void
tail_stop(struct tail *t)
{
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_mutex_unlock(&t->lock);
	call(t);
	pthread_join(t->thread, NULL);
	free_tail(t);
}
