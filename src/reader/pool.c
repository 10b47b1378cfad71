#include "reader/pool.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

/* Many times the 8 KiB that queries were seen to need: no entry, however deep, is walked by
 * recursion, and expressions have stacks of their own; but for 20 KiB, in older versions of PCRE2.
 */
#define STACK_BYTES ((size_t)512 * 1024)

/* So long a task is at work without a turn, and with one before others have theirs. */
#define TURN_NS (20 * INT64_C(1000000))

/* Nobody has to end for others who rested less. */
#define REST_NS (2 * INT64_C(1000000000))

/* Who waits for its turn. */
struct turn {
	STAILQ_ENTRY(turn) links;
	pthread_cond_t come;
	bool has_come;
};

struct pool {
	pthread_mutex_t lock; /* of all that follows but the threads */
	pthread_cond_t changed;
	struct pool_task *first, **last; /* those that wait */
	struct pool_task *running;
	unsigned waiting, waiting_max;
	unsigned idle;			    /* threads without a task */
	unsigned free;			    /* turns that nobody has */
	STAILQ_HEAD(turn_list, turn) turns; /* those that wait for theirs: then none is free */
	bool stopping;
	unsigned threads;
	pthread_t thread[];
};

/* The next task, which runs then; NULL: the pool stops, and none waits. With the lock held. */
static struct pool_task *
take(struct pool *p)
{
	struct pool_task *task;

	p->idle++;
	while (p->first == NULL && !p->stopping)
		pthread_cond_wait(&p->changed, &p->lock);
	p->idle--;
	task = p->first;
	if (task == NULL)
		return NULL;
	p->first = task->next;
	if (p->first == NULL)
		p->last = &p->first;
	p->waiting--;
	return task;
}

static void
link_running(struct pool *p, struct pool_task *task)
{
	task->next = p->running;
	task->link = &p->running;
	if (task->next != NULL)
		task->next->link = &task->next;
	p->running = task;
}

static void
unlink_running(struct pool_task *task)
{
	*task->link = task->next;
	if (task->next != NULL)
		task->next->link = task->link;
}

/* --- turns, with the lock held --- */

static void
take_turn(struct pool *p, struct pool_task *task)
{
	struct turn turn = {.has_come = p->free > 0};

	if (turn.has_come) {
		p->free--;
	} else {
		pthread_cond_init(&turn.come, NULL);
		STAILQ_INSERT_TAIL(&p->turns, &turn, links);
		while (!turn.has_come)
			pthread_cond_wait(&turn.come, &p->lock);
		pthread_cond_destroy(&turn.come);
	}
	task->has_turn = true;
	task->works = clock_monotonic_ns();
}

static void
leave_turn(struct pool *p, struct pool_task *task)
{
	struct turn *next = STAILQ_FIRST(&p->turns);

	if (!task->has_turn)
		return;
	task->has_turn = false;
	if (next == NULL) {
		p->free++;
		return;
	}
	STAILQ_REMOVE_HEAD(&p->turns, links);
	next->has_come = true;
	pthread_cond_signal(&next->come);
}

void
pool_yield(struct pool_task *task, int64_t now)
{
	struct pool *p = task->pool;

	if (now - task->works < TURN_NS)
		return;
	pthread_mutex_lock(&p->lock);
	if (task->has_turn && STAILQ_EMPTY(&p->turns)) {
		task->works = now;
	} else {
		leave_turn(p, task);
		take_turn(p, task);
	}
	pthread_mutex_unlock(&p->lock);
}

void
pool_rest(struct pool_task *task)
{
	struct pool *p = task->pool;

	pthread_mutex_lock(&p->lock);
	task->rests = clock_monotonic_ns();
	leave_turn(p, task);
	pthread_mutex_unlock(&p->lock);
}

void
pool_wait(struct pool_task *task)
{
	struct pool *p = task->pool;

	pthread_mutex_lock(&p->lock);
	task->rests = 0;
	leave_turn(p, task);
	pthread_mutex_unlock(&p->lock);
}

void
pool_resume(struct pool_task *task)
{
	struct pool *p = task->pool;

	pthread_mutex_lock(&p->lock);
	task->works = clock_monotonic_ns();
	if (task->rests != 0)
		task->rested += task->works - task->rests;
	task->rests = 0;
	pthread_mutex_unlock(&p->lock);
}

static int64_t
rested(const struct pool_task *task, int64_t now)
{
	return task->rests == 0 ? 0 : task->rested + now - task->rests;
}

bool
pool_is_wanted(struct pool_task *task)
{
	const int64_t now = clock_monotonic_ns();
	struct pool *p = task->pool;
	bool wanted;

	pthread_mutex_lock(&p->lock);
	wanted = p->waiting > 0 && p->idle == 0 && rested(task, now) >= REST_NS;
	for (const struct pool_task *t = p->running; t != NULL && wanted; t = t->next)
		wanted = rested(t, now) <= rested(task, now);
	pthread_mutex_unlock(&p->lock);
	return wanted;
}

/* --- threads --- */

static void *
work(void *argument)
{
	struct pool *p = argument;
	struct pool_task *task;

	pthread_mutex_lock(&p->lock);
	while ((task = take(p)) != NULL) {
		bool runs;

		task->works = clock_monotonic_ns();
		runs = !p->stopping && task->works < task->deadline;
		if (runs)
			link_running(p, task);
		pthread_mutex_unlock(&p->lock);
		if (runs)
			task->run(task);
		pthread_mutex_lock(&p->lock);
		leave_turn(p, task);
		if (runs)
			unlink_running(task);
		pthread_mutex_unlock(&p->lock);
		task->done(task, runs);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct pool *
pool_start(unsigned threads, unsigned turns, unsigned waiting_max, char *error, size_t size)
{
	struct pool *p = calloc(1, sizeof(*p) + threads * sizeof(p->thread[0]));
	int failed = 0;

	if (p == NULL) {
		snprintf(error, size, "%s", diag_reason(ENOMEM));
		return NULL;
	}
	p->last = &p->first;
	p->waiting_max = waiting_max;
	p->free = turns;
	STAILQ_INIT(&p->turns);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	while (p->threads < threads && failed == 0) {
		failed = thread_start(&p->thread[p->threads], STACK_BYTES, work, p);
		if (failed == 0)
			p->threads++;
	}
	if (failed != 0) {
		snprintf(error, size, "thread %u of %u for queries cannot be started: %s",
		    p->threads + 1, threads, diag_reason(failed));
		pool_stop(p);
		return NULL;
	}
	return p;
}

bool
pool_submit(struct pool *p, struct pool_task *task)
{
	bool taken;

	pthread_mutex_lock(&p->lock);
	taken = p->waiting < p->waiting_max && !p->stopping;
	if (taken) {
		task->next = NULL;
		task->pool = p;
		task->has_turn = false;
		task->rests = task->rested = 0;
		*p->last = task;
		p->last = &task->next;
		p->waiting++;
		pthread_cond_signal(&p->changed);
	}
	pthread_mutex_unlock(&p->lock);
	return taken;
}

void
pool_stop(struct pool *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	for (struct pool_task *task = p->running; task != NULL; task = task->next)
		task->cancel(task);
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->threads; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
