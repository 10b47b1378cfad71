/* What the parts of threads.c share: threads.c starts and stops them, threads_serve.c is what each
 * does. */
#ifndef PBU_THREADS_INSIDE_H
#define PBU_THREADS_INSIDE_H

#include "base/diag.h"
#include "web/connections.h"
#include "web/fcgi.h"
#include "web/listener.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>

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

/* Serves what an event tells of, unless it is that of stop_fd, and all that follows from it. By the
 * thread itself, as the other one. */
void threads_serve(struct thread *t, const struct epoll_event *event);

/* Serves what came before it was time to stop: it may be reported after that. Connections that are
 * not accepted yet are left to the server that comes next. */
void threads_serve_last(struct thread *t);

#endif
