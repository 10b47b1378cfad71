#include "unit.h"
#include "writer/seen.h"

#include <stdio.h>
#include <stdlib.h>

static bool
note(struct seen *s, int32_t partition, const char *batch, const char *index)
{
	struct seen_key key = {.partition = partition};

	assert_true(seen_key_parse(batch, strlen(batch), index, strlen(index), &key));
	return seen_note(s, &key);
}

static void
check_text(const struct seen *s, const char *expected)
{
	struct buf out = BUF_INIT;

	seen_write(s, &out);
	assert_buf_equal(&out, expected);
	buf_free(&out);
}

static void
takes_each_message_of_a_batch_once(void **state)
{
	struct seen *s = seen_new();

	(void)state;
	assert_true(note(s, 0, "a-1", "0"));
	assert_true(note(s, 0, "a-1", "1"));
	assert_false(note(s, 0, "a-1", "0"));
	assert_false(note(s, 0, "a-1", "1"));
	/* of another partition, client, number */
	assert_true(note(s, 1, "a-1", "1"));
	assert_true(note(s, 0, "b-1", "1"));
	assert_true(note(s, 0, "a-2", "1"));
	/* after a gap, which is filled later */
	assert_true(note(s, 0, "a-1", "5"));
	assert_true(note(s, 0, "a-1", "3"));
	assert_false(note(s, 0, "a-1", "5"));
	assert_true(note(s, 0, "a-1", "2"));
	assert_true(note(s, 0, "a-1", "4"));
	for (char i[2] = "0"; *i <= '5'; ++*i)
		assert_false(note(s, 0, "a-1", i));
	assert_true(note(s, 0, "a-1", "6"));
	check_text(s, "[[1,\"a\",\"1:1\"],\n[0,\"b\",\"1:1\"],\n[0,\"a\",\"1:0-6 2:1\"]]");
	seen_free(s);
}

/* Against a plain table. */
static void
agrees_with_a_table(void **state)
{
	static bool table[4][8][64];
	struct seen *s = seen_new();
	struct buf out = BUF_INIT;

	(void)state;
	srand(1);
	for (int i = 0; i < 4000; i++) {
		unsigned client = (unsigned)rand() % 4, number = (unsigned)rand() % 8,
			 index = (unsigned)rand() % 64;
		struct seen_key key = {(int32_t)client, "x", 1, number, index};

		assert_int_equal(seen_known(s, &key), table[client][number][index]);
		assert_int_equal(seen_note(s, &key), !table[client][number][index]);
		table[client][number][index] = true;
	}
	seen_write(s, &out);
	assert_non_null(memmem(out.data, out.len, "0-63", 4));
	buf_free(&out);
	seen_free(s);
}

static void
takes_over_what_another_has(void **state)
{
	struct seen *s = seen_new(), *fresh = seen_new();

	(void)state;
	note(s, 0, "a-1", "0");
	note(s, 0, "a-1", "5");
	note(s, 0, "b-1", "0");
	for (char i[2] = "1"; *i <= '4'; ++*i)
		note(fresh, 0, "a-1", i);
	note(fresh, 0, "a-1", "7");
	note(fresh, 0, "a-0", "7");
	note(fresh, 2, "c-1", "7");
	seen_merge(s, fresh);
	assert_int_equal(seen_count(fresh), 0);
	check_text(s, "[[0,\"b\",\"1:0\"],\n[0,\"a\",\"0:7 1:0-5,7\"],\n[2,\"c\",\"1:7\"]]");
	seen_free(fresh);
	seen_free(s);
}

static void
is_read_as_it_was_written(void **state)
{
	static const char text[] = "[[3,\"b.c_-d\",\"9:0-4,7,9-11 12:3\"],\n[0,\"a\",\"1:0\"]]";
	struct seen *s = seen_new();

	(void)state;
	assert_true(seen_read(s, 3, "b.c_-d", 6, "9:0-4,7,9-11 12:3"));
	assert_true(seen_read(s, 0, "a", 1, "1:0"));
	check_text(s, text);
	assert_false(note(s, 3, "b.c_-d-9", "10"));
	assert_true(note(s, 3, "b.c_-d-9", "8"));
	seen_clear(s);
	assert_int_equal(seen_count(s), 0);
	check_text(s, "[]");
	seen_free(s);
}

