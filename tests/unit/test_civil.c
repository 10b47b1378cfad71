#include "base/civil.h"
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static struct civil
civil(int year, int month, int day, int hour, int minute, int second, int millisecond)
{
	return (struct civil){year, month, day, hour, minute, second, millisecond};
}

static struct civil_zone
zone(const char *name)
{
	struct civil_zone z;

	if (!civil_zone_open(&z, name))
		fail_msg("%s is no zone", name != NULL ? name : "TZ");
	return z;
}

static void
assert_local(struct civil_zone *z, struct civil c, int64_t second)
{
	assert_int_equal(civil_to_ms(z, &c), second * 1000);
}

static void
assert_iso(struct civil_zone *z, int64_t ms, const char *expected)
{
	char text[CIVIL_ISO_SIZE];

	assert_int_equal(civil_iso(z, ms, text), strlen(expected));
	assert_string_equal(text, expected);
}

static void
refuses_what_is_no_zone(void **state)
{
	static const char *const wrong[] = {"Nowhere/At_All", "/etc/localtime",
	    "../zoneinfo/Europe/Berlin", ":UTC", "Europe/Berlin ", "Europe",
	    "<+000000000000000000000000000000000000000000000000000000000000>0"};
	struct civil_zone z;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (civil_zone_open(&z, wrong[i]))
			fail_msg("%s is taken for a zone", wrong[i]);
	}
	assert_true(civil_zone_open(&z, "Europe/Berlin"));
	assert_true(civil_zone_open(&z, "UTC"));
	assert_true(civil_zone_open(&z, "CET-1CEST,M3.5.0,M10.5.0/3"));
}

/* The process's zone is Berlin's, see main(). */
static void
knows_the_processs_own_zone(void **state)
{
	struct civil_zone own = zone(NULL), zeroed = {0};

	(void)state;
	assert_int_equal(civil_offset(&own, 1795387123048), 3600);
	assert_int_equal(civil_offset(&zeroed, 1795387123048), 3600);
	assert_local(&own, civil(2026, 11, 22, 23, 38, 43, 0), 1795387123);
	assert_iso(&own, 1795387123048, "2026-11-22T23:38:43.048+01:00");
}

/* As Python's datetime with fold=0. */
static void
a_time_that_comes_twice_is_the_first(void **state)
{
	struct civil_zone berlin = zone("Europe/Berlin"), new_york = zone("America/New_York"),
			  lord_howe = zone("Australia/Lord_Howe");

	(void)state;
	assert_local(&berlin, civil(2026, 10, 25, 1, 59, 59, 0), 1792886399);
	assert_local(&berlin, civil(2026, 10, 25, 2, 0, 0, 0), 1792886400);
	assert_local(&berlin, civil(2026, 10, 25, 2, 59, 59, 0), 1792889999);
	assert_local(&berlin, civil(2026, 10, 25, 3, 0, 0, 0), 1792893600);
	assert_local(&new_york, civil(2026, 11, 1, 1, 30, 0, 0), 1793511000);
	assert_local(&new_york, civil(2026, 11, 1, 2, 0, 0, 0), 1793516400);
	/* Half an hour, in which an hour's two halves have different offsets. */
	assert_local(&lord_howe, civil(2026, 4, 5, 1, 45, 0, 0), 1775313900);
	assert_local(&lord_howe, civil(2026, 4, 5, 2, 0, 0, 0), 1775316600);
	assert_int_equal(civil_offset(&lord_howe, 1775314799000), 39600);
	assert_int_equal(civil_offset(&lord_howe, 1775314800000), 37800);
}

static void
a_time_that_does_not_exist_has_the_offset_before(void **state)
{
	struct civil_zone berlin = zone("Europe/Berlin"), lord_howe = zone("Australia/Lord_Howe");

	(void)state;
	assert_local(&berlin, civil(2026, 3, 29, 1, 59, 59, 0), 1774745999);
	assert_local(&berlin, civil(2026, 3, 29, 2, 0, 0, 0), 1774746000);
	assert_local(&berlin, civil(2026, 3, 29, 2, 59, 59, 0), 1774749599);
	assert_local(&berlin, civil(2026, 3, 29, 3, 0, 0, 0), 1774746000);
	assert_local(&lord_howe, civil(2026, 10, 4, 2, 15, 0, 0), 1791042300);
	assert_local(&lord_howe, civil(2026, 10, 4, 2, 45, 0, 0), 1791042300);
	assert_local(&lord_howe, civil(2026, 10, 4, 2, 29, 59, 0), 1791043199);
	assert_local(&lord_howe, civil(2026, 10, 4, 2, 30, 0, 0), 1791041400);
}

