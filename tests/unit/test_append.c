#include "files_fixture.h"

/* A long entry of so many bytes. */
static const char *
entry_of(char *text, size_t bytes)
{
	memset(text, 'x', bytes - 1);
	strcpy(text + bytes - 1, "\n");
	return text;
}

static void
writes_a_group_in_its_order(void **state)
{
	struct fixture *f = *state;

	open_logs(f, EVE);
	add(f, EVE, "a\n", NULL);
	add(f, EVE, "b\n", "B\n");
	add(f, EVE, NULL, "C\n");
	write_group(f, EVE);
	for (int i = 0; i < 3; i++)
		assert_int_equal(f->ticket[i].result, TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "a\nb\n");
	assert_file_equal(f->dir, "error.log", "B\nC\n");
	assert_false(tmpdir_has(f->dir, "debug.log"));
	assert_false(tmpdir_has(f->dir, "warning.log"));
	assert_int_equal(f->metrics.records[LEVEL_INFO], 2);
	assert_int_equal(f->metrics.records[LEVEL_ERROR], 2);
	assert_int_equal(f->metrics.written_bytes, 8);
	logs_close(&f->logs);
}

static void
arrival_decides_the_day(void **state)
{
	struct fixture *f = *state;
	size_t before, after, late;

	open_logs(f, EVE);
	write_one(f, EVE + DAY - 2, "first\n", "FIRST\n");
	after = add(f, EVE + DAY, "after\n", NULL);
	before = add(f, EVE + DAY - 1, "before\n", NULL);
	late = add(f, EVE - 1, "late\n", NULL);
	f->entries[before].arrival += SECOND - 1;
	write_group(f, EVE + DAY);
	assert_int_equal(f->ticket[before].result, TICKET_DONE);
	assert_int_equal(f->ticket[after].result, TICKET_DONE);
	assert_int_equal(f->ticket[late].result, TICKET_LATE);
	assert_file_equal(f->dir, "info.log.2019-12-24", "first\nbefore\n");
	assert_file_equal(f->dir, "info.log", "after\n");
	/* All levels roll over with it. */
	assert_file_equal(f->dir, "error.log.2019-12-24", "FIRST\n");
	assert_file_equal(f->dir, "error.log", "");
	assert_int_equal(f->metrics.rollovers, 2);

	assert_int_equal(add(f, EVE + DAY - 1, "too late\n", NULL), 0);
	write_group(f, EVE + DAY);
	assert_int_equal(f->ticket[0].result, TICKET_LATE);
	assert_file_equal(f->dir, "info.log", "after\n");
	logs_close(&f->logs);
}

static void
late_is_what_slept_through_a_whole_period(void **state)
{
	struct fixture *f = *state;

	f->settings.rotate = ROTATE_HOURLY;
	open_logs(f, EVE);
	add(f, EVE + HOUR - 1, "first hour\n", NULL);
	add(f, EVE + HOUR, "second hour\n", NULL);
	add(f, EVE + 3 * HOUR, "fourth hour\n", NULL);
	write_group(f, EVE + 3 * HOUR);
	assert_int_equal(f->ticket[0].result, TICKET_DONE);
	assert_int_equal(f->ticket[1].result, TICKET_LATE);
	assert_int_equal(f->ticket[2].result, TICKET_DONE);
	assert_file_equal(f->dir, "info.log.2019-12-24_00", "first hour\n");
	assert_file_equal(f->dir, "info.log", "fourth hour\n");
	logs_close(&f->logs);
}

static void
a_clock_set_back_rolls_nothing_over(void **state)
{
	struct fixture *f = *state;

	open_logs(f, EVE + DAY);
	write_one(f, EVE + DAY, "tomorrow\n", NULL);
	assert_int_equal(add(f, EVE - 1, "earlier\n", NULL), 0);
	assert_int_equal(add(f, EVE + DAY + 1, "seen before\n", NULL), 1);
	write_group(f, EVE + HOUR);
	assert_int_equal(f->ticket[0].result, TICKET_DONE);
	assert_int_equal(f->ticket[1].result, TICKET_DONE);
	assert_int_equal(write_one(f, EVE + 2 * HOUR, "today\n", NULL), TICKET_DONE);
	assert_int_equal(f->metrics.rollovers, 0);
	assert_file_equal(f->dir, "info.log", "tomorrow\nearlier\nseen before\ntoday\n");

	assert_int_equal(write_one(f, EVE + DAY, "after\n", NULL), TICKET_DONE);
	assert_file_equal(f->dir, "info.log.2019-12-24", "tomorrow\nearlier\nseen before\ntoday\n");
	logs_close(&f->logs);
}