static void
refuses_what_is_none(void **state)
{
	static const char *const wrong[] = {"1", "1:", "1:x", "1:0,", "1:0 ", "1:3-2", "1:4,3",
	    "1:0-4,4", "1:0-4294967295", "9223372036854775808:0", ":0", "1:0 2", "1:0-"};
	struct seen *s = seen_new();
	struct seen_key key;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(seen_read(s, 0, "a", 1, wrong[i]));
	assert_false(seen_read(s, 0, "", 0, "1:0"));
	assert_false(seen_read(s, 0, "a\"b", 3, "1:0"));
	assert_false(seen_key_parse("a1", 2, "0", 1, &key));
	assert_false(seen_key_parse("-1", 2, "0", 1, &key));
	assert_false(seen_key_parse("a-", 2, "0", 1, &key));
	assert_false(seen_key_parse("a-x", 3, "0", 1, &key));
	assert_false(seen_key_parse("a-1", 3, "", 0, &key));
	assert_false(seen_key_parse("a-1", 3, "-1", 2, &key));
	assert_false(seen_key_parse("a-1", 3, "4294967295", 10, &key));
	assert_false(seen_key_parse("a b-1", 5, "0", 1, &key));
	assert_true(seen_key_parse("a-9223372036854775807", 21, "4294967294", 10, &key));
	assert_true(seen_key_parse("a-b-7", 5, "0", 1, &key));
	assert_int_equal(key.len, 3);
	seen_free(s);
}

static void
keeps_the_greatest_numbers(void **state)
{
	struct seen *s = seen_new();
	char batch[32];

	(void)state;
	for (int i = 0; i < SEEN_NUMBERS + 2; i += 1) {
		snprintf(batch, sizeof(batch), "a-%d", i * 10);
		assert_true(note(s, 0, batch, "0"));
	}
	/* Below those that are kept: written, and not remembered. */
	assert_true(note(s, 0, "a-0", "0"));
	assert_true(note(s, 0, "a-0", "0"));
	assert_false(note(s, 0, "a-20", "0"));
	/* One that comes late, in between, is remembered in the place of the smallest. */
	assert_true(note(s, 0, "a-35", "0"));
	assert_false(note(s, 0, "a-35", "0"));
	assert_true(note(s, 0, "a-20", "0"));
	seen_free(s);
}

static void
is_bounded(void **state)
{
	struct seen *s = seen_new();
	struct seen_key key = {.id = "a", .len = 1};
	char id[16];

	(void)state;
	/* Ranges of one client: older numbers go. */
	for (key.number = 1; key.number <= 3; key.number++) {
		for (key.index = 0; key.index < 2 * 300; key.index += 2)
			assert_true(seen_note(s, &key));
	}
	key.index = 0;
	key.number = 3;
	assert_false(seen_note(s, &key));
	key.number = 1;
	assert_true(seen_note(s, &key));
	seen_clear(s);
	/* Of one batch, and of all clients. */
	key.number = 1;
	for (key.index = 0; key.index < 2 * (SEEN_RANGES_OF + 10); key.index += 2)
		assert_true(seen_note(s, &key));
	seen_clear(s);
	/* Clients: who was not heard of longest goes. */
	key.index = 0;
	key.id = id;
	for (int i = 0; i < SEEN_CLIENTS + 1; i++) {
		key.len = (size_t)snprintf(id, sizeof(id), "c%d", i);
		assert_true(seen_note(s, &key));
		if (i == 1) {
			key.len = (size_t)snprintf(id, sizeof(id), "c0");
			assert_false(seen_note(s, &key));
		}
	}
	assert_int_equal(seen_count(s), SEEN_CLIENTS);
	assert_false(note(s, 0, "c0-1", "0"));
	assert_true(note(s, 0, "c1-1", "0"));
	seen_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_each_message_of_a_batch_once),
	    cmocka_unit_test(agrees_with_a_table),
	    cmocka_unit_test(takes_over_what_another_has),
	    cmocka_unit_test(is_read_as_it_was_written),
	    cmocka_unit_test(refuses_what_is_none),
	    cmocka_unit_test(keeps_the_greatest_numbers),
	    cmocka_unit_test(is_bounded),
	};

	return cmocka_run_group_tests_name("seen", tests, NULL, NULL);
}
