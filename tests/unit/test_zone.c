#include "base/zone.h"

#include "tmpdir.h"
#include "unit.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void
assert_valid(const char *name, bool expected)
{
	if (zone_valid(name) != expected)
		fail_msg("%s: taken for %s", name, expected ? "a mistake" : "a time zone");
}

/* A zone database with one zone, and something that is none. */
static int
make_database(void **state)
{
	struct tmpdir *t;

	if (tmpdir_setup(state) < 0)
		return -1;
	t = *state;
	tmpdir_write(t, "Here", "TZif2, and so on");
	tmpdir_write(t, "README", "no zone");
	tmpdir_write(t, "short", "TZi");
	setenv("TZDIR", t->path, 1);
	return 0;
}

static int
remove_database(void **state)
{
	unsetenv("TZDIR");
	return tmpdir_teardown(state);
}

static void
takes_files(void **state)
{
	struct tmpdir *t = *state;
	char colon[512];

	snprintf(colon, sizeof(colon), ":%s", tmpdir_path(t, "Here"));
	assert_valid("Here", true);
	assert_valid(":Here", true);
	assert_valid(tmpdir_path(t, "Here"), true);
	assert_valid(colon, true);
	assert_valid("Heer", false);
	assert_valid("here", false);
	assert_valid("README", false);
	assert_valid("short", false);
	assert_valid(".", false);
	assert_valid("/nowhere/at/all", false);
	assert_valid("Here/below", false);
}

static void
takes_utc_without_a_database(void **state)
{
	static const char *const names[] = {"", ":", "UTC", "utc", "GMT", "UCT", "Zulu",
	    "Universal", "Greenwich", "Etc/UTC", "Etc/GMT", ":UTC"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_valid(names[i], true);
	assert_valid("UTCx", false);
	assert_valid("Etc/", false);
	assert_valid("Etc/Nowhere", false);
}

static void
takes_what_posix_does(void **state)
{
	static const char *const good[] = {"UTC0", "CET-1", "CET-1CEST", "CET-1CEST-2",
	    "CET-1CEST,M3.5.0,M10.5.0/3", "CET-1CEST-2,M3.5.0/2:00:00,M10.5.0/3", "<+03>-3",
	    "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "EST5EDT,J60/2,J300", "EST+5EDT,0/0,365/23:59:59",
	    "IST-5:30", "LMT-0:53:28", "EET-2EEST,M3.4.4/50,M10.4.4/50", "AAA24", ":UTC0",
	    "IST-2IDT,M3.4.4/26,M10.5.0", "XXX3EDT4,0/0,J365/23"};
	static const char *const wrong[] = {"Europe/Berlni", "CE-1", "C3T-1", "CET", "CET-",
	    "CET-25", "CET-1:60", "CET-1:", "CET-1CEST,", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,",
	    "CET-1,M3.5.0,M10.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
	    "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,M3.5,M10.5.0", "CET-1CEST,J0,J300",
	    "CET-1CEST,J366,J3", "CET-1CEST,366,3", "CET-1CEST,M3.5.0/168,M10.5.0",
	    "CET-1CEST,M3.5.0/,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0,", "CET-1CEST,M3.5.0,M10.5.0/3 ",
	    " CET-1", "<+03-3", "<>0", "<+3>", "<+3>3", "+03", "1", "CET-1CE", "UTC0000", "UTC+1 "};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_valid(good[i], true);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_valid(wrong[i], false);
}

static void
a_mistake_is_said(void **state)
{
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	struct zone_settings s;

	(void)state;
	setenv("TZ", "Europe/Berlni", 1);
	setenv("TZDIR", "/nowhere", 1);
	setting_read(&zone_settings_group, &s, &mistakes, &warnings);
	assert_buf_equal(&mistakes,
	    "TZ=Europe/Berlni: is no time zone of /nowhere (which is not there: "
	    "install tzdata), nor one as POSIX writes it\n");
	buf_clear(&mistakes, 0);
	setenv("TZ", "", 1);
	setting_read(&zone_settings_group, &s, &mistakes, &warnings);
	assert_string_equal(s.name, "");
	unsetenv("TZ");
	setting_read(&zone_settings_group, &s, &mistakes, &warnings);
	assert_string_equal(s.name, ":/etc/localtime");
	assert_int_equal(mistakes.len, 0);
	assert_int_equal(warnings.len, 0);
	buf_free(&mistakes);
}

static void
sets_the_zone(void **state)
{
	const time_t winter = 1577188800; /* 2019-12-24 12:00 UTC */
	struct tm tm;

	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	assert_true(zone_set());
	localtime_r(&winter, &tm);
	assert_int_equal(tm.tm_hour, 13);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_database, remove_database)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(takes_files),
	    TEST(takes_utc_without_a_database),
	    TEST(takes_what_posix_does),
	    TEST(a_mistake_is_said),
	    TEST(sets_the_zone),
	};

	return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
