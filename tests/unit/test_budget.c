#include "base/budget.h"
#include "unit.h"

#define KB ((size_t)1024)

static void
counts_what_is_larger_than_the_least(void **state)
{
	struct budget b = {.max = 300 * KB};

	(void)state;
	assert_true(budget_grow(&b, 0, BUDGET_LEAST));
	assert_int_equal(b.used, 0);
	assert_true(budget_grow(&b, BUDGET_LEAST, 100 * KB)); /* the whole piece, now */
	assert_int_equal(b.used, 100 * KB);
	assert_true(budget_grow(&b, 100 * KB, 200 * KB));
	assert_int_equal(b.used, 200 * KB);
	budget_shrink(&b, 200 * KB, 150 * KB);
	assert_int_equal(b.used, 150 * KB);
	budget_shrink(&b, 150 * KB, BUDGET_LEAST);
	assert_int_equal(b.used, 0);
	budget_shrink(&b, BUDGET_LEAST, 0);
	assert_int_equal(b.used, 0);
}

static void
refuses_what_is_beyond_and_counts_nothing_for_it(void **state)
{
	struct budget b = {.max = 300 * KB};

	(void)state;
	assert_true(budget_grow(&b, 0, 200 * KB));
	assert_false(budget_grow(&b, 0, 101 * KB));
	assert_false(budget_grow(&b, 200 * KB, SIZE_MAX));
	assert_int_equal(b.used, 200 * KB);
	assert_true(budget_grow(&b, 0, 100 * KB)); /* to its last byte */
	assert_false(budget_grow(&b, 0, 65 * KB));
	assert_true(budget_grow(&b, 0, 64 * KB)); /* small pieces go on */
	budget_shrink(&b, 200 * KB, 0);
	assert_true(budget_grow(&b, 0, 200 * KB));
}

static void
none_is_without_bounds(void **state)
{
	(void)state;
	assert_true(budget_grow(NULL, 0, SIZE_MAX));
	budget_shrink(NULL, SIZE_MAX, 0);
}

/* A buffer counts what it has, and gives it back whichever way it is emptied. */
static void
buffers_count_their_memory(void **state)
{
	struct budget budget = {.max = 1024 * KB};
	struct buf a = {.budget = &budget}, b = {.budget = &budget};

	(void)state;
	buf_fill(&a, 'x', 600 * KB);
	assert_false(a.failed);
	assert_int_equal(budget.used, a.cap);
	buf_fill(&b, 'x', 600 * KB);
	assert_true(b.failed);
	assert_false(b.over_max);
	assert_int_equal(budget.used, a.cap + (b.cap > BUDGET_LEAST ? b.cap : 0));
	buf_clear(&a, 64 * KB);
	buf_clear(&b, 64 * KB);
	assert_int_equal(budget.used, 0);
	buf_fill(&b, 'x', 600 * KB);
	assert_false(b.failed);
	buf_free(&a);
	buf_free(&b);
	assert_int_equal(budget.used, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts_what_is_larger_than_the_least),
	    cmocka_unit_test(refuses_what_is_beyond_and_counts_nothing_for_it),
	    cmocka_unit_test(none_is_without_bounds),
	    cmocka_unit_test(buffers_count_their_memory),
	};

	return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
