#include "server/repeats.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS	    4
#define WAITING_MAX 1000 /* bytes */

static struct repeats *repeats;

static int
setup(void **state)
{
	(void)state;
	repeats = repeats_new(CLIENTS, WAITING_MAX);
	return repeats != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	repeats_free(repeats);
	return 0;
}

static struct repeats_claim
claim_of(const char *key)
{
	struct repeats_claim c = {0};

	assert_true(repeats_parse(key, &c.key));
	return c;
}

static enum repeats_verdict
verdict(const char *key, bool taken)
{
	struct repeats_claim c = claim_of(key);
	enum repeats_verdict v = repeats_claim(repeats, &c);

	if (v == REPEATS_FIRST)
		assert_null(repeats_settle(repeats, &c, taken));
	return v;
}

/* A request that is written, and one that is refused; what its key is good for then. */
#define TAKE(key)   assert_int_equal(verdict(key, true), REPEATS_FIRST)
#define REFUSE(key) assert_int_equal(verdict(key, false), REPEATS_FIRST)
#define KNOWN(key)  assert_int_equal(verdict(key, false), REPEATS_TAKEN)

/* --- keys --- */

static void
a_key_is_an_id_and_a_number(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		uint64_t number;
	} cases[] = {
	    {"a-0", 1, 0},
	    {"a-7", 1, 7},
	    {"a-007", 1, 7},
	    {"a-b-12", 3, 12},
	    {"--1", 1, 1},
	    {"._-Az09-9223372036854775807", 7, INT64_MAX},
	    {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef-1", 64, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct repeats_key key;

		assert_true(repeats_parse(cases[i].text, &key));
		assert_ptr_equal(key.id, cases[i].text);
		assert_int_equal(key.len, cases[i].len);
		assert_true(key.number == cases[i].number);
	}
}

static void
anything_else_is_none(void **state)
{
	static const char *const cases[] = {"", "-", "a", "7", "a-", "-7", "a-x", "a-7x", "a-7 ",
	    " a-7", "a 7", "a-+7", "a--", "a b-7", "a,b-7", "\"a\"-7", "\"a-7\"", "a-7, a-8",
	    "\xc3\xa4-7", "a\n-7", "a-9223372036854775808", "a-18446744073709551617",
	    "a-00000000000000000007",
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0-1"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct repeats_key key;

		if (repeats_parse(cases[i], &key))
			fail_msg("taken for a key: %s", cases[i]);
	}
}

/* --- what is remembered --- */

static void
what_was_taken_is_known(void **state)
{
	(void)state;
	TAKE("a-7");
	KNOWN("a-7");
	KNOWN("a-7");
	TAKE("b-7");
	TAKE("a-b-7");
	KNOWN("b-7");
	TAKE("a-0");
	TAKE("a-9223372036854775807");
	KNOWN("a-9223372036854775807");
}

static void
what_was_refused_may_come_again(void **state)
{
	(void)state;
	REFUSE("a-6");
	REFUSE("a-6");
	TAKE("a-7");
	/* 7 says nothing about 6. */
	REFUSE("a-6");
	TAKE("a-6");
	KNOWN("a-6");
	KNOWN("a-7");
}

static const char *
numbered(const char *id, unsigned number)
{
	static char text[32];

	snprintf(text, sizeof(text), "%s-%u", id, number);
	return text;
}

