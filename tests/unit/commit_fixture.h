/* A queue with a thread that is called for it; who submits to it waits for the result. */
#ifndef PBU_COMMIT_FIXTURE_H
#define PBU_COMMIT_FIXTURE_H

#include "files/commit.h"
#include "tmpdir.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#define INFO_AND_ERROR (LEVEL_BIT(LEVEL_INFO) | LEVEL_BIT(LEVEL_ERROR))

struct fixture {
	struct tmpdir *dir;
	struct options options;
	struct metrics metrics;
	struct commit *commit;
	pthread_t resumer;
	sem_t called;
	_Atomic bool over;
	char why[512];
};

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (tmpdir_setup(state) != 0)
		return -1;
	f->dir = *state;
	f->options = (struct options){
	    .log_folder = f->dir->path, .levels = INFO_AND_ERROR, .max_body = 100, .threads = 4};
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	limit_file_size(RLIM_INFINITY);
	free(f);
	return tmpdir_teardown(&dir);
}

/* A ticket that its thread waits for. */
struct waiting {
	struct commit_ticket ticket;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool finished;
};

static inline void
take_on(struct commit_ticket *finished)
{
	while (finished != NULL) {
		struct commit_ticket *next = finished->next;
		struct waiting *w = finished->owner;

		pthread_mutex_lock(&w->mutex);
		w->finished = true;
		pthread_cond_signal(&w->cond);
		pthread_mutex_unlock(&w->mutex);
		finished = next;
	}
}

static inline enum commit_result
submit_and_wait(struct commit *c, const struct commit_entries *entries)
{
	/* Sixteen of these are more than the queue may hold. */
	struct waiting w = {.ticket = {.entries = entries, .bytes = 100},
	    .mutex = PTHREAD_MUTEX_INITIALIZER,
	    .cond = PTHREAD_COND_INITIALIZER};

	w.ticket.owner = &w;
	take_on(commit_submit(c, &w.ticket));
	pthread_mutex_lock(&w.mutex);
	while (!w.finished)
		pthread_cond_wait(&w.cond, &w.mutex);
	pthread_mutex_unlock(&w.mutex);
	return w.ticket.result;
}

/* The thread that is called for the queue. */
static inline void *
resume(void *arg)
{
	struct fixture *f = arg;

	for (;;) {
		sem_wait(&f->called);
		if (atomic_load(&f->over))
			return NULL;
		take_on(commit_resume(f->commit));
	}
}

static inline void
wake(void *context)
{
	struct fixture *f = context;

	sem_post(&f->called);
}

static inline void
start(struct fixture *f)
{
	f->commit = commit_open(&f->options, &f->metrics, f->why, sizeof(f->why));
	if (f->commit == NULL)
		fail_msg("%s", f->why);
	commit_wake_by(f->commit, wake, f);
	atomic_store(&f->over, false);
	sem_init(&f->called, 0, 0);
	assert_int_equal(pthread_create(&f->resumer, NULL, resume, f), 0);
}

static inline void
stop(struct fixture *f)
{
	atomic_store(&f->over, true);
	sem_post(&f->called);
	pthread_join(f->resumer, NULL);
	sem_destroy(&f->called);
	commit_close(f->commit);
}

static inline int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Submits entries, again if a later group has been written meanwhile. */
static inline enum commit_result
submit_entries(struct fixture *f, struct commit_entries *e)
{
	enum commit_result result;

	do {
		e->arrival = now();
		result = submit_and_wait(f->commit, e);
	} while (result == COMMIT_LATE);
	return result;
}

#define commit_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
