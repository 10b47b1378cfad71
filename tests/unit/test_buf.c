#include "unit.h"

static void
grows_and_keeps_what_was_appended(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (int i = 0; i < 10000; i++)
		buf_putc(&b, (char)('a' + i % 26));
	assert_int_equal(b.len, 10000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	buf_free(&b);
}

static void
prints_what_printf_prints(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "a");
	buf_printf(&b, "%s-%d", "b", 7);
	buf_fill(&b, 'z', 3);
	assert_int_equal(b.len, 7);
	assert_memory_equal(b.data, "ab-7zzz", 7);
	buf_free(&b);
}

static void
fails_for_good_until_cleared(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "kept");
	assert_false(buf_reserve(&b, SIZE_MAX / 2));
	assert_true(b.failed);
	buf_puts(&b, "refused");
	assert_int_equal(b.len, 4);
	buf_clear(&b, 1024);
	assert_false(b.failed);
	buf_puts(&b, "again");
	assert_int_equal(b.len, 5);
	buf_free(&b);
}

static void
gives_back_memory_beyond_what_is_kept(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_fill(&b, 'x', 100000);
	buf_clear(&b, 4096);
	assert_int_equal(b.cap, 0);
	buf_fill(&b, 'x', 1000);
	buf_clear(&b, 4096);
	assert_true(b.cap >= 1000);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(grows_and_keeps_what_was_appended),
	    cmocka_unit_test(prints_what_printf_prints),
	    cmocka_unit_test(fails_for_good_until_cleared),
	    cmocka_unit_test(gives_back_memory_beyond_what_is_kept),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
