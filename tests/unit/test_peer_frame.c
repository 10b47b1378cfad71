#include "reader/peer_frame.h"

#include "base/civil.h"
#include "unit.h"

static const struct cursor after = {.levels = LEVEL_BIT(LEVEL_INFO) | LEVEL_BIT(LEVEL_ERROR),
    .at = {[LEVEL_INFO] = {0x77, 1, 0x20}, [LEVEL_ERROR] = {0}}};

static struct peer_frame
read_whole(const struct buf *out)
{
	struct peer_frame f;

	assert_int_equal(peer_frame_read(&f, out->data, out->len), out->len);
	/* A line that is not whole is none yet. */
	for (size_t len = 0; len < out->len; len++) {
		struct peer_frame part;

		assert_int_equal(peer_frame_read(&part, out->data, len), 0);
	}
	return f;
}

static void
an_entry_is_read_as_it_was_written(void **state)
{
	static const char text[] = "08:21 ERROR:app.db \xff\n\tat line 1";
	const struct walk_entry entry = {.level = LEVEL_INFO,
	    .text = text,
	    .len = sizeof(text) - 1,
	    .ms = -5,
	    .at = {0x77, 1, 0x10}};
	const struct entry_fields fields = {
	    .level = {text + 6, 5}, .logger = {"elsewhere", 9}, .message = {text + 19, 1}};
	struct buf out = BUF_INIT, extra = BUF_INIT;
	struct peer_frame f;

	(void)state;
	peer_frame_entry(&out, &extra, &entry, &fields, &after);
	assert_buf_equal(&out, "E -5 i77.1.10 e0-i77.1.20 40 31 6+5 31+9 19+1\n");
	assert_buf_equal(&extra, "elsewhere");
	f = read_whole(&out);
	assert_int_equal(f.kind, PEER_FRAME_ENTRY);
	assert_int_equal(f.ms, -5);
	assert_int_equal(f.level, LEVEL_INFO);
	assert_int_equal(f.at.offset, 0x10);
	assert_int_equal(f.payload, entry.len + 9);
	assert_int_equal(f.text, entry.len);
	assert_int_equal(f.logger.offset, entry.len);
	assert_int_equal(f.cursor.levels, after.levels);
	assert_int_equal(f.cursor.at[LEVEL_INFO].offset, 0x20);
	buf_free(&out);
	buf_free(&extra);
}

static void
what_an_entry_lacks_is_told(void **state)
{
	const struct walk_entry entry = {
	    .level = LEVEL_INFO, .text = "x", .len = 1, .ms = INT64_MIN, .at = {0x77, 1, 0x10}};
	const struct entry_fields fields = {.message = {"", 0}};
	struct buf out = BUF_INIT, extra = BUF_INIT;
	struct peer_frame f;

	(void)state;
	peer_frame_entry(&out, &extra, &entry, &fields, &after);
	f = read_whole(&out);
	assert_int_equal(f.ms, INT64_MIN);
	assert_true(f.level_name.len == SIZE_MAX && f.logger.len == SIZE_MAX);
	assert_int_equal(f.message.len, 0);
	buf_free(&out);
	buf_free(&extra);
}

static void
the_others_are_read_as_they_were_written(void **state)
{
	const struct peer_frame end = {.how = PEER_FRAME_DEADLINE,
	    .scanned = 1,
	    .of = 2,
	    .matched = 3,
	    .given_up = 4,
	    .has_cursor = true,
	    .cursor = after};
	struct buf out = BUF_INIT;
	struct peer_frame f;
	int line;

	(void)state;
	peer_frame_begin(&out, &after);
	f = read_whole(&out);
	assert_int_equal(f.kind, PEER_FRAME_BEGIN);
	assert_true(f.has_cursor && !f.has_payload);
	buf_clear(&out, 0);
	peer_frame_progress(&out, 7, UINT32_MAX, &after);
	f = read_whole(&out);
	assert_int_equal(f.kind, PEER_FRAME_PROGRESS);
	assert_int_equal(f.of, UINT32_MAX);
	buf_clear(&out, 0);
	peer_frame_counts(&out, 1, 2, 3);
	f = read_whole(&out);
	assert_int_equal(f.kind, PEER_FRAME_COUNTS);
	assert_int_equal(f.payload, 3);
	buf_clear(&out, 0);
	peer_frame_end(&out, &end);
	f = read_whole(&out);
	assert_int_equal(f.kind, PEER_FRAME_END);
	assert_int_equal(f.how, PEER_FRAME_DEADLINE);
	assert_int_equal(f.given_up, 4);
	buf_clear(&out, 0);
	peer_frame_file(&out, LEVEL_WARNING, "warning.log.1", INT64_MIN, 5, 6, 7);
	line = peer_frame_read(&f, out.data, out.len);
	assert_int_equal(f.kind, PEER_FRAME_FILE);
	assert_int_equal(f.level, LEVEL_WARNING);
	assert_true(f.ms == INT64_MIN && f.last == 5 && f.modified == 6 && f.bytes == 7);
	assert_int_equal(f.payload, strlen("warning.log.1"));
	assert_memory_equal(out.data + line, "warning.log.1\n", f.payload + 1);
	buf_free(&out);
}

