#include "base/iso8601.h"
#include "unit.h"

static void
check(const char *text, const char *zone, int64_t expected)
{
	struct civil_zone z;
	int64_t us = -1;

	assert_true(civil_zone_open(&z, zone));
	if (!iso8601_parse(text, &z, &us) || us != expected)
		fail_msg("%s: %lld", text, (long long)us);
}

static void
reads_a_time_to_the_microsecond(void **state)
{
	(void)state;
	check("2026-11-24T08:21:46.035123Z", "UTC", 1795508506035123);
	check("2026-11-24T08:21:46.0351239Z", "UTC", 1795508506035123);
	check("2026-11-24t08:21:46.5z", "UTC", 1795508506500000);
	check("2026-11-24 09:21:46,035+01:00", "UTC", 1795508506035000);
	check("2026-11-24T02:51:46-0530", "UTC", 1795508506000000);
	check("2026-11-24T09:21+01", "UTC", 1795508460000000);
	check("2026-11-24", "UTC", 1795478400000000);
	check("2000-02-29", "UTC", 951782400000000);
	check("1969-12-31T23:59:59.999999Z", "UTC", -1);
	check("0001-01-01T00:00Z", "UTC", INT64_C(-62135596800000000));
	check("9999-12-31T23:59:59Z", "UTC", INT64_C(253402300799000000));
}

/* Of two times that a local one may be the first. */
static void
is_local_without_an_offset(void **state)
{
	(void)state;
	check("2026-11-24 08:21:46.035123", "Europe/Berlin", 1795504906035123);
	check("2026-11-24T08:21:46Z", "Europe/Berlin", 1795508506000000);
	check("2026-10-25T02:30", "Europe/Berlin", 1792888200000000);
	check("2026-03-29T02:30", "Europe/Berlin", 1774747800000000);
}

static void
refuses_what_is_none(void **state)
{
	static const char *const texts[] = {"", "2026", "2026-11", "2026-11-2", "26-11-24",
	    "2026-13-01", "2026-00-01", "2026-02-29", "1900-02-29", "2026-11-24T", "2026-11-24T08",
	    "2026-11-24T24:00", "2026-11-24T08:60", "2026-11-24T08:21:60", "2026-11-24T08:21:46+1",
	    "2026-11-24T08:21:46+24:00", "2026-11-24T08:21:46+01:60", "2026-11-24T08:21:46ZZ",
	    "2026-11-24T08:21:46 x", "2026-11-24x", " 2026-11-24", "0000-01-01",
	    "20261124T082146Z"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct civil_zone z = {.name = ""};
		int64_t us;

		if (iso8601_parse(texts[i], &z, &us))
			fail_msg("%s", texts[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_a_time_to_the_microsecond),
	    cmocka_unit_test(is_local_without_an_offset),
	    cmocka_unit_test(refuses_what_is_none),
	};

	return cmocka_run_group_tests_name("iso8601", tests, NULL, NULL);
}
