#include "files/rollover.h"
#include "tmpdir.h"

#include <errno.h>
#include <time.h>

#define HOUR 3600

static int64_t
utc(int year, int month, int day, int hour, int minute)
{
	struct tm tm = {.tm_year = year - 1900,
	    .tm_mon = month - 1,
	    .tm_mday = day,
	    .tm_hour = hour,
	    .tm_min = minute};

	return timegm(&tm);
}

static void
set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void
assert_period(enum rotate rotate, int64_t t, int64_t start, int64_t end)
{
	struct period p = rollover_period(rotate, t);

	assert_int_equal(p.start, start);
	assert_int_equal(p.end, end);
}

static void
days_end_at_local_midnight(void **state)
{
	(void)state;
	set_zone("Europe/Berlin");
	assert_period(ROTATE_DAILY, utc(2019, 12, 24, 12, 0), utc(2019, 12, 23, 23, 0),
	    utc(2019, 12, 24, 23, 0));
	assert_period(ROTATE_DAILY, utc(2019, 12, 23, 23, 0), utc(2019, 12, 23, 23, 0),
	    utc(2019, 12, 24, 23, 0));
	assert_period(ROTATE_DAILY, utc(2019, 12, 24, 23, 0) - 1, utc(2019, 12, 23, 23, 0),
	    utc(2019, 12, 24, 23, 0));
	/* 23 hours, and 25. */
	assert_period(ROTATE_DAILY, utc(2024, 3, 31, 12, 0), utc(2024, 3, 30, 23, 0),
	    utc(2024, 3, 31, 22, 0));
	assert_period(ROTATE_DAILY, utc(2024, 10, 27, 12, 0), utc(2024, 10, 26, 22, 0),
	    utc(2024, 10, 27, 23, 0));
	set_zone("Asia/Kolkata");
	assert_period(ROTATE_DAILY, utc(2024, 1, 1, 12, 0), utc(2023, 12, 31, 18, 30),
	    utc(2024, 1, 1, 18, 30));
	/* Without a midnight: the clocks go from 24:00 to 01:00. */
	set_zone("Asia/Beirut");
	assert_period(ROTATE_DAILY, utc(2021, 3, 28, 12, 0), utc(2021, 3, 27, 22, 0),
	    utc(2021, 3, 28, 21, 0));
}

static void
hours_end_at_the_full_local_hour(void **state)
{
	(void)state;
	set_zone("Asia/Kolkata");
	assert_period(ROTATE_HOURLY, utc(2024, 1, 1, 12, 0), utc(2024, 1, 1, 11, 30),
	    utc(2024, 1, 1, 12, 30));
	set_zone("Europe/Berlin");
	assert_period(
	    ROTATE_HOURLY, utc(2024, 3, 31, 0, 59), utc(2024, 3, 31, 0, 0), utc(2024, 3, 31, 1, 0));
	assert_period(
	    ROTATE_HOURLY, utc(2024, 3, 31, 1, 0), utc(2024, 3, 31, 1, 0), utc(2024, 3, 31, 2, 0));
	/* 02:30 comes twice. */
	assert_period(ROTATE_HOURLY, utc(2024, 10, 27, 0, 30), utc(2024, 10, 27, 0, 0),
	    utc(2024, 10, 27, 1, 0));
	assert_period(ROTATE_HOURLY, utc(2024, 10, 27, 1, 30), utc(2024, 10, 27, 1, 0),
	    utc(2024, 10, 27, 2, 0));
	/* Half an hour is put off and on. */
	set_zone("Australia/Lord_Howe");
	assert_period(ROTATE_HOURLY, utc(2024, 4, 6, 15, 10), utc(2024, 4, 6, 15, 0),
	    utc(2024, 4, 6, 15, 30));
}

static void
periods_follow_each_other_without_a_gap(void **state)
{
	static const char *const zones[] = {"UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Beirut",
	    "Africa/Cairo", "America/Santiago", "America/Havana", "Australia/Lord_Howe",
	    "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu"};
	const int64_t end = utc(2012, 6, 1, 0, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		set_zone(zones[i]);
		for (int rotate = ROTATE_DAILY; rotate <= ROTATE_HOURLY; rotate++) {
			int64_t t = utc(2010, 12, 31, 12, 0);
			struct period p = rollover_period((enum rotate)rotate, t), next;

			for (; t < end; p = next) {
				assert_true(p.start <= t && t < p.end);
				next = rollover_period((enum rotate)rotate, p.end);
				assert_int_equal(next.start, p.end);
				t = p.end;
			}
		}
	}
}

static void
never_is_one_period(void **state)
{
	(void)state;
	assert_period(ROTATE_NEVER, 0, INT64_MIN, INT64_MAX);
}

static void
knows_its_own_names(void **state)
{
	static const char *const others[] = {"info.log", "info.log.", "info.log.1", "info.log.gz",
	    "info.log.2019-12-24.gz", "info.log.2019-12-24.1.gz", "info.log.2019-12-24.",
	    "info.log.2019-12-24.0", "info.log.2019-12-24.01", "info.log.2019-12-24.1 ",
	    "info.log.2019-12-24_", "info.log.2019-12-24_1", "info.log.2019-12-24_24",
	    "info.log.2019-12-24_30", "info.log.2019-12-40", "info.log.2019-12-24_13x",
	    "info.log.2019-12-24-13", "info.log.2019-13-24", "info.log.2019-12-32",
	    "info.log.2019-00-01", "info.log.2019-1-24", "info.log.19-12-24", "info.log-2019-12-24",
	    "xinfo.log.2019-12-24", "error.log.2019-12-24", "info.log.2019-12-24~",
	    "info.log.+019-12-24", "info.log.2019-12-24.1000000000000000000", ""};
	struct rollover_name n;

	(void)state;
	assert_true(rollover_parse("info.log", "info.log.2019-12-24", &n));
	assert_string_equal(n.period, "2019-12-24");
	assert_int_equal(n.number, 0);
	assert_true(rollover_parse("info.log", "info.log.2019-12-24_13.207", &n));
	assert_string_equal(n.period, "2019-12-24_13");
	assert_int_equal(n.number, 207);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (rollover_parse("info.log", others[i], &n))
			fail_msg("%s", others[i]);
	}
}

