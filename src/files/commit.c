#include "files/commit.h"

#include "base/clock.h"
#include "base/diag.h"
#include "files/append.h"
#include "files/housekeeping.h"
#include "files/logs.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct commit {
	pthread_mutex_t mutex; /* protects the members below but `logs`; not held while writing */
	struct ticket *first, *last;
	size_t bytes, bytes_max;  /* of memory that the unfinished hold, and may */
	pthread_cond_t room;	  /* for submitters that wait until it is less */
	bool active;		  /* a thread has the writer's role */
	bool woken;		  /* some thread was called to commit_resume(), for the queue */
	bool housekeeping_waits;  /* housekeeping waits for the role */
	pthread_cond_t role_free; /* for it */
	sink_wake *wake;
	void *context;
	struct metrics *metrics;
	struct logs logs; /* of the thread that has the role */
	bool started;
	struct housekeeping housekeeping;
};

/* Takes the writer's role with up to a group of tickets from the queue, unless that is empty; under
 * the mutex. */
static size_t
take_group(struct commit *c, struct ticket *group[APPEND_GROUP_MAX])
{
	size_t n = 0;

	while (n < APPEND_GROUP_MAX && c->first != NULL) {
		group[n++] = c->first;
		c->first = c->first->next;
	}
	if (c->first == NULL)
		c->last = NULL;
	c->active = n > 0;
	return n;
}

/* Gives the writer's role to housekeeping when that waits for it; else, when there is a queue,
 * calls a thread for it. Tickets that held so many bytes are finished. */
static void
release_role(struct commit *c, size_t bytes)
{
	pthread_mutex_lock(&c->mutex);
	c->active = false;
	c->bytes -= bytes;
	pthread_cond_broadcast(&c->room);
	if (c->housekeeping_waits)
		pthread_cond_signal(&c->role_free);
	if (!c->housekeeping_waits && c->first != NULL && !c->woken) {
		c->woken = true;
		/* Under the mutex: once commit_wake_by() has taken it back, nobody is called. */
		if (c->wake != NULL)
			c->wake(c->context);
	}
	pthread_mutex_unlock(&c->mutex);
}

/*
 * With the writer's role: writes one group, and gives the role up. It does not go on with the next
 * group, because it has this one to answer first. The thread that is called for the next comes when
 * it has served what it was about to read, which makes that group larger.
 */
static struct ticket *
write_group(struct commit *c, struct ticket *const group[], size_t n)
{
	struct ticket *finished = NULL;
	size_t bytes = 0;
	int64_t end;

	append_group(&c->logs, group, n, clock_now_ns());
	end = clock_now_ns();
	for (size_t i = n; i-- > 0;) {
		int64_t took = end - group[i]->entries->arrival;

		/* The clock may have been set back. */
		metrics_observe_commit(c->metrics, took > 0 ? (uint64_t)took : 0);
		bytes += group[i]->bytes;
		group[i]->next = finished;
		finished = group[i];
	}
	metrics_subtract(&c->metrics->queue_depth, n);
	release_role(c, bytes);
	return finished;
}

/* For housekeeping: after the group that is being written, before the queue. */
static void
take_role(void *context)
{
	struct commit *c = context;

	pthread_mutex_lock(&c->mutex);
	c->housekeeping_waits = true;
	while (c->active)
		pthread_cond_wait(&c->role_free, &c->mutex);
	c->housekeeping_waits = false;
	c->active = true;
	pthread_mutex_unlock(&c->mutex);
}

static void
give_back_role(void *context)
{
	release_role(context, 0);
}

static void
destroy(struct commit *c)
{
	pthread_cond_destroy(&c->role_free);
	pthread_cond_destroy(&c->room);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}

struct commit *
commit_open(const struct logs_settings *settings, size_t bytes_max, struct metrics *m, char *error,
    size_t size)
{
	struct commit *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		snprintf(error, size, "%s", diag_reason(errno));
		return NULL;
	}
	c->metrics = m;
	c->bytes_max = bytes_max;
	pthread_cond_init(&c->room, NULL);
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->role_free, NULL);
	if (!logs_open(&c->logs, settings, m, clock_now_ns() / CLOCK_NS_PER_SECOND, error, size)) {
		destroy(c);
		return NULL;
	}
	return c;
}

