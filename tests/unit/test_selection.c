/* The query part of an address. */
#include "reader/selection.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW	   INT64_C(1764059000123)
#define TWO_LEVELS (LEVEL_BIT(LEVEL_INFO) | LEVEL_BIT(LEVEL_ERROR))

static struct selection
parse(const char *query)
{
	struct buf why = BUF_INIT;
	struct selection s;

	if (!selection_parse(&s, query, TWO_LEVELS, NOW, &why))
		fail_msg("%s: %.*s", query, (int)why.len, why.data);
	buf_free(&why);
	return s;
}

static void
test_nothing_is_given(void **state)
{
	static const char *const queries[] = {
	    NULL, "", "&", "&&", "q=", "q", "level=&start=&limit="};

	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct selection s = parse(queries[i]);

		assert_true(s.start == INT64_MIN && s.end == INT64_MAX);
		assert_int_equal(s.levels, TWO_LEVELS);
		assert_true(search_is_empty(s.search));
		assert_false(s.limited || s.directed || s.forward || s.has_cursor);
		selection_free(&s);
	}
}

static void
test_everything_is_given(void **state)
{
	struct selection s = parse(
	    "start=2026-11-24T08:21&end=2026-11-25&level=ERROR,warning&level=DEBUG&q=a+%22b%20c%22&"
	    "limit=7&direction=forward&cursor=e1f.2.3-i0&timezone=Europe%2FBerlin&before=3&"
	    "after=4&"
	    "buckets=9&date=2026-11-24");

	(void)state;
	/* The zone counts, though it comes after the times. */
	assert_true(s.start == INT64_C(1795504860000));
	assert_true(s.end == INT64_C(1795561200000));
	assert_int_equal(
	    s.levels, LEVEL_BIT(LEVEL_ERROR) | LEVEL_BIT(LEVEL_WARNING) | LEVEL_BIT(LEVEL_DEBUG));
	assert_false(search_is_empty(s.search));
	assert_true(s.limited && s.limit == 7);
	assert_true(s.directed && s.forward);
	assert_true(s.has_cursor);
	assert_int_equal(s.cursor.levels, TWO_LEVELS);
	assert_true(s.cursor.at[LEVEL_ERROR].inode == 0x1f && s.cursor.at[LEVEL_ERROR].offset == 3);
	assert_int_equal(s.before, 3);
	assert_int_equal(s.after, 4);
	assert_int_equal(s.buckets, 9);
	assert_string_equal(s.date, "2026-11-24");
	selection_free(&s);
}

static void
test_what_is_for_several_servers(void **state)
{
	struct selection s = parse("partial=1&peers=0&q=a+b&cursor=e1f.2.3~0000002a_i0~0000002b");

	(void)state;
	assert_true(s.partial && s.only_own && !s.framed);
	assert_string_equal(s.q, "a b");
	assert_true(s.has_cursor);
	assert_int_equal(s.cursor.levels, 0);
	assert_int_equal(s.cursors->count, 2);
	assert_int_equal(cursor_servers_of(s.cursors, 42)->at[LEVEL_ERROR].offset, 3);
	selection_free(&s);
	s = parse("as=peer&timeout=1500&start=@-5&end=@1795504860001&partial=0&peers=1");
	assert_true(!s.partial && !s.only_own && s.framed);
	assert_int_equal(s.timeout, 1500);
	assert_true(s.start == -5 && s.end == INT64_C(1795504860001));
	assert_null(s.cursors);
	assert_null(s.q);
	selection_free(&s);
}

static void
test_what_is_refused(void **state)
{
	static const struct {
		const char *query, *word; /* which the sentence has */
	} cases[] = {
	    {"levle=ERROR", "unknown parameter"},
	    {"partial=yes", "partial: must be 0 or 1"},
	    {"peers=2", "peers: must be 0 or 1"},
	    {"as=json", "as: must be peer"},
	    {"timeout=1s", "timeout: "},
	    {"start=@", "start: "},
	    {"start=@1x", "start: "},
	    {"end=@99999999999999999999", "end: "},
	    {"end=@9223372036854775807", "end: "},
	    {"start=@-9223372036854775807", "start: "},
	    {"cursor=e1f.2.3~", "cursor: "},
	    {"cursor=e1f.2.3~0000002a_", "cursor: "},
	    {"level=CRITICAL", "level: "},
	    {"level=../../etc/passwd", "level: "},
	    {"level=ERROR,", "level: "},
	    {"start=yesterday", "start: "},
	    {"end=-", "end: "},
	    {"start=-1h&end=-2h", "start: is after end"},
	    {"start=1&start=2", "twice"},
	    {"q=a&q=b", "twice"},
	    {"q=%22a", "q: at byte "},
	    {"limit=-1", "limit: "},
	    {"limit=1.5", "limit: "},
	    {"limit=99999999999999999999", "limit: "},
	    {"direction=up", "direction: "},
	    {"cursor=x", "cursor: "},
	    {"timezone=Mars/Olympus", "timezone: "},
	    {"timezone=../../etc/passwd", "timezone: "},
	    {"before=1001", "before: "},
	    {"after=x", "after: "},
	    {"buckets=0", "buckets: "},
	    {"buckets=1001", "buckets: "},
	    {"date=today", "date: "},
	    {"q=%", "percent"},
	    {"q=%4", "percent"},
	    {"q=%zz", "percent"},
	    {"q=a%00b", "percent"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf why = BUF_INIT;
		struct selection s;

		if (selection_parse(&s, cases[i].query, TWO_LEVELS, NOW, &why))
			fail_msg("%s is taken", cases[i].query);
		buf_putc(&why, '\0');
		if (strstr(why.data, cases[i].word) == NULL)
			fail_msg("%s: %s", cases[i].query, why.data);
		selection_free(&s);
		buf_free(&why);
	}
}

static void
test_a_bad_q_says_where(void **state)
{
	struct buf why = BUF_INIT;
	struct selection s;

	(void)state;
	assert_false(selection_parse(&s, "q=abc+/(/", TWO_LEVELS, NOW, &why));
	assert_in_range(s.wrong_at, 4, 7);
	selection_free(&s);
	assert_false(selection_parse(&s, "start=x", TWO_LEVELS, NOW, &why));
	assert_int_equal(s.wrong_at, -1);
	selection_free(&s);
	buf_free(&why);
}

static void
test_one_that_is_too_long(void **state)
{
	struct buf why = BUF_INIT;
	struct selection s;
	char *query = malloc(40000);

	(void)state;
	memset(query, 'q', 39999);
	query[39999] = '\0';
	assert_false(selection_parse(&s, query, TWO_LEVELS, NOW, &why));
	selection_free(&s);
	buf_free(&why);
	free(query);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_is_given),
	    cmocka_unit_test(test_everything_is_given),
	    cmocka_unit_test(test_what_is_for_several_servers),
	    cmocka_unit_test(test_what_is_refused),
	    cmocka_unit_test(test_a_bad_q_says_where),
	    cmocka_unit_test(test_one_that_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
