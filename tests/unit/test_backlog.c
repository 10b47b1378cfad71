#include "unit.h"
#include "web/backlog.h"

#define PLACES 2

static struct backlog backlog;
static struct connection connection[5];

static int
set_up(void **state)
{
	(void)state;
	backlog_init(&backlog, PLACES);
	for (size_t i = 0; i < sizeof(connection) / sizeof(connection[0]); i++)
		connection[i].large = false;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	backlog_free(&backlog);
	return 0;
}

static void
ready_ones_come_in_their_order(void **state)
{
	bool more;

	(void)state;
	assert_null(backlog_pop(&backlog, &more));
	assert_false(more);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++)
			backlog_push(&backlog, &connection[i]);
		for (int i = 0; i < 3; i++) {
			assert_ptr_equal(backlog_pop(&backlog, &more), &connection[i]);
			assert_int_equal(more, i < 2);
		}
		assert_null(backlog_pop(&backlog, &more));
	}
}

static void
a_large_one_waits_until_another_leaves(void **state)
{
	bool more;

	(void)state;
	assert_true(backlog_admit(&backlog, &connection[0]));
	assert_true(backlog_admit(&backlog, &connection[1]));
	for (int i = 2; i < 5; i++) {
		assert_false(backlog_admit(&backlog, &connection[i]));
		assert_false(connection[i].large);
	}
	assert_null(backlog_pop(&backlog, &more));
	/* Whoever has waited longest gets the place, and is ready. */
	for (int i = 2; i < 5; i++) {
		assert_true(backlog_leave(&backlog, &connection[i - 2]));
		assert_false(connection[i - 2].large);
		assert_true(connection[i].large);
		assert_ptr_equal(backlog_pop(&backlog, &more), &connection[i]);
		assert_false(more);
	}
	/* Nobody waits: the places are free. */
	assert_false(backlog_leave(&backlog, &connection[3]));
	assert_false(backlog_leave(&backlog, &connection[4]));
	assert_true(backlog_admit(&backlog, &connection[0]));
	assert_true(backlog_admit(&backlog, &connection[1]));
	assert_false(backlog_admit(&backlog, &connection[2]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(ready_ones_come_in_their_order, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_large_one_waits_until_another_leaves, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("backlog", tests, NULL, NULL);
}