void
commit_wake_by(struct commit *c, sink_wake *wake, void *context)
{
	pthread_mutex_lock(&c->mutex);
	c->wake = wake;
	c->context = context;
	pthread_mutex_unlock(&c->mutex);
}

bool
commit_start(struct commit *c, char *error, size_t size)
{
	const struct housekeeping_role role = {take_role, give_back_role, c};

	c->started = housekeeping_start(&c->housekeeping, &c->logs, &role, error, size);
	return c->started;
}

struct ticket *
commit_submit(struct commit *c, struct ticket *ticket)
{
	struct ticket *group[APPEND_GROUP_MAX];
	size_t bytes = 0, n = 0;

	ticket->next = NULL;
	ticket->result = TICKET_DONE;
	for (int i = 0; i < LEVEL_COUNT; i++) {
		bytes += ticket->entries->level[i].len;
		if (ticket->entries->level[i].failed)
			ticket->result = TICKET_FAILED;
	}
	if (bytes == 0 || ticket->result == TICKET_FAILED)
		return ticket;
	metrics_add(&c->metrics->queue_depth, 1);
	pthread_mutex_lock(&c->mutex);
	if (c->last == NULL)
		c->first = ticket;
	else
		c->last->next = ticket;
	c->last = ticket;
	c->bytes += ticket->bytes;
	/* A full queue holds up the threads that would read more. */
	while (c->bytes > c->bytes_max && (c->active || c->housekeeping_waits))
		pthread_cond_wait(&c->room, &c->mutex);
	/* Housekeeping that waits for the role has it first. A thread that was called for the queue
	 * will come, unless it is held up here itself. */
	if (!c->active && !c->housekeeping_waits && (!c->woken || c->bytes > c->bytes_max))
		n = take_group(c, group);
	pthread_mutex_unlock(&c->mutex);
	return n > 0 ? write_group(c, group, n) : NULL;
}

struct ticket *
commit_resume(struct commit *c, bool last)
{
	struct ticket *group[APPEND_GROUP_MAX];
	size_t n = 0;

	pthread_mutex_lock(&c->mutex);
	c->woken = false;
	/* No thread comes after this one: it waits until the role is free, of housekeeping too. */
	while (last && c->first != NULL && (c->active || c->housekeeping_waits))
		pthread_cond_wait(&c->room, &c->mutex);
	if (!c->active && !c->housekeeping_waits)
		n = take_group(c, group);
	pthread_mutex_unlock(&c->mutex);
	return n > 0 ? write_group(c, group, n) : NULL;
}

void
commit_reopen(struct commit *c)
{
	housekeeping_reopen(&c->housekeeping);
}

bool
commit_reopened(struct commit *c)
{
	return housekeeping_reopened(&c->housekeeping);
}

bool
commit_writable(struct commit *c, char *why, size_t size)
{
	return health_ask(&c->logs.common.health, why, size);
}

void
commit_close(struct commit *c)
{
	if (!c->started) {
		logs_close(&c->logs);
	} else if (!housekeeping_stop(&c->housekeeping)) {
		diag_warn("the disk does not answer: what is not synced yet is left to the kernel");
		return;
	}
	destroy(c);
}

/* --- as a sink --- */

static void
sink_wake_by(void *self, sink_wake *wake, void *context)
{
	commit_wake_by(self, wake, context);
}

static bool
sink_start(void *self, char *error, size_t size)
{
	return commit_start(self, error, size);
}

static struct ticket *
sink_submit(void *self, struct ticket *ticket)
{
	return commit_submit(self, ticket);
}

static struct ticket *
sink_resume(void *self, bool last)
{
	return commit_resume(self, last);
}

static bool
sink_ready(void *self, char *why, size_t size)
{
	return commit_writable(self, why, size);
}

static bool
sink_tick(void *self)
{
	(void)self; /* housekeeping has a thread of its own */
	return true;
}

static void
sink_reopen(void *self)
{
	commit_reopen(self);
}

static bool
sink_reopened(void *self)
{
	return commit_reopened(self);
}

static void
sink_close(void *self)
{
	commit_close(self);
}

struct sink
commit_sink(struct commit *c)
{
	return (struct sink){
	    .self = c,
	    .wake_by = sink_wake_by,
	    .start = sink_start,
	    .submit = sink_submit,
	    .resume = sink_resume,
	    .ready = sink_ready,
	    .tick = sink_tick,
	    .reopen = sink_reopen,
	    .reopened = sink_reopened,
	    .close = sink_close,
	};
}