/* Liberia was 44 minutes and 30 seconds behind until 1972-01-07 00:44:30 UTC. */
static void
offsets_may_have_seconds(void **state)
{
	struct civil_zone z = zone("Africa/Monrovia");

	(void)state;
	assert_int_equal(civil_offset(&z, 63593069000), -2670);
	assert_int_equal(civil_offset(&z, 63593070000), 0);
	assert_iso(&z, 63593069000, "1972-01-07T00:00:29.000-00:44");
	assert_local(&z, civil(1972, 1, 6, 23, 59, 59, 0), 63593069);
	assert_local(&z, civil(1972, 1, 7, 0, 44, 30, 0), 63593070);
}

static void
counts_days(void **state)
{
	struct civil_zone utc = zone("UTC");
	struct civil c;

	(void)state;
	for (int64_t day = -40000; day < 60000; day += 17) {
		int64_t ms = day * 86400000 + 86399999;
		time_t second = (time_t)(day * 86400 + 86399);
		struct tm tm;

		civil_from_ms(&utc, ms, &c);
		gmtime_r(&second, &tm);
		assert_int_equal(c.year, tm.tm_year + 1900);
		assert_int_equal(c.month, tm.tm_mon + 1);
		assert_int_equal(c.day, tm.tm_mday);
		assert_int_equal(civil_to_ms(&utc, &c), ms);
	}
	c = civil(2000, 2, 29, 23, 59, 59, 999);
	assert_int_equal(civil_to_ms(&utc, &c), 951868799999);
	assert_int_equal(civil_as_utc(&c), 951868799999);
	c = civil(1969, 12, 31, 23, 59, 59, 999);
	assert_int_equal(civil_to_ms(&utc, &c), -1);
	civil_from_ms(&utc, -1, &c);
	assert_int_equal(c.year, 1969);
	assert_int_equal(c.millisecond, 999);
}

static void
any_time_is_taken(void **state)
{
	struct civil_zone berlin = zone("Europe/Berlin");

	(void)state;
	assert_iso(&berlin, INT64_MIN, "0001-01-02T00:53:00.192+00:53");
	assert_iso(&berlin, INT64_MAX, "9999-12-31T00:59:59.807+01:00");
}

/* Others of the process see its own zone throughout. */
static void
leaves_the_processs_zone_alone(void **state)
{
	struct civil_zone tokyo = zone("Asia/Tokyo"), own = zone("");
	const time_t now = 1795387123;
	struct tm tm;

	(void)state;
	assert_int_equal(civil_offset(&tokyo, now * (int64_t)1000), 32400);
	assert_int_equal(civil_offset(&own, now * (int64_t)1000), 3600);
	assert_string_equal(getenv("TZ"), "Europe/Berlin");
	localtime_r(&now, &tm);
	assert_int_equal(tm.tm_gmtoff, 3600);
}

static void *
ask_often(void *name)
{
	struct civil_zone z;
	int64_t sum = 0;

	if (!civil_zone_open(&z, name))
		return NULL;
	for (int64_t hour = 0; hour < 200; hour++)
		sum += civil_offset(&z, hour * 5 * 3600000);
	return (void *)(intptr_t)sum;
}

static void
threads_ask_for_different_zones(void **state)
{
	static char names[][16] = {"", "Asia/Tokyo", "UTC", "America/Denver"};
	pthread_t thread[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ask_often, names[i]), 0);
	for (int i = 0; i < 4; i++) {
		void *sum;

		pthread_join(thread[i], &sum);
		assert_ptr_equal(sum, ask_often(names[i]));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_what_is_no_zone),
	    cmocka_unit_test(knows_the_processs_own_zone),
	    cmocka_unit_test(a_time_that_comes_twice_is_the_first),
	    cmocka_unit_test(a_time_that_does_not_exist_has_the_offset_before),
	    cmocka_unit_test(offsets_may_have_seconds),
	    cmocka_unit_test(counts_days),
	    cmocka_unit_test(any_time_is_taken),
	    cmocka_unit_test(leaves_the_processs_zone_alone),
	    cmocka_unit_test(threads_ask_for_different_zones),
	};

	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	civil_start();
	return cmocka_run_group_tests_name("civil", tests, NULL, NULL);
}
