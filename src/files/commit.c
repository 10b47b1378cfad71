#include "files/commit.h"

#include "diag.h"
#include "files/logs.h"
#include "files/sync.h"
#include "files/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NANOSECONDS 1000000000

struct commit {
	pthread_mutex_t mutex; /* of what follows, but for the logs; never held while writing */
	struct commit_ticket *first, *last;
	size_t bytes, bytes_max;  /* of memory that the unfinished hold, and may */
	pthread_cond_t room;	  /* for those who wait until it is less */
	bool active;		  /* a thread has the writer's role */
	bool woken;		  /* some thread was called to commit_resume(), for the queue */
	unsigned others;	  /* threads that wait for the role to do something else */
	pthread_cond_t role_free; /* for them */
	commit_wake *wake;
	void *context;
	struct metrics *metrics;
	struct logs logs; /* the writer's */
};

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NANOSECONDS + ts.tv_nsec;
}

/* Takes the writer's role with up to a group of tickets from the queue, unless that is empty; under
 * the mutex. */
static size_t
take_group(struct commit *c, struct commit_ticket *group[WRITER_GROUP_MAX])
{
	size_t n = 0;

	while (n < WRITER_GROUP_MAX && c->first != NULL) {
		group[n++] = c->first;
		c->first = c->first->next;
	}
	if (c->first == NULL)
		c->last = NULL;
	c->active = n > 0;
	return n;
}

/* Gives the writer's role up: to whoever waits for it, else to a thread that is called when there
 * is a queue. Tickets that held so many bytes are finished. */
static void
give_up(struct commit *c, size_t bytes)
{
	bool wake;

	pthread_mutex_lock(&c->mutex);
	c->active = false;
	c->bytes -= bytes;
	pthread_cond_broadcast(&c->room);
	if (c->others > 0)
		pthread_cond_signal(&c->role_free);
	wake = c->others == 0 && c->first != NULL && !c->woken;
	if (wake)
		c->woken = true;
	pthread_mutex_unlock(&c->mutex);
	if (wake)
		c->wake(c->context);
}

/*
 * With the writer's role: writes one group and gives the role up. The thread has a group to answer
 * then, and who is called to write the next finds a larger one: it comes when it has served what
 * was there to be read before.
 */
static struct commit_ticket *
write_group(struct commit *c, struct commit_ticket *const group[], size_t n)
{
	struct commit_ticket *finished = NULL;
	size_t bytes = 0;
	int64_t end;

	writer_write(&c->logs, group, n, now());
	end = now();
	for (size_t i = n; i-- > 0;) {
		int64_t took = end - group[i]->entries->arrival;

		/* The clock may have been set back. */
		metrics_observe_commit(c->metrics, took > 0 ? (uint64_t)took : 0);
		bytes += group[i]->bytes;
		group[i]->next = finished;
		finished = group[i];
	}
	metrics_subtract(&c->metrics->queue_depth, n);
	give_up(c, bytes);
	return finished;
}

/* Waits for the writer's role, to do something else than writing. */
static void
begin_work(struct commit *c)
{
	pthread_mutex_lock(&c->mutex);
	c->others++;
	while (c->active)
		pthread_cond_wait(&c->role_free, &c->mutex);
	c->others--;
	c->active = true;
	pthread_mutex_unlock(&c->mutex);
}

struct commit *
commit_open(const struct options *o, struct metrics *m, char *error, size_t size)
{
	struct commit *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		snprintf(error, size, "%s", diag_reason(errno));
		return NULL;
	}
	c->metrics = m;
	c->bytes_max = (size_t)o->max_body * o->threads;
	pthread_cond_init(&c->room, NULL);
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->role_free, NULL);
	if (!logs_open(&c->logs, o, m, now() / NANOSECONDS, error, size)) {
		pthread_cond_destroy(&c->role_free);
		pthread_cond_destroy(&c->room);
		pthread_mutex_destroy(&c->mutex);
		free(c);
		return NULL;
	}
	return c;
}

void
commit_wake_by(struct commit *c, commit_wake *wake, void *context)
{
	c->wake = wake;
	c->context = context;
}

struct commit_ticket *
commit_submit(struct commit *c, struct commit_ticket *ticket)
{
	struct commit_ticket *group[WRITER_GROUP_MAX];
	size_t bytes = 0, n = 0;

	ticket->next = NULL;
	ticket->result = COMMIT_DONE;
	for (int i = 0; i < LEVEL_COUNT; i++) {
		bytes += ticket->entries->level[i].len;
		if (ticket->entries->level[i].failed)
			ticket->result = COMMIT_FAILED;
	}
	if (bytes == 0 || ticket->result == COMMIT_FAILED)
		return ticket;
	metrics_add(&c->metrics->queue_depth, 1);
	pthread_mutex_lock(&c->mutex);
	if (c->last == NULL)
		c->first = ticket;
	else
		c->last->next = ticket;
	c->last = ticket;
	c->bytes += ticket->bytes;
	/* A full queue holds up those who would read more. */
	while (c->bytes > c->bytes_max && (c->active || c->others > 0))
		pthread_cond_wait(&c->room, &c->mutex);
	/* Who waits for the role is given it first; and who was called for the queue will come, but
	 * perhaps it is held up here. */
	if (!c->active && c->others == 0 && (!c->woken || c->bytes > c->bytes_max))
		n = take_group(c, group);
	pthread_mutex_unlock(&c->mutex);
	return n > 0 ? write_group(c, group, n) : NULL;
}

struct commit_ticket *
commit_resume(struct commit *c)
{
	struct commit_ticket *group[WRITER_GROUP_MAX];
	size_t n = 0;

	pthread_mutex_lock(&c->mutex);
	c->woken = false;
	if (!c->active && c->others == 0)
		n = take_group(c, group);
	pthread_mutex_unlock(&c->mutex);
	return n > 0 ? write_group(c, group, n) : NULL;
}

void
commit_tick(struct commit *c)
{
	struct logs *l = &c->logs;
	struct sync_set set;
	unsigned failed;

	begin_work(c);
	if (logs_take_time(l, now() / NANOSECONDS) == LOGS_NEXT_PERIOD)
		logs_begin_period(l);
	else
		logs_check(l);
	if (l->options->sync == SYNC_NO) {
		give_up(c, 0);
		return;
	}
	sync_set_take(&set, l);
	give_up(c, 0);
	failed = sync_set_run(&set, l);
	if (failed != 0) {
		begin_work(c);
		sync_set_failed(l, failed);
		give_up(c, 0);
	}
}

void
commit_reopen(struct commit *c)
{
	begin_work(c);
	logs_reopen(&c->logs, ~0U);
	give_up(c, 0);
}

bool
commit_writable(struct commit *c, char *why, size_t size)
{
	bool writable;

	begin_work(c);
	writable = logs_writable(&c->logs, why, size);
	give_up(c, 0);
	return writable;
}

void
commit_close(struct commit *c)
{
	begin_work(c);
	logs_close(&c->logs);
	give_up(c, 0);
	pthread_cond_destroy(&c->role_free);
	pthread_cond_destroy(&c->room);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}