static void
a_start_rolls_over_what_is_of_yesterday(void **state)
{
	struct fixture *f = *state;
	struct timespec times[2] = {{EVE + HOUR, 0}, {EVE + HOUR, 0}};

	f->settings.backup_count = 2;
	tmpdir_write(f->dir, "info.log", "yesterday\n");
	tmpdir_write(f->dir, "error.log", "");
	tmpdir_write(f->dir, "info.log.2019-12-22", "");
	tmpdir_write(f->dir, "info.log.2019-12-23", "");
	tmpdir_write(f->dir, "error.log.2019-12-01", "");
	tmpdir_write(f->dir, "error.log.2019-12-02", "");
	tmpdir_write(f->dir, "error.log.2019-12-03", "");
	utimensat(AT_FDCWD, tmpdir_path(f->dir, "info.log"), times, 0);
	utimensat(AT_FDCWD, tmpdir_path(f->dir, "error.log"), times, 0);
	open_logs(f, EVE + 3 * DAY);
	do_chores(f);
	assert_file_equal(f->dir, "info.log.2019-12-24", "yesterday\n");
	assert_file_equal(f->dir, "info.log", "");
	assert_false(tmpdir_has(f->dir, "info.log.2019-12-22"));
	assert_true(tmpdir_has(f->dir, "info.log.2019-12-23"));
	/* Empty ones stay, but the oldest go. */
	assert_int_equal(tmpdir_count(f->dir, "error.log."), 2);
	assert_false(tmpdir_has(f->dir, "error.log.2019-12-01"));
	assert_int_equal(f->metrics.rollovers, 1);
	logs_close(&f->logs);
}

static void
midnight_passes_without_traffic(void **state)
{
	struct fixture *f = *state;

	open_logs(f, EVE);
	write_one(f, EVE, "a\n", NULL);
	assert_int_equal(logs_take_time(&f->logs, EVE + DAY - 1), LOGS_SAME_PERIOD);
	assert_int_equal(logs_take_time(&f->logs, EVE + DAY), LOGS_NEXT_PERIOD);
	logs_check(&f->logs, 0);
	assert_file_equal(f->dir, "info.log.2019-12-24", "a\n");
	/* The next day is named by its own date, also of files that were empty. */
	write_one(f, EVE + DAY, "b\n", "B\n");
	write_one(f, EVE + 2 * DAY, "c\n", NULL);
	assert_file_equal(f->dir, "info.log.2019-12-25", "b\n");
	assert_file_equal(f->dir, "error.log.2019-12-25", "B\n");
	logs_close(&f->logs);
}

static void
a_roll_over_that_fails_loses_nothing(void **state)
{
	struct fixture *f = *state;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), folder;

	open_logs(f, EVE);
	write_one(f, EVE, "a\n", NULL);
	/* Nothing in the folder can be named any more. */
	folder = dup(f->logs.common.folder.fd);
	assert_true(dup2(null, f->logs.common.folder.fd) >= 0);
	assert_int_equal(write_one(f, EVE + DAY, "b\n", NULL), TICKET_DONE);
	assert_int_equal(write_one(f, EVE + DAY, "c\n", NULL), TICKET_DONE);
	assert_int_equal(f->metrics.rollovers, 0);
	assert_int_equal(f->metrics.rollover_errors, 1);
	assert_file_equal(f->dir, "info.log", "a\nb\nc\n");

	assert_true(dup2(folder, f->logs.common.folder.fd) >= 0);
	logs_check(&f->logs, 0);
	assert_int_equal(f->metrics.rollovers, 1);
	assert_file_equal(f->dir, "info.log.2019-12-24", "a\nb\nc\n");
	assert_file_equal(f->dir, "info.log", "");
	close(folder);
	close(null);
	logs_close(&f->logs);
}

static void
renames_nothing_but_its_own_file(void **state)
{
	struct fixture *f = *state;

	open_logs(f, EVE);
	write_one(f, EVE, "a\n", NULL);
	rename(tmpdir_path(f->dir, "info.log"), tmpdir_path(f->dir, "renamed"));
	assert_int_equal(mkdir(tmpdir_path(f->dir, "info.log"), 0700), 0);
	assert_int_equal(write_one(f, EVE + DAY, "b\n", NULL), TICKET_DONE);
	assert_int_equal(f->metrics.rollover_errors, 1);
	assert_false(tmpdir_has(f->dir, "info.log.2019-12-24"));
	assert_file_equal(f->dir, "renamed", "a\nb\n");
	logs_close(&f->logs);
}

