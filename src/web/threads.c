#include "web/threads.h"

#include "base/thread.h"
#include "web/threads_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A value or an argument list may be nested 1000 deep, and is walked by recursion. */
#define STACK_BYTES (4 * 1024 * 1024)

/* One thread comes when its turn is: after what can be read already. */
static void
wake(void *context)
{
	const uint64_t one = 1;
	struct threads *ts = context;

	if (write(ts->wake_fd, &one, sizeof(one)) != sizeof(one))
		diag_error_limited(&ts->limit, "eventfd: %s", diag_reason(errno));
}

static void *
work(void *argument)
{
	struct thread *t = argument;
	struct threads *ts = t->all;
	struct epoll_event event = {0};

	while (event.data.ptr != &ts->stop_fd) {
		if (epoll_wait(ts->epoll_fd, &event, 1, -1) == 1 && event.data.ptr != &ts->stop_fd)
			threads_serve(t, &event);
	}
	threads_serve_last(t);
	return NULL;
}

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
