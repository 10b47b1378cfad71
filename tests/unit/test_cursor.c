#include "reader/cursor.h"

#include "unit.h"

static void
is_printed_and_read_back(void **state)
{
	const struct cursor c = {
	    .levels = LEVEL_BIT(LEVEL_ERROR) | LEVEL_BIT(LEVEL_WARNING) | LEVEL_BIT(LEVEL_DEBUG),
	    .at = {
		[LEVEL_DEBUG] = {UINT64_MAX, -1, UINT64_MAX},
		[LEVEL_WARNING] = {0},
		[LEVEL_ERROR] = {0x1f3, 0x18ae00c2d4b, 0x2a00},
	    }};
	struct buf out = BUF_INIT;
	struct cursor back;

	(void)state;
	cursor_print(&out, &c);
	assert_buf_equal(
	    &out, "e1f3.18ae00c2d4b.2a00-w0-dffffffffffffffff.ffffffffffffffff.ffffffffffffffff");
	assert_true(cursor_parse(out.data, &back));
	assert_int_equal(back.levels, c.levels);
	for (int i = 0; i < LEVEL_COUNT; i++) {
		assert_int_equal(back.at[i].inode, c.at[i].inode);
		assert_int_equal(back.at[i].born, c.at[i].born);
		assert_int_equal(back.at[i].offset, c.at[i].offset);
	}
	buf_free(&out);
}

static void
what_was_never_printed_is_none(void **state)
{
	static const char *const wrong[] = {"", "e", "e1", "e1.", "e1.2", "e1.2.", "x1.2.3",
	    "e1.2.3-", "e1.2.3-e1.2.3", "w0-e0", "e0.1.2", "e01.2.3", "e1.02.3", "e1.2.03",
	    "e1.2.3 ", " e1.2.3", "e-1.2.3", "e1.2.3,w0", "E1.2.3", "eA.2.3", "e1.2.3.4",
	    "e10000000000000000.1.1", "e1.10000000000000000.1", "e1.1.10000000000000000",
	    "../../etc/passwd", "e../..", "e0-w0-i0-d0-e0", "e0x1.2.3", "e1.2.3\n"};
	struct cursor c;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (cursor_parse(wrong[i], &c))
			fail_msg("\"%s\" was taken", wrong[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_printed_and_read_back),
	    cmocka_unit_test(what_was_never_printed_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
