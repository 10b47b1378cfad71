#include "unit.h"

#include <stdio.h>

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
prints_at_every_place_before_its_end(void **state)
{
	char expected[600];

	(void)state;
	/* With room for all of it, for all but its NUL, for a part, for nothing. */
	for (size_t before = 0; before < 520; before++) {
		struct buf b = BUF_INIT;

		memset(expected, 'x', before);
		snprintf(expected + before, sizeof(expected) - before, "%05d", 42);
		buf_fill(&b, 'x', before);
		buf_printf(&b, "%05d", 42);
		assert_int_equal(b.len, before + 5);
		assert_memory_equal(b.data, expected, b.len);
		buf_free(&b);
	}
}

static void
writes_numbers(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_put_number(&b, 0);
	buf_putc(&b, ' ');
	buf_put_number(&b, 1234567890);
	buf_putc(&b, ' ');
	buf_put_number(&b, UINT64_MAX);
	assert_int_equal(b.len, 33);
	assert_memory_equal(b.data, "0 1234567890 18446744073709551615", 33);
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

static void
grows_to_its_max_and_no_further(void **state)
{
	struct buf b = {.max = 1000};

	(void)state;
	buf_fill(&b, 'x', 300);
	buf_fill(&b, 'y', 600);
	assert_int_equal(b.cap, 1000);
	buf_fill(&b, 'z', 100);
	assert_false(b.failed);
	buf_putc(&b, '!');
	assert_true(b.failed && b.over_max);
	assert_int_equal(b.len, 1000);
	buf_clear(&b, 4096);
	assert_false(b.failed || b.over_max);
	buf_fill(&b, 'x', 1001);
	assert_true(b.over_max);
	buf_free(&b);
	assert_int_equal(b.max, 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(grows_and_keeps_what_was_appended),
	    cmocka_unit_test(prints_what_printf_prints),
	    cmocka_unit_test(prints_at_every_place_before_its_end),
	    cmocka_unit_test(writes_numbers),
	    cmocka_unit_test(fails_for_good_until_cleared),
	    cmocka_unit_test(gives_back_memory_beyond_what_is_kept),
	    cmocka_unit_test(grows_to_its_max_and_no_further),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
