#include "base/clock.h"
#include "reader/pool.h"
#include "unit.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define THREADS 2
#define WAITING 3

struct work {
	struct pool_task task;
	sem_t begun, go_on; /* of run() */
	sem_t over;	    /* of done() */
	_Atomic bool ran, canceled, ran_on;
};

static void
wait_for(sem_t *s)
{
	const struct timespec end = {.tv_sec = time(NULL) + 20};

	while (sem_timedwait(s, &end) < 0)
		assert_int_equal(errno, EINTR);
}

static struct work *
work_of(struct pool_task *task)
{
	return (struct work *)task; /* which it begins with */
}

static void
run(struct pool_task *task)
{
	struct work *w = work_of(task);

	sem_post(&w->begun);
	wait_for(&w->go_on);
}

static void
cancel(struct pool_task *task)
{
	struct work *w = work_of(task);

	w->canceled = true;
	sem_post(&w->go_on);
}

static void
done(struct pool_task *task, bool ran)
{
	struct work *w = work_of(task);

	w->ran = ran;
	sem_post(&w->over);
}

static void
work_init(struct work *w)
{
	*w = (struct work){
	    .task = {.deadline = INT64_MAX, .run = run, .cancel = cancel, .done = done}};
	sem_init(&w->begun, 0, 0);
	sem_init(&w->go_on, 0, 0);
	sem_init(&w->over, 0, 0);
}

static struct pool *
start(void)
{
	char error[256];
	struct pool *p = pool_start(THREADS, THREADS, WAITING, error, sizeof(error));

	assert_non_null(p);
	return p;
}

/* Has all threads at work. */
static void
occupy(struct pool *p, struct work *w)
{
	for (int i = 0; i < THREADS; i++) {
		work_init(&w[i]);
		assert_true(pool_submit(p, &w[i].task));
		wait_for(&w[i].begun);
	}
}

static void
as_many_run_as_there_are_threads_and_few_wait(void **state)
{
	struct work running[THREADS], waiting[WAITING], beyond;
	struct pool *p = start();

	(void)state;
	occupy(p, running);
	for (int i = 0; i < WAITING; i++) {
		work_init(&waiting[i]);
		assert_true(pool_submit(p, &waiting[i].task));
	}
	work_init(&beyond);
	assert_false(pool_submit(p, &beyond.task));
	assert_int_equal(sem_trywait(&waiting[0].begun), -1);
	/* One is over: the first that waits runs, and there is room again. */
	sem_post(&running[0].go_on);
	wait_for(&running[0].over);
	assert_true(running[0].ran);
	wait_for(&waiting[0].begun);
	assert_true(pool_submit(p, &beyond.task));
	for (int i = 0; i < WAITING; i++)
		sem_post(&waiting[i].go_on);
	sem_post(&beyond.go_on);
	sem_post(&running[1].go_on);
	wait_for(&beyond.over);
	wait_for(&waiting[WAITING - 1].over);
	pool_stop(p);
	assert_false(running[0].canceled);
}

static void
who_waited_too_long_is_told(void **state)
{
	struct work running[THREADS], late, good;
	struct pool *p = start();

	(void)state;
	occupy(p, running);
	work_init(&late);
	late.task.deadline = clock_monotonic_ns();
	work_init(&good);
	sem_post(&good.go_on);
	assert_true(pool_submit(p, &late.task));
	assert_true(pool_submit(p, &good.task));
	sem_post(&running[0].go_on);
	wait_for(&late.over);
	assert_false(late.ran);
	assert_int_equal(sem_trywait(&late.begun), -1);
	wait_for(&good.over);
	assert_true(good.ran);
	sem_post(&running[1].go_on);
	pool_stop(p);
}

static void
the_end_cancels_what_runs_and_drops_what_waits(void **state)
{
	struct work running[THREADS], waiting;
	struct pool *p = start();

	(void)state;
	occupy(p, running);
	work_init(&waiting);
	assert_true(pool_submit(p, &waiting.task));
	pool_stop(p);
	for (int i = 0; i < THREADS; i++)
		assert_true(running[i].canceled && running[i].ran);
	assert_int_equal(sem_trywait(&waiting.over), 0);
	assert_false(waiting.ran || waiting.canceled);
}

/* --- turns: two threads, and one of them at work at a time --- */

static void
was_long_at_work(struct pool_task *task)
{
	pool_yield(task, task->works + INT64_C(1000000000));
}

static struct pool *
start_with_a_turn(void)
{
	char error[256];
	struct pool *p = pool_start(THREADS, 1, WAITING, error, sizeof(error));

	assert_non_null(p);
	return p;
}

static void
run_with_a_turn(struct pool_task *task)
{
	was_long_at_work(task);
	run(task);
}

/* Rests until it is told to go on; then it is at work for long again. */
static void
run_with_a_rest(struct pool_task *task)
{
	struct work *w = work_of(task);

	was_long_at_work(task);
	pool_rest(task);
	run(task);
	pool_resume(task);
	was_long_at_work(task);
	w->ran_on = true;
}