static void
the_window_moves_with_the_greatest(void **state)
{
	(void)state;
	/* Every second one. */
	for (unsigned i = 1000; i < 1200; i += 2)
		TAKE(numbered("a", i));
	for (unsigned i = 1198 - REPEATS_WINDOW + 1; i < 1200; i++) {
		if (i % 2 == 0)
			KNOWN(numbered("a", i));
		else
			REFUSE(numbered("a", i));
	}
	/* Below the window nothing is known, whether it is taken now or was. */
	assert_int_equal(1198 - REPEATS_WINDOW, 1134);
	TAKE("a-1134");
	TAKE("a-1134");
	REFUSE("a-0");
	/* The last of the window, as it moves by one, and by itself. */
	TAKE("a-1199");
	KNOWN("a-1136");
	TAKE("a-1200");
	REFUSE("a-1136");
	KNOWN("a-1138");
	TAKE(numbered("a", 1200 + REPEATS_WINDOW - 1));
	KNOWN("a-1200");
	REFUSE("a-1201");
	TAKE(numbered("a", 1200 + 3 * REPEATS_WINDOW));
	REFUSE(numbered("a", 1200 + 3 * REPEATS_WINDOW - 1));
	KNOWN(numbered("a", 1200 + 3 * REPEATS_WINDOW));
}

static void
the_least_recently_heard_of_is_forgotten(void **state)
{
	(void)state;
	TAKE("a-1");
	TAKE("b-1");
	TAKE("c-1");
	TAKE("d-1");
	/* Asking is being heard of, and so is taking; to be refused, where it is not known, is not.
	 */
	KNOWN("a-1");
	TAKE("b-2");
	REFUSE("x-1");
	TAKE("e-1"); /* for c */
	KNOWN("a-1");
	KNOWN("b-1");
	KNOWN("d-1");
	KNOWN("e-1");
	REFUSE("c-1");
	TAKE("c-1"); /* for a */
	REFUSE("a-1");
	KNOWN("b-2");
	/* What is there in its place has nothing of it. */
	KNOWN("c-1");
	REFUSE("c-2");
}

/* In the place of one that is forgotten. */
static void
a_new_client_has_nothing_of_the_old(void **state)
{
	static const char *const others[] = {"b-1", "c-1", "d-1"};

	(void)state;
	TAKE("a-5");
	TAKE("a-6");
	TAKE("a-7");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		TAKE(others[i]);
	TAKE("e-7"); /* for a */
	REFUSE("e-6");
	REFUSE("e-5");
	TAKE("e-1000");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		KNOWN(others[i]);
	TAKE("f-3"); /* for e */
	KNOWN("f-3");
	REFUSE("f-7");
	REFUSE("f-1000");
	TAKE("f-4");
	REFUSE("f-2");
}

/* Ids of one hash, and numbers of one list. */
static void
keys_that_are_looked_for_in_one_place_are_several(void **state)
{
	struct repeats_claim first[] = {claim_of("declinate-1"), claim_of("macallums-1"),
	    claim_of("declinate-1025"), claim_of("liquid-1"), claim_of("costarring-1")};

	(void)state;
	assert_int_equal(first[0].key.hash, first[1].key.hash);
	assert_int_equal(first[3].key.hash, first[4].key.hash);
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		assert_int_equal(repeats_claim(repeats, &first[i]), REPEATS_FIRST);
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		assert_null(repeats_settle(repeats, &first[i], i % 2 == 0));
	KNOWN("declinate-1025");
	REFUSE("macallums-1025");
	REFUSE("macallums-1");
	REFUSE("liquid-1");
	KNOWN("costarring-1");
}

static void
many_clients_come_and_go(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 20000; i++) {
			char id[16];

			snprintf(id, sizeof(id), "c%u", i);
			TAKE(numbered(id, round));
			KNOWN(numbered(id, round));
		}
	}
}

/* --- several at once --- */

static void
those_at_once_wait_for_the_first(void **state)
{
	struct repeats_claim first = claim_of("a-1"), second = claim_of("a-1"),
			     third = claim_of("a-1"), other = claim_of("a-2"), *c;

	(void)state;
	for (int taken = 0; taken < 2; taken++) {
		assert_int_equal(repeats_claim(repeats, &first), REPEATS_FIRST);
		assert_int_equal(repeats_claim(repeats, &other), REPEATS_FIRST);
		assert_int_equal(repeats_claim(repeats, &second), REPEATS_WAITS);
		assert_int_equal(repeats_claim(repeats, &third), REPEATS_WAITS);
		assert_null(repeats_settle(repeats, &other, false));
		c = repeats_settle(repeats, &first, taken != 0);
		assert_true(
		    (c == &second && c->next == &third) || (c == &third && c->next == &second));
		assert_null(c->next->next);
	}
	KNOWN("a-1");
	REFUSE("a-2");
}