static void
what_was_never_written_is_none(void **state)
{
	static const char *const wrong[] = {"\n", "B\n", "B \n", "B i1.1.1 \n", "B  i1.1.1\n",
	    "B i1.1.1 x\n", "X i1.1.1\n", "b i1.1.1\n", "P 1 i1.1.1\n", "P 1 2\n",
	    "P -1 2 i1.1.1\n", "P 1 99999999999999999999 i1.1.1\n", "P +1 2 i1.1.1\n",
	    "P 1x 2 i1.1.1\n", "H 1 2\n", "H 1 2 99999999999\n", "F i - - - 1 0\n",
	    "F i - - - 1 256\n", "F x - - - 1 1\n", "F ii - - - 1 1\n", "F i - - 1 1\n",
	    "F i x - - 1 1\n", "Z\n", "Z complete 1 2 3 4\n", "Z complete 1 2 3 -\n",
	    "Z whole 1 2 3 4 -\n", "Z complete 1 2 3 4 - -\n", "Z complete 1 2 3 4 i1\n",
	    "E 1 i1.1.1 i1.1.1 1 2 - - -\n", "E 1 i1.1.1 i1.1.1 1 1 0+2 - -\n",
	    "E 1 i1.1.1 i1.1.1 1 1 2+0 - -\n", "E 1 i1.1.1 i1.1.1 1 1 + - -\n",
	    "E 1 i1.1.1 i1.1.1 1 1 - - 0+99999999999999999999\n", "E 1 i0 i1.1.1 1 1 - - -\n",
	    "E 1 i1.1.1-d1.1.1 i1.1.1 1 1 - - -\n", "E 1 i1.1.1 - 1 1 - - -\n",
	    "E --1 i1.1.1 i1.1.1 1 1 - - -\n", "E 9223372036854775807 i1.1.1 i1.1.1 1 1 - - -\n",
	    "E -9223372036854775808 i1.1.1 i1.1.1 1 1 - - -\n",
	    "E 1 i1.1.1 i1.1.1 99999999999 1 - - -\n",
	    "E 1 i1.1.1 i1.1.1 33554433 33554433 - - -\n", "E 1 i1.1.1 i1.1.1 10 10 0+10 0+1 -\n",
	    "E 1 i1.1.1 i1.1.1 10 10 - 9+1 0+10\n", "E 1 i1.1.1 i1.1.1 10 5 0+5 0+5 0+1\n",
	    "E 1 i1.1.1 i1.1.1 68157440 1 0+68157440 0+68157440 0+68157440\n",
	    "E 253402732800000 i1.1.1 i1.1.1 1 1 - - -\n",
	    "E -62136028800001 i1.1.1 i1.1.1 1 1 - - -\n", "F i - 2305843009213693950 - 1 1\n",
	    "F i - - 253402732800000 1 1\n"};
	char endless[PEER_FRAME_LINE + 1];
	struct peer_frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (peer_frame_read(&f, wrong[i], strlen(wrong[i])) != -1)
			fail_msg("\"%s\" was taken", wrong[i]);
	}
	assert_int_equal(peer_frame_read(&f, "B i1.1.1\0\n", 10), -1);
	memset(endless, '1', sizeof(endless));
	assert_int_equal(peer_frame_read(&f, endless, PEER_FRAME_LINE - 1), 0);
	assert_int_equal(peer_frame_read(&f, endless, sizeof(endless)), -1);
}

/* The largest entry of a file, and one that is nothing but fields. */
static void
what_may_be_written_is_taken(void **state)
{
	static const char *const right[] = {"E 1 i1.1.1 i1.1.1 33554432 33554432 - - 0+33554432\n",
	    "E 1 i1.1.1 i1.1.1 67108864 33554432 - - 33554432+33554432\n",
	    "E 1 i1.1.1 i1.1.1 10 10 0+3 3+3 6+4\n", "E 1 i1.1.1 i1.1.1 10 0 0+10 10+0 -\n"};
	struct peer_frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		if (peer_frame_read(&f, right[i], strlen(right[i])) != (int)strlen(right[i]))
			fail_msg("\"%s\" was not taken", right[i]);
	}
}

static void
the_longest_line_fits(void **state)
{
	struct walk_entry entry = {.level = LEVEL_ERROR,
	    .text = "",
	    .ms = CIVIL_MS_MIN,
	    .at = {UINT64_MAX, -1, UINT64_MAX}};
	const struct entry_fields fields = {0};
	struct cursor all = {.levels = (1U << LEVEL_COUNT) - 1};
	struct buf out = BUF_INIT, extra = BUF_INIT;

	(void)state;
	for (int i = 0; i < LEVEL_COUNT; i++)
		all.at[i] = entry.at;
	peer_frame_entry(&out, &extra, &entry, &fields, &all);
	/* With lengths and offsets of twenty digits each. */
	assert_true(out.len + 8 * 20 < PEER_FRAME_LINE);
	read_whole(&out);
	buf_free(&out);
	buf_free(&extra);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_entry_is_read_as_it_was_written),
	    cmocka_unit_test(what_an_entry_lacks_is_told),
	    cmocka_unit_test(the_others_are_read_as_they_were_written),
	    cmocka_unit_test(what_was_never_written_is_none),
	    cmocka_unit_test(what_may_be_written_is_taken),
	    cmocka_unit_test(the_longest_line_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