/* Gives its turn away as often as it can. */
static void
run_yielding(struct pool_task *task)
{
	struct work *w = work_of(task);

	was_long_at_work(task);
	sem_post(&w->begun);
	while (sem_trywait(&w->go_on) < 0)
		was_long_at_work(task);
}

static void
who_is_long_at_work_waits_for_a_turn_and_who_is_not_does_not(void **state)
{
	struct work first, second, quick;
	struct pool *p = start_with_a_turn();

	(void)state;
	work_init(&first);
	first.task.run = run_with_a_turn;
	assert_true(pool_submit(p, &first.task));
	wait_for(&first.begun);
	work_init(&quick);
	sem_post(&quick.go_on);
	assert_true(pool_submit(p, &quick.task));
	wait_for(&quick.over);
	work_init(&second);
	second.task.run = run_with_a_turn;
	sem_post(&second.go_on);
	assert_true(pool_submit(p, &second.task));
	usleep(50000); /* too short a time can only hide a failure */
	assert_int_equal(sem_trywait(&second.begun), -1);
	sem_post(&first.go_on);
	wait_for(&second.over);
	wait_for(&first.over);
	pool_stop(p);
}

static void
turns_change(void **state)
{
	struct work first, second;
	struct pool *p = start_with_a_turn();

	(void)state;
	work_init(&first);
	first.task.run = run_yielding;
	assert_true(pool_submit(p, &first.task));
	wait_for(&first.begun);
	work_init(&second);
	second.task.run = run_yielding;
	assert_true(pool_submit(p, &second.task));
	wait_for(&second.begun);
	/* Both go on. */
	sem_post(&first.go_on);
	wait_for(&first.over);
	sem_post(&second.go_on);
	wait_for(&second.over);
	pool_stop(p);
}

static void
who_rests_leaves_its_turn_to_others(void **state)
{
	struct work rests, works;
	struct pool *p = start_with_a_turn();

	(void)state;
	work_init(&rests);
	rests.task.run = run_with_a_rest;
	assert_true(pool_submit(p, &rests.task));
	wait_for(&rests.begun);
	work_init(&works);
	works.task.run = run_with_a_turn;
	assert_true(pool_submit(p, &works.task));
	wait_for(&works.begun);
	sem_post(&rests.go_on);
	usleep(50000); /* as above */
	assert_false(rests.ran_on);
	sem_post(&works.go_on);
	wait_for(&works.over);
	wait_for(&rests.over);
	assert_true(rests.ran_on);
	pool_stop(p);
}

static void
who_rested_longest_is_wanted_when_others_wait_for_a_thread(void **state)
{
	const int64_t second = INT64_C(1000000000), now = clock_monotonic_ns();
	struct work resting[THREADS], waiting;
	int64_t asked;
	bool wanted;
	struct pool *p = start();

	(void)state;
	occupy(p, resting);
	pool_rest(&resting[0].task);
	pool_rest(&resting[1].task);
	resting[0].task.rests = now - 10 * second;
	resting[1].task.rests = now - 20 * second;
	assert_false(pool_is_wanted(&resting[1].task)); /* nobody waits */
	work_init(&waiting);
	sem_post(&waiting.go_on);
	assert_true(pool_submit(p, &waiting.task));
	assert_true(pool_is_wanted(&resting[1].task));
	assert_false(pool_is_wanted(&resting[0].task));
	/* What was before counts, too. */
	resting[0].task.rested = 15 * second;
	assert_true(pool_is_wanted(&resting[0].task));
	assert_false(pool_is_wanted(&resting[1].task));
	/* What waits for something else than its client is not told to end, and keeps nobody from
	 * that. */
	pool_wait(&resting[0].task);
	assert_true(pool_is_wanted(&resting[1].task));
	pool_resume(&resting[0].task);
	assert_int_equal(resting[0].task.rested, 15 * second);
	pool_rest(&resting[0].task);
	/* It is not for moments; nor is it asked a moment too late. */
	resting[0].task.rested = 0;
	do {
		asked = clock_monotonic_ns();
		resting[0].task.rests = resting[1].task.rests = asked - second / 2;
		wanted = pool_is_wanted(&resting[0].task) || pool_is_wanted(&resting[1].task);
	} while (clock_monotonic_ns() - asked > second / 4);
	assert_false(wanted);
	for (int i = 0; i < THREADS; i++) {
		pool_resume(&resting[i].task);
		sem_post(&resting[i].go_on);
	}
	wait_for(&waiting.over);
	pool_stop(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(as_many_run_as_there_are_threads_and_few_wait),
	    cmocka_unit_test(who_waited_too_long_is_told),
	    cmocka_unit_test(the_end_cancels_what_runs_and_drops_what_waits),
	    cmocka_unit_test(who_is_long_at_work_waits_for_a_turn_and_who_is_not_does_not),
	    cmocka_unit_test(turns_change),
	    cmocka_unit_test(who_rests_leaves_its_turn_to_others),
	    cmocka_unit_test(who_rested_longest_is_wanted_when_others_wait_for_a_thread),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
