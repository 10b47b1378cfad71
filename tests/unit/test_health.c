#include "files/health.h"

#include "unit.h"

#include "base/clock.h"

static char why[512];

static void
knows_what_does_not_work(void **state)
{
	struct health h;

	(void)state;
	health_init(&h);
	assert_true(health_ask(&h, why, sizeof(why)));
	health_bad(&h, 1, "one 1");
	assert_false(health_ask(&h, why, sizeof(why)));
	assert_string_equal(why, "one 1");
	health_bad(&h, HEALTH_PROBE_BIT, "the disk is full");
	/* What works says nothing about the rest. */
	health_good(&h, 1 | 2);
	assert_false(health_ask(&h, why, sizeof(why)));
	assert_string_equal(why, "the disk is full");
	health_good(&h, HEALTH_PROBE_BIT);
	assert_true(health_ask(&h, why, sizeof(why)));
	health_destroy(&h);
}

static void
says_what_still_holds(void **state)
{
	struct health h;

	(void)state;
	health_init(&h);
	health_bad(&h, 1, "the first");
	health_bad(&h, 2, "the second");
	assert_false(health_ask(&h, why, sizeof(why)));
	assert_string_equal(why, "the second");
	health_good(&h, 2);
	assert_false(health_ask(&h, why, sizeof(why)));
	assert_string_equal(why, "the first");
	health_destroy(&h);
}

static void
does_not_hide_what_failed_meanwhile(void **state)
{
	struct health h;
	uint64_t failures;

	(void)state;
	health_init(&h);
	health_bad(&h, 1, "one");
	failures = health_failures(&h);
	health_good_since(&h, 1, failures);
	assert_true(health_ask(&h, why, sizeof(why)));
	health_bad(&h, 1, "again");
	health_good_since(&h, 1, failures);
	assert_false(health_ask(&h, why, sizeof(why)));
	/* What failed of the one says nothing about the other. */
	failures = health_failures(&h);
	health_bad(&h, 2, "other");
	health_good_since(&h, 1 | 2, failures);
	assert_false(health_ask(&h, why, sizeof(why)));
	assert_string_equal(why, "other");
	health_good(&h, 2);
	assert_true(health_ask(&h, why, sizeof(why)));
	health_destroy(&h);
}

static void
expects_a_round_in_five_seconds(void **state)
{
	struct health h;

	(void)state;
	health_init(&h);
	health_round(&h);
	assert_true(health_ask(&h, why, sizeof(why)));
	h.round -= 4 * CLOCK_NS_PER_SECOND;
	assert_true(health_ask(&h, why, sizeof(why)));
	h.round -= 2 * CLOCK_NS_PER_SECOND;
	assert_false(health_ask(&h, why, sizeof(why)));
	assert_string_equal(why, "the disk does not answer");
	health_round(&h);
	assert_true(health_ask(&h, why, sizeof(why)));
	health_destroy(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_what_does_not_work),
	    cmocka_unit_test(says_what_still_holds),
	    cmocka_unit_test(does_not_hide_what_failed_meanwhile),
	    cmocka_unit_test(expects_a_round_in_five_seconds),
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