static void
what_waits_is_bounded(void **state)
{
	struct repeats_claim first[] = {claim_of("a-1"), claim_of("b-1")};
	struct repeats_claim second = claim_of("a-1"), third = claim_of("b-1"),
			     more = claim_of("a-1");

	(void)state;
	second.bytes = WAITING_MAX - 1;
	third.bytes = 500;
	for (int round = 0; round < 3; round++) {
		assert_int_equal(repeats_claim(repeats, &first[0]), REPEATS_FIRST);
		assert_int_equal(repeats_claim(repeats, &first[1]), REPEATS_FIRST);
		assert_int_equal(repeats_claim(repeats, &second), REPEATS_WAITS);
		assert_int_equal(repeats_claim(repeats, &third), REPEATS_WAITS);
		assert_int_equal(repeats_claim(repeats, &more), REPEATS_FULL);
		/* Still, after one of them. */
		assert_ptr_equal(repeats_settle(repeats, &first[1], false), &third);
		assert_null(third.next);
		assert_int_equal(repeats_claim(repeats, &first[1]), REPEATS_FIRST);
		assert_int_equal(repeats_claim(repeats, &third), REPEATS_WAITS);
		assert_int_equal(repeats_claim(repeats, &more), REPEATS_FULL);
		assert_ptr_equal(repeats_settle(repeats, &first[0], false), &second);
		assert_null(second.next);
		assert_ptr_equal(repeats_settle(repeats, &first[1], false), &third);
	}
	REFUSE("a-1");
}

/* Also of a number that nothing is remembered of. */
static void
those_below_the_window_wait_too(void **state)
{
	struct repeats_claim first = claim_of("a-1"), second = claim_of("a-1");

	(void)state;
	TAKE("a-1000");
	assert_int_equal(repeats_claim(repeats, &first), REPEATS_FIRST);
	assert_int_equal(repeats_claim(repeats, &second), REPEATS_WAITS);
	assert_ptr_equal(repeats_settle(repeats, &first, true), &second);
	REFUSE("a-1");
}

/* A client may be forgotten while a request of its is under way. */
static void
a_forgotten_client_takes_nothing_with_it(void **state)
{
	struct repeats_claim first = claim_of("a-2"), second = claim_of("a-2");
	char id[8];

	(void)state;
	TAKE("a-1");
	assert_int_equal(repeats_claim(repeats, &first), REPEATS_FIRST);
	for (unsigned i = 0; i < CLIENTS; i++) {
		snprintf(id, sizeof(id), "b%u", i);
		TAKE(numbered(id, 1));
	}
	assert_int_equal(repeats_claim(repeats, &second), REPEATS_WAITS);
	assert_ptr_equal(repeats_settle(repeats, &first, true), &second);
	KNOWN("a-2");
	REFUSE("a-1");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_key_is_an_id_and_a_number),
	    TEST(anything_else_is_none),
	    TEST(what_was_taken_is_known),
	    TEST(what_was_refused_may_come_again),
	    TEST(the_window_moves_with_the_greatest),
	    TEST(the_least_recently_heard_of_is_forgotten),
	    TEST(a_new_client_has_nothing_of_the_old),
	    TEST(keys_that_are_looked_for_in_one_place_are_several),
	    TEST(many_clients_come_and_go),
	    TEST(those_at_once_wait_for_the_first),
	    TEST(what_waits_is_bounded),
	    TEST(those_below_the_window_wait_too),
	    TEST(a_forgotten_client_takes_nothing_with_it),
	};

	return cmocka_run_group_tests_name("repeats", tests, NULL, NULL);
}
