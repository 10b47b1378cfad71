/* Times as people write them in an address. */
#include "reader/moment.h"

#include "unit.h"

#define NOW INT64_C(1764059000123) /* 2025-11-25T08:23:20.123Z */

static bool
parse(const char *text, const char *zone, int64_t *ms)
{
	struct civil_zone z;

	assert_true(civil_zone_open(&z, zone));
	return moment_parse(text, &z, NOW, ms);
}

static void
test_what_is_taken(void **state)
{
	static const struct {
		const char *text, *zone;
		int64_t ms;
	} cases[] = {
	    {"1764059000", "UTC", 1764059000000},
	    {"0", "UTC", 0},
	    {"1764059000.1", "UTC", 1764059000100},
	    {"1764059000.123456", "UTC", 1764059000123},
	    {"now", "UTC", NOW},
	    {"-15m", "UTC", NOW - 15 * 60 * 1000},
	    {"-1h30m", "UTC", NOW - 90 * 60 * 1000},
	    {"-7d", "UTC", NOW - INT64_C(7) * 86400 * 1000},
	    {"-2w", "UTC", NOW - INT64_C(14) * 86400 * 1000},
	    {"-0s", "UTC", NOW},
	    {"2026-11-24", "UTC", 1795478400000},
	    {"2026-11-24", "Europe/Berlin", 1795474800000},
	    {"2026-11-24T08:21", "UTC", 1795508460000},
	    {"2026-11-24T08:21:46.035", "UTC", 1795508506035},
	    {"2026-11-24 08:21:46,035", "UTC", 1795508506035},
	    {"2026-11-24T08:21:46.035Z", "Europe/Berlin", 1795508506035},
	    {"2026-11-24T09:21:46.035+01:00", "UTC", 1795508506035},
	    {"2026-11-24T09:21:46.035 01:00", "UTC", 1795508506035},
	    {"2026-11-24T02:51:46-0530", "UTC", 1795508506000},
	    {"2024-02-29T00:00Z", "UTC", 1709164800000},
	    {"0001-01-01T00:00Z", "UTC", INT64_C(-62135596800000)},
	    /* What comes twice is the first, and what does not exist is at the offset before it. */
	    {"2026-10-25T02:30", "Europe/Berlin", 1792888200000},
	    {"2026-03-29T02:30", "Europe/Berlin", 1774747800000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -1;

		if (!parse(cases[i].text, cases[i].zone, &ms) || ms != cases[i].ms)
			fail_msg("%s: %lld", cases[i].text, (long long)ms);
	}
}

static void
test_what_is_refused(void **state)
{
	static const char *const texts[] = {"", "-", "15m", "-15", "-m", "-15y", "-1h-1m",
	    "yesterday", "2026", "2026-11", "2026-11-31", "2026-13-01", "2025-02-29", "2026-00-10",
	    "2026-11-24T", "2026-11-24T08", "2026-11-24T24:00", "2026-11-24T08:60",
	    "2026-11-24T08:21:60", "26-11-24", "2026-11-24T08:21:46+", "2026-11-24T08:21:46+1",
	    "2026-11-24T08:21:46+24:00", "2026-11-24T08:21:46+01:60", "2026-11-24T08:21:46Zulu",
	    "1764059000.1.2", "99999999999999999999", "-99999999999999999999d",
	    "-9999999999w9999999999w", " 2026-11-24", "0000-01-01"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t ms;

		if (parse(texts[i], "UTC", &ms))
			fail_msg("%s is taken", texts[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_taken),
	    cmocka_unit_test(test_what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
