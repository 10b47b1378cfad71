/* Many threads send the same at the same time. */
#include "server/repeats.h"
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS	    8
#define NUMBERS	    2000
#define CLIENTS	    4	 /* each with so many NUMBERS */
#define WAITING_MAX 1000 /* bytes */

static struct repeats *repeats;

static int
setup(void **state)
{
	(void)state;
	repeats = repeats_new(CLIENTS, WAITING_MAX);
	return repeats != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	repeats_free(repeats);
	return 0;
}

static _Atomic unsigned written[CLIENTS][NUMBERS], answered[CLIENTS][NUMBERS];
static pthread_barrier_t barrier;

/* Every thread sends every number of every client, as if the others were its retries. One attempt
 * in four is refused. No thread is as much as a window ahead of another. */
static void *
send_all(void *argument)
{
	unsigned seed = (unsigned)(uintptr_t)argument;

	for (unsigned number = 0; number < NUMBERS; number++) {
		if (number % (REPEATS_WINDOW / 2) == 0)
			pthread_barrier_wait(&barrier);
		for (unsigned client = 0; client < CLIENTS; client++) {
			struct repeats_claim *c = calloc(1, sizeof(*c)), *waited;
			char *key = malloc(16);
			bool taken;

			snprintf(key, 16, "%u-%u", client, number);
			if (!repeats_parse(key, &c->key))
				abort();
			c->owner = key;
			switch (repeats_claim(repeats, c)) {
			case REPEATS_WAITS: continue; /* not ours any more */
			case REPEATS_FULL: abort();
			case REPEATS_TAKEN:
				if (atomic_load(&written[client][number]) == 0)
					abort();
				atomic_fetch_add(&answered[client][number], 1);
				break;
			case REPEATS_FIRST:
				seed = seed * 1103515245 + 12345;
				taken = (seed >> 16) % 4 != 0;
				if (taken)
					atomic_fetch_add(&written[client][number], 1);
				waited = repeats_settle(repeats, c, taken);
				atomic_fetch_add(&answered[client][number], 1);
				while (waited != NULL) {
					struct repeats_claim *next = waited->next;

					atomic_fetch_add(&answered[client][number], 1);
					free(waited->owner);
					free(waited);
					waited = next;
				}
				break;
			}
			free(key);
			free(c);
		}
	}
	return NULL;
}

static void
threads_write_each_number_once(void **state)
{
	pthread_t threads[THREADS];
	unsigned total = 0;

	(void)state;
	memset(written, 0, sizeof(written));
	memset(answered, 0, sizeof(answered));
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send_all, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	for (unsigned client = 0; client < CLIENTS; client++) {
		for (unsigned number = 0; number < NUMBERS; number++) {
			assert_int_equal(answered[client][number], THREADS);
			assert_in_range(written[client][number], 0, 1);
			total += written[client][number];
		}
	}
	assert_in_range(total, CLIENTS * NUMBERS / 2, CLIENTS * NUMBERS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(threads_write_each_number_once, setup, teardown),
	};

	return cmocka_run_group_tests_name("repeats_threads", tests, NULL, NULL);
}
