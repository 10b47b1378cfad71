#include "unit.h"
#include "web/connections.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct connections *connections;

static int
set_up(void **state)
{
	(void)state;
	connections = malloc(sizeof(*connections));
	connections_init(connections);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	connections_free(connections);
	free(connections);
	return 0;
}

static struct connection *
open_one(uint64_t *token)
{
	struct connection *c;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(pair[1]);
	c = connections_open(connections, pair[0], 1024, token);
	assert_non_null(c);
	return c;
}

static void
one_thread_has_it_at_a_time(void **state)
{
	uint64_t token;
	struct connection *c = open_one(&token);

	(void)state;
	assert_ptr_equal(connections_take(connections, token), c);
	assert_true(connections_release(c));
	assert_ptr_equal(connections_take(connections, token), c);
	assert_null(connections_take(connections, token));
	assert_null(connections_take(connections, token));
	/* It was told, once; then it can be given up. */
	assert_false(connections_release(c));
	assert_true(connections_release(c));
	assert_ptr_equal(connections_take(connections, token), c);
	connections_close(connections, c);
}

static void
an_old_token_takes_nothing(void **state)
{
	uint64_t first, second;
	struct connection *c = open_one(&first), *again;

	(void)state;
	assert_ptr_equal(connections_take(connections, first), c);
	connections_close(connections, c);
	assert_null(connections_take(connections, first));
	again = open_one(&second);
	assert_ptr_equal(again, c); /* the same place */
	assert_null(connections_take(connections, first));
	assert_ptr_equal(connections_take(connections, second), again);
}

static void
more_than_a_chunk_can_be_open(void **state)
{
	struct connection *c[CONNECTIONS_CHUNK * 3];
	uint64_t token[CONNECTIONS_CHUNK * 3];

	(void)state;
	for (int i = 0; i < CONNECTIONS_CHUNK * 3; i++)
		c[i] = open_one(&token[i]);
	for (int i = 0; i < CONNECTIONS_CHUNK * 3; i++) {
		assert_ptr_equal(connections_take(connections, token[i]), c[i]);
		for (int j = 0; j < i; j++)
			assert_ptr_not_equal(c[i], c[j]);
	}
	for (int i = 0; i < CONNECTIONS_CHUNK * 3; i += 2)
		connections_close(connections, c[i]);
}

static void
those_that_wait_for_the_rest_are_found(void **state)
{
	uint64_t token[4];
	struct connection *c[4], *first, *second;
	uint32_t index = 0;

	(void)state;
	for (int i = 0; i < 4; i++)
		c[i] = open_one(&token[i]);
	atomic_store(&c[0]->waits_since, 5);
	atomic_store(&c[1]->waits_since, 6);
	atomic_store(&c[2]->waits_since, 4);
	atomic_store(&c[3]->waits_since, 4);
	assert_ptr_equal(connections_take(connections, token[2]), c[2]);
	/* The one before 6, and neither the one that another thread has nor those that don't wait.
	 */
	first = connections_take_waiting(connections, 5, &index);
	second = connections_take_waiting(connections, 5, &index);
	assert_true((first == c[0] && second == c[3]) || (first == c[3] && second == c[0]));
	assert_null(connections_take_waiting(connections, 5, &index));
	connections_close(connections, c[0]);
	connections_close(connections, c[3]);
	/* That one was told; and what is closed waits no more. */
	assert_false(connections_release(c[2]));
	index = 0;
	assert_null(connections_take_waiting(connections, 3, &index));
	assert_true(connections_release(c[2]));
	index = 0;
	assert_ptr_equal(connections_take_waiting(connections, 5, &index), c[2]);
	assert_null(connections_take_waiting(connections, 5, &index));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_thread_has_it_at_a_time),
	    cmocka_unit_test(an_old_token_takes_nothing),
	    cmocka_unit_test(more_than_a_chunk_can_be_open),
	    cmocka_unit_test(those_that_wait_for_the_rest_are_found),
	};

	return cmocka_run_group_tests_name("connections", tests, set_up, tear_down);
}