static void
one_that_does_not_fit_does_not_stop_the_others(void **state)
{
	struct fixture *f = *state;
	char text[8192];

	open_logs(f, EVE);
	limit_file_size(5000);
	assert_int_equal(write_one(f, EVE, NULL, entry_of(text, 4990)), TICKET_DONE);
	add(f, EVE, "a\n", NULL);
	add(f, EVE, "not written\n", "does not fit\n");
	add(f, EVE, "b\n", "fits\n");
	add(f, EVE, entry_of(text, 6000), NULL);
	add(f, EVE, "c\n", NULL);
	write_group(f, EVE);
	assert_int_equal(f->ticket[0].result, TICKET_DONE);
	assert_int_equal(f->ticket[1].result, TICKET_FAILED);
	assert_int_equal(f->ticket[2].result, TICKET_DONE);
	assert_int_equal(f->ticket[3].result, TICKET_FAILED);
	assert_int_equal(f->ticket[4].result, TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "a\nb\nc\n");
	assert_int_equal(f->logs.level[LEVEL_ERROR].file.size, 4995);
	assert_true(f->metrics.write_errors > 0);
	assert_int_equal(f->metrics.records[LEVEL_INFO], 3);

	limit_file_size(RLIM_INFINITY);
	assert_int_equal(write_one(f, EVE, NULL, "does fit\n"), TICKET_DONE);
	logs_close(&f->logs);
}

static void
a_file_never_grows_beyond_its_size(void **state)
{
	struct fixture *f = *state;

	f->settings.max_bytes = 10;
	open_logs(f, EVE);
	add(f, EVE, "1234\n", NULL);
	add(f, EVE, "678\n\t0\n", NULL); /* would make 12 */
	add(f, EVE, "12\n45\n78\n", NULL);
	write_group(f, EVE);
	for (int i = 0; i < 3; i++)
		assert_int_equal(f->ticket[i].result, TICKET_DONE);
	assert_file_equal(f->dir, "info.log.2019-12-24", "1234\n");
	assert_file_equal(f->dir, "info.log.2019-12-24.1", "678\n\t0\n12\n");
	assert_file_equal(f->dir, "info.log", "45\n78\n");
	/* An entry that is larger gets a file of its own. */
	assert_int_equal(write_one(f, EVE, "1\n123456789\n\tabc\n2\n", NULL), TICKET_DONE);
	assert_file_equal(f->dir, "info.log.2019-12-24.2", "45\n78\n1\n");
	assert_file_equal(f->dir, "info.log.2019-12-24.3", "123456789\n\tabc\n");
	assert_file_equal(f->dir, "info.log", "2\n");
	/* What others truncated is not rolled over. */
	write_one(f, EVE, "345678\n", NULL);
	assert_int_equal(truncate(tmpdir_path(f->dir, "info.log"), 0), 0);
	write_one(f, EVE, "new\n", NULL);
	assert_file_equal(f->dir, "info.log", "new\n");
	logs_close(&f->logs);
}

static void
size_is_dated_by_the_day_when_there_are_no_periods(void **state)
{
	struct fixture *f = *state;

	f->settings.max_bytes = 4;
	f->settings.rotate = ROTATE_NEVER;
	open_logs(f, EVE);
	write_one(f, EVE, "abc\n", NULL);
	write_one(f, EVE + 5 * DAY, "def\n", NULL);
	assert_file_equal(f->dir, "info.log.2019-12-29", "abc\n");
	assert_file_equal(f->dir, "info.log", "def\n");
	logs_close(&f->logs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    files_test(writes_a_group_in_its_order),
	    files_test(arrival_decides_the_day),
	    files_test(late_is_what_slept_through_a_whole_period),
	    files_test(a_clock_set_back_rolls_nothing_over),
	    files_test(a_start_rolls_over_what_is_of_yesterday),
	    files_test(midnight_passes_without_traffic),
	    files_test(a_roll_over_that_fails_loses_nothing),
	    files_test(renames_nothing_but_its_own_file),
	    files_test(one_that_does_not_fit_does_not_stop_the_others),
	    files_test(a_file_never_grows_beyond_its_size),
	    files_test(size_is_dated_by_the_day_when_there_are_no_periods),
	};

	return cmocka_run_group_tests_name("append", tests, NULL, NULL);
}
