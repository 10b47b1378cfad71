/* How long a peer may keep waiting: by a clock that is made up. */
#include "reader/peers_pace.h"

#include "base/clock.h"

#include "unit.h"

#define SECOND CLOCK_NS_PER_SECOND

/* Waits for so many seconds, tenth by tenth, with that many bytes of a frame. How many were
 * allowed. */
static int
wait_for(struct peers_pace *p, int64_t *now, int seconds, size_t bytes)
{
	for (int i = 0; i < 10 * seconds; i++) {
		*now += SECOND / 10;
		if (!peers_pace_wait(p, *now, bytes))
			return i / 10;
	}
	return seconds;
}

static void
who_sends_nothing_of_use_is_given_up(void **state)
{
	struct peers_pace p;
	int64_t now = SECOND;

	(void)state;
	peers_pace_init(&p, 10 * SECOND);
	assert_int_equal(wait_for(&p, &now, 100, 1), 10);
}

static void
what_comes_is_worth_time(void **state)
{
	struct peers_pace p;
	int64_t now = SECOND;

	(void)state;
	/* An entry in a quarter of a second is enough for ever. */
	peers_pace_init(&p, 10 * SECOND);
	for (int i = 0; i < 1000; i++) {
		peers_pace_entry(&p);
		now += SECOND / 5;
		assert_true(peers_pace_wait(&p, now, 0));
	}
	/* 16 KiB a second are, of one that is not whole as of one that is. */
	peers_pace_init(&p, 10 * SECOND);
	assert_int_equal(wait_for(&p, &now, 40, 50 * 16 * 1024), 40);
	peers_pace_bytes(&p, (size_t)50 * 16 * 1024);
	assert_int_equal(wait_for(&p, &now, 100, 0), 20);
	/* A word of how far it is counts for a day's work, and not for ever. */
	peers_pace_init(&p, 10 * SECOND);
	peers_pace_scanned(&p, 30 * 1024 * 1024);
	assert_int_equal(wait_for(&p, &now, 1000, 0), 130);
	peers_pace_init(&p, 10 * SECOND);
	for (int i = 0; i < 100; i++)
		peers_pace_scanned(&p, UINT64_MAX / 128);
	assert_in_range(wait_for(&p, &now, 100000, 0), 6 * 3600 - 60, 6 * 3600 + 60);
}

static void
what_else_is_done_meanwhile_does_not_count(void **state)
{
	struct peers_pace p;
	int64_t now = SECOND;

	(void)state;
	peers_pace_init(&p, 10 * SECOND);
	for (int i = 0; i < 1000; i++) {
		peers_pace_rest(&p);
		now += 60 * SECOND;
		assert_true(peers_pace_wait(&p, now, 0));
	}
	/* Nor does a machine that stood still. */
	for (int i = 0; i < 40; i++) {
		now += 60 * SECOND;
		assert_true(peers_pace_wait(&p, now, 0));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_sends_nothing_of_use_is_given_up),
	    cmocka_unit_test(what_comes_is_worth_time),
	    cmocka_unit_test(what_else_is_done_meanwhile_does_not_count),
	};

	return cmocka_run_group_tests_name("peers_pace", tests, NULL, NULL);
}
