/*
 * The log files, in two ways. Without threads, with a clock of the test's own: tickets are added to
 * a group, which is written at a given time. And with their queue, and a thread that is called for
 * it: what is submitted is waited for.
 */
#ifndef PBU_FILES_FIXTURE_H
#define PBU_FILES_FIXTURE_H

#include "base/clock.h"
#include "files/append.h"
#include "files/commit.h"
#include "tmpdir.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#define SECOND CLOCK_NS_PER_SECOND
#define HOUR   3600
#define DAY    (24 * HOUR)

/* 2019-12-24, 00:00 UTC. */
#define EVE	       INT64_C(1577145600)

#define INFO_AND_ERROR (LEVEL_BIT(LEVEL_INFO) | LEVEL_BIT(LEVEL_ERROR))

struct fixture {
	struct tmpdir *dir;
	struct logs_settings settings;
	struct metrics metrics;
	char why[512];
	/* without threads */
	struct logs logs;
	struct ticket ticket[8];
	struct entries entries[8];
	size_t n; /* tickets of the next group */
	/* with the queue */
	struct commit *commit;
	pthread_t resumer;
	sem_t called;
	_Atomic bool over;
};

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (tmpdir_setup(state) != 0)
		return -1;
	f->dir = *state;
	f->settings = (struct logs_settings){
	    .folder = f->dir->path, .levels = INFO_AND_ERROR, .backup_count = 30};
	setenv("TZ", "UTC", 1);
	tzset();
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	limit_file_size(RLIM_INFINITY);
	for (size_t i = 0; i < 8; i++) {
		for (int k = 0; k < LEVEL_COUNT; k++)
			buf_free(&f->entries[i].level[k]);
	}
	free(f);
	return tmpdir_teardown(&dir);
}

#define files_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* --- without threads --- */

static inline void
open_logs(struct fixture *f, int64_t now)
{
	if (!logs_open(&f->logs, &f->settings, &f->metrics, now, f->why, sizeof(f->why)))
		fail_msg("%s", f->why);
}

/* Adds a ticket to the next group, with these entries (NULL: none); returns its index. */
static inline size_t
add(struct fixture *f, int64_t arrival, const char *info, const char *error)
{
	struct entries *e = &f->entries[f->n];

	for (int i = 0; i < LEVEL_COUNT; i++)
		buf_clear(&e->level[i], SIZE_MAX);
	e->arrival = arrival * SECOND;
	e->records[LEVEL_INFO] = info != NULL;
	e->records[LEVEL_ERROR] = error != NULL;
	if (info != NULL)
		buf_puts(&e->level[LEVEL_INFO], info);
	if (error != NULL)
		buf_puts(&e->level[LEVEL_ERROR], error);
	f->ticket[f->n] = (struct ticket){.entries = e};
	return f->n++;
}

static inline void
write_group(struct fixture *f, int64_t now)
{
	struct ticket *group[8];

	for (size_t i = 0; i < f->n; i++)
		group[i] = &f->ticket[i];
	append_group(&f->logs, group, f->n, now * SECOND);
	f->n = 0;
}

static inline enum ticket_result
write_one(struct fixture *f, int64_t now, const char *info, const char *error)
{
	add(f, now, info, error);
	write_group(f, now);
	return f->ticket[0].result;
}

/* What housekeeping does in a round, after the files were looked at. */
static inline void
do_chores(struct fixture *f)
{
	struct logs_chores chores;

	logs_take_chores(&f->logs, &chores);
	if (logs_do_chores(&f->logs, &chores))
		logs_end_chores(&f->logs, &chores);
}

/* The level's descriptor becomes one that can't be written, cut or synced; returns what it was. */
static inline int
break_file(struct fixture *f, enum level level)
{
	int fd = f->logs.level[level].file.fd, saved = dup(fd);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(dup2(null, fd) >= 0);
	close(null);
	return saved;
}

static inline void
mend_file(struct fixture *f, enum level level, int saved)
{
	assert_true(dup2(saved, f->logs.level[level].file.fd) >= 0);
	close(saved);
}

/* --- with the queue --- */

/* A ticket that its thread waits for. */
struct waiting {
	struct ticket ticket;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool finished;
};

static inline void
take_on(struct ticket *finished)
{
	while (finished != NULL) {
		struct ticket *next = finished->next;
		struct waiting *w = finished->owner;

		pthread_mutex_lock(&w->mutex);
		w->finished = true;
		pthread_cond_signal(&w->cond);
		pthread_mutex_unlock(&w->mutex);
		finished = next;
	}
}

static inline enum ticket_result
submit_and_wait(struct commit *c, const struct entries *entries)
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
		take_on(commit_resume(f->commit, false));
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
	f->commit = commit_open(&f->settings, 400, &f->metrics, f->why, sizeof(f->why));
	if (f->commit == NULL)
		fail_msg("%s", f->why);
	commit_wake_by(f->commit, wake, f);
	if (!commit_start(f->commit, f->why, sizeof(f->why)))
		fail_msg("%s", f->why);
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

/* Submits entries, again if a later group has been written meanwhile. */
static inline enum ticket_result
submit_entries(struct fixture *f, struct entries *e)
{
	enum ticket_result result;

	do {
		e->arrival = clock_now_ns();
		result = submit_and_wait(f->commit, e);
	} while (result == TICKET_LATE);
	return result;
}

static inline enum ticket_result
submit(struct fixture *f, const char *info, const char *error)
{
	struct entries e = {0};
	enum ticket_result result;

	if (info != NULL)
		buf_puts(&e.level[LEVEL_INFO], info);
	if (error != NULL)
		buf_puts(&e.level[LEVEL_ERROR], error);
	result = submit_entries(f, &e);
	buf_free(&e.level[LEVEL_INFO]);
	buf_free(&e.level[LEVEL_ERROR]);
	return result;
}

/* Waits for a condition, which housekeeping makes true. */
#define wait_for(condition)                                                                        \
	do {                                                                                       \
		const struct timespec pause_ = {0, 2000000};                                       \
		int64_t end_ = clock_monotonic_ns() + 20 * SECOND;                                 \
		while (!(condition)) {                                                             \
			if (clock_monotonic_ns() > end_)                                           \
				fail_msg("not within 20 s: %s", #condition);                       \
			nanosleep(&pause_, NULL);                                                  \
		}                                                                                  \
	} while (0)

#endif