static int
open_folder(struct tmpdir *t)
{
	return open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Rolls the folder's info.log over, of that day; the name that it got. */
static const char *
roll_over(int folder, struct rollover_name *n)
{
	static char name[ROLLOVER_NAME_SIZE];

	if (!rollover_rename(folder, "info.log", n))
		fail_msg("%s", strerror(errno));
	rollover_format("info.log", n, name);
	return name;
}

static void
takes_the_first_free_name(void **state)
{
	struct tmpdir *t = *state;
	int folder = open_folder(t);
	int64_t day = utc(2019, 12, 23, 23, 30);
	struct rollover_name n;

	set_zone("Europe/Berlin");
	for (int i = 0; i < 3; i++) {
		char text[2] = {(char)('a' + i), '\0'};

		tmpdir_write(t, "info.log", text);
		n = rollover_name_of(ROTATE_DAILY, day);
		roll_over(folder, &n);
	}
	assert_int_equal(n.number, 2);
	assert_file_equal(t, "info.log.2019-12-24", "a");
	assert_file_equal(t, "info.log.2019-12-24.1", "b");
	assert_file_equal(t, "info.log.2019-12-24.2", "c");
	assert_false(tmpdir_has(t, "info.log"));

	/* What was pruned is not taken again, when it is looked for. */
	unlink(tmpdir_path(t, "info.log.2019-12-24"));
	unlink(tmpdir_path(t, "info.log.2019-12-24.1"));
	tmpdir_write(t, "info.log", "d");
	assert_true(rollover_find_free(folder, "info.log", &n));
	assert_string_equal(roll_over(folder, &n), "info.log.2019-12-24.3");

	/* Neither is what is not a file. */
	assert_int_equal(mkdir(tmpdir_path(t, "info.log.2019-12-24_00"), 0700), 0);
	tmpdir_write(t, "info.log", "e");
	n = rollover_name_of(ROTATE_HOURLY, day);
	assert_string_equal(roll_over(folder, &n), "info.log.2019-12-24_00.1");

	assert_false(rollover_rename(folder, "info.log", &n));
	assert_int_equal(errno, ENOENT);
	close(folder);
}

static void
numbers_have_no_end_in_practice(void **state)
{
	struct tmpdir *t = *state;
	int folder = open_folder(t);
	struct rollover_name n = {"2019-12-24", 0};

	tmpdir_write(t, "info.log", "a");
	tmpdir_write(t, "info.log.2019-12-24", "");
	tmpdir_write(t, "info.log.2019-12-24.999999999", "");
	assert_string_equal(roll_over(folder, &n), "info.log.2019-12-24.1000000000");
	/* After the last there is, the lowest that is free. */
	tmpdir_write(t, "info.log.2019-12-24.999999999999999999", "");
	tmpdir_write(t, "info.log.2019-12-24.1", "");
	for (int i = 2; i < 5; i++) {
		char expected[64];

		tmpdir_write(t, "info.log", "b");
		n.number = INT64_C(1000000000000000000);
		snprintf(expected, sizeof(expected), "info.log.2019-12-24.%d", i);
		assert_string_equal(roll_over(folder, &n), expected);
	}
	/* The one after is tried without a search. */
	tmpdir_write(t, "info.log", "b");
	n.number++;
	assert_string_equal(roll_over(folder, &n), "info.log.2019-12-24.5");
	close(folder);
}

static void
lists_more_than_a_handful(void **state)
{
	struct tmpdir *t = *state;
	int folder = open_folder(t), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const struct rollover_name day = {"2019-01-01", 0};
	struct rollover_name *names;
	char name[64];
	size_t count;

	names = rollover_list(folder, "info.log", NULL, true, &count);
	assert_non_null(names);
	assert_int_equal(count, 0);
	free(names);
	for (int i = 1; i <= 300; i++) {
		snprintf(name, sizeof(name), "info.log.2019-01-0%d.%d", 1 + i % 2, i);
		tmpdir_write(t, name, "");
	}
	names = rollover_list(folder, "info.log", NULL, true, &count);
	assert_int_equal(count, 300);
	free(names);
	names = rollover_list(folder, "info.log", &day, true, &count);
	assert_int_equal(count, 150);
	free(names);
	assert_null(rollover_list(null, "info.log", NULL, true, &count));
	assert_int_equal(errno, ENOTDIR);
	close(folder);
	close(null);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(days_end_at_local_midnight),
	    cmocka_unit_test(hours_end_at_the_full_local_hour),
	    cmocka_unit_test(periods_follow_each_other_without_a_gap),
	    cmocka_unit_test(never_is_one_period),
	    cmocka_unit_test(knows_its_own_names),
	    tmpdir_test(takes_the_first_free_name),
	    tmpdir_test(numbers_have_no_end_in_practice),
	    tmpdir_test(lists_more_than_a_handful),
	};

	return cmocka_run_group_tests_name("rollover", tests, NULL, NULL);
}
