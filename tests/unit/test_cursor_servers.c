#include "reader/cursor_servers.h"

#include "unit.h"

static void
is_printed_and_read_back(void **state)
{
	const struct cursor one = {
	    .levels = LEVEL_BIT(LEVEL_ERROR), .at = {[LEVEL_ERROR] = {0x1f3, 0x18a, 0x2a00}}};
	const struct cursor two = {.levels = LEVEL_BIT(LEVEL_WARNING)};
	struct cursor_servers back;
	struct buf out = BUF_INIT;

	(void)state;
	cursor_servers_print(&out, 0x5f3a9c1e, &one);
	cursor_servers_separate(&out);
	cursor_servers_print(&out, 0x0badcafe, &two);
	assert_buf_equal(&out, "e1f3.18a.2a00~5f3a9c1e_w0~0badcafe");
	assert_true(cursor_servers_parse(out.data, &back));
	assert_int_equal(back.count, 2);
	assert_int_equal(cursor_servers_of(&back, 0x5f3a9c1e)->at[LEVEL_ERROR].offset, 0x2a00);
	assert_int_equal(cursor_servers_of(&back, 0x0badcafe)->levels, LEVEL_BIT(LEVEL_WARNING));
	assert_null(cursor_servers_of(&back, 1));
	buf_free(&out);
}

static void
has_room_for_all_servers_and_no_more(void **state)
{
	const struct cursor one = {.levels = LEVEL_BIT(LEVEL_INFO)};
	struct cursor_servers back;
	struct buf out = BUF_INIT;

	(void)state;
	for (uint32_t i = 0; i <= CURSOR_SERVERS_MAX; i++) {
		if (i > 0)
			cursor_servers_separate(&out);
		cursor_servers_print(&out, i, &one);
		buf_putc(&out, '\0');
		assert_int_equal(cursor_servers_parse(out.data, &back), i < CURSOR_SERVERS_MAX);
		out.len--;
	}
	buf_free(&out);
}

static void
what_was_never_printed_is_none(void **state)
{
	static const char *const wrong[] = {"", "~", "i1.2.3", "i1.2.3~", "~5f3a9c1e",
	    "i1.2.3~5f3a9c1", "i1.2.3~5f3a9c1e0", "i1.2.3~5f3a9c1e_", "_i1.2.3~5f3a9c1e",
	    "i1.2.3~5F3A9C1E", "i1.2.3~5f3a9c1g", "i1.2~5f3a9c1e", "x1.2.3~5f3a9c1e",
	    "i1.2.3~5f3a9c1e_i1.2.4~5f3a9c1e", "i1.2.3~5f3a9c1e i1.2.3~5f3a9c1f",
	    "i1.2.3~~5f3a9c1e", "i1.2.3~5f3a9c1e_i1.2.3", "i1.2.3~5f3a9c1e\n"};
	struct cursor_servers c;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (cursor_servers_parse(wrong[i], &c))
			fail_msg("\"%s\" was taken", wrong[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_printed_and_read_back),
	    cmocka_unit_test(has_room_for_all_servers_and_no_more),
	    cmocka_unit_test(what_was_never_printed_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
