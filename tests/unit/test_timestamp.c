#include "record/timestamp.h"
#include "unit.h"

#include <stdlib.h>

static void
local(const char *zone, const char *format, time_t second, const char *expected)
{
	struct timestamp_cache cache = {0};
	struct buf out = BUF_INIT;

	setenv("TZ", zone, 1);
	tzset();
	timestamp_local(&out, &cache, format, second);
	assert_buf_equal(&out, expected);
	/* Another day, and the first again: the cache holds one second. */
	buf_clear(&out, 0);
	timestamp_local(&out, &cache, format, second + 86400);
	buf_putc(&out, '\0');
	assert_string_not_equal(out.data, expected);
	buf_clear(&out, 0);
	timestamp_local(&out, &cache, format, second);
	assert_buf_equal(&out, expected);
	buf_free(&out);
	buf_free(&cache.text);
}

static void
formats_local_time(void **state)
{
	(void)state;
	local("UTC0", NULL, 1795387123, "2026-11-22 22:38:43");
	local("CET-1", NULL, 1795387123, "2026-11-22 23:38:43");
	local("UTC0", "%d.%m.%y %H Uhr", 1795387123, "22.11.26 22 Uhr");
	local("UTC0", NULL, -1, "1969-12-31 23:59:59");
	local("UTC0", NULL, -62135596800, "1-01-01 00:00:00");
}

static void
formats_utc(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	timestamp_utc(&out, 1795387123048945678);
	assert_buf_equal(&out, "2026-11-22T22:38:43.048Z");
	buf_free(&out);
}

static void
reads_created(void **state)
{
	static const struct {
		const char *text;
		bool good;
		time_t second;
		int msecs;
	} cases[] = {
	    {"1795387123.048945", true, 1795387123, 48},
	    {"1795387123.9999999", true, 1795387124, 0}, /* as a double */
	    {"1795387123.999999", true, 1795387123, 999},
	    {"1795387123", true, 1795387123, 0},
	    {"1.795387123e9", true, 1795387123, 0},
	    {"17.95387123e+8", true, 1795387123, 0},
	    {"-0.5", true, -1, -500}, /* time.localtime() rounds down, msecs truncate */
	    {"0", true, 0, 0},
	    {"-62135596800", true, -62135596800, 0},
	    {"253402300799.5", true, 253402300799, 500},
	    {"253402300800", false, 0, 0},
	    {"-62135596801", false, 0, 0},
	    {"1e400", false, 0, 0},
	    {"99999999999999999999999", false, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct value v = value_number(cases[i].text);
		time_t second = 0;

		assert_int_equal(timestamp_created(v, &second), cases[i].good);
		if (cases[i].good) {
			assert_int_equal(second, cases[i].second);
			assert_int_equal(timestamp_msecs(v), cases[i].msecs);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(formats_local_time),
	    cmocka_unit_test(formats_utc),
	    cmocka_unit_test(reads_created),
	};

	return cmocka_run_group_tests_name("timestamp", tests, NULL, NULL);
}
