#include "files/prune.h"
#include "folder_fixture.h"

#include <errno.h>

#define test(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

/* Prunes on 2019-06-15; the file that is written to will be info.log.2019-06-15.5. */
static struct prune
on_that_day(unsigned keep)
{
	const struct rollover_name today = {"2019-06-15", 0};

	return (struct prune){
	    .keep = keep, .next = {"2019-06-15", 5}, .current = today, .latest = {"", 0}};
}

static struct prune_result
prune(const struct prune *p)
{
	struct prune_result result;

	assert_true(prune_files(folder, "info.log", p, &result));
	return result;
}

static void
deletes_the_oldest_and_nothing_else(void **state)
{
	static const char *const old[] = {"info.log.2018-12-31", "info.log.2019-01-01",
	    "info.log.2019-01-01.2", "info.log.2019-01-01.10", "info.log.2019-01-01_09"};
	static const char *const kept[] = {"info.log.2019-01-01_10", "info.log.2019-01-01_10.1",
	    "info.log.2019-06-15.4", "info.log", "info.log.2018-01-01.gz", "info.log.1",
	    "error.log.2018-01-01", "info.log.2018-13-01", "precious", ".lock"};
	struct tmpdir *t = *state;
	struct prune p = on_that_day(0);

	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++)
		tmpdir_write(t, old[i], "");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		tmpdir_write(t, kept[i], "");
	assert_int_equal(mkdir(tmpdir_path(t, "info.log.2017-01-01"), 0700), 0);
	assert_int_equal(symlink("precious", tmpdir_path(t, "info.log.2017-01-02")), 0);

	assert_int_equal(prune(&p).deleted, 0);
	assert_true(tmpdir_has(t, old[0]));
	for (unsigned i = 0; i <= sizeof(old) / sizeof(old[0]); i++) {
		p.keep = 8 - i;
		assert_int_equal(prune(&p).deleted, i > 0);
		for (unsigned k = 0; k < sizeof(old) / sizeof(old[0]); k++)
			assert_int_equal(tmpdir_has(t, old[k]), k >= i);
	}
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		assert_true(tmpdir_has(t, kept[i]));
	assert_true(tmpdir_has(t, "info.log.2017-01-01"));
	assert_true(tmpdir_has(t, "info.log.2017-01-02"));
}

static void
does_not_count_the_future_nor_what_is_under_way(void **state)
{
	static const char *const uncounted[] = {"info.log.2019-06-15.5", "info.log.2019-06-15.6",
	    "info.log.2019-06-16", "info.log.2031-01-01", "info.log.2031-01-01.999999999"};
	static const char *const counted[] = {"info.log.2019-06-13", "info.log.2019-06-14",
	    "info.log.2019-06-15", "info.log.2019-06-15.4"};
	struct tmpdir *t = *state;
	struct prune p = on_that_day(2);
	struct prune_result result;

	for (size_t i = 0; i < 4; i++)
		tmpdir_write(t, counted[i], "");
	assert_string_equal(prune(&(struct prune){.keep = 9, .next = p.next}).future, "");
	for (size_t i = 0; i < 5; i++)
		tmpdir_write(t, uncounted[i], "");
	result = prune(&p);
	assert_int_equal(result.deleted, 2);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(tmpdir_has(t, counted[i]), i >= 2);
	for (size_t i = 0; i < 5; i++)
		assert_true(tmpdir_has(t, uncounted[i]));
	assert_true(strncmp(result.future, "info.log.20", 11) == 0);
	/* Of the present period, it is not of the future. */
	for (size_t i = 2; i < 5; i++)
		unlink(tmpdir_path(t, uncounted[i]));
	assert_string_equal(prune(&p).future, "");
	/* Nor is one of its hours, from when LOG_ROTATE was hourly. */
	tmpdir_write(t, "info.log.2019-06-15_23", "");
	assert_string_equal(prune(&p).future, "");
}

static void
keeps_what_was_rolled_over_last(void **state)
{
	struct tmpdir *t = *state;
	struct prune p = on_that_day(1);

	tmpdir_write(t, "info.log.2019-06-01", "just now, of a file with an old date");
	tmpdir_write(t, "info.log.2019-06-02", "");
	tmpdir_write(t, "info.log.2019-06-03", "");
	p.latest = (struct rollover_name){"2019-06-01", 0};
	assert_int_equal(prune(&p).deleted, 1);
	assert_true(tmpdir_has(t, "info.log.2019-06-01"));
	assert_true(tmpdir_has(t, "info.log.2019-06-03"));
}

static void
deletes_so_many_at_once(void **state)
{
	struct tmpdir *t = *state;
	struct prune p = on_that_day(5);
	char name[64];

	for (int i = 1; i <= PRUNE_AT_ONCE + 300; i++) {
		snprintf(name, sizeof(name), "info.log.2019-01-01.%d", i);
		tmpdir_write(t, name, "");
	}
	assert_true(prune(&p).more);
	assert_int_equal(tmpdir_count(t, "info.log."), 300);
	assert_false(prune(&p).more);
	assert_int_equal(tmpdir_count(t, "info.log."), 5);
	assert_true(tmpdir_has(t, "info.log.2019-01-01.1296"));
}

static void
deletes_nothing_when_it_cannot_list(void **state)
{
	struct prune p = on_that_day(1);
	struct prune_result result;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_false(prune_files(null, "info.log", &p, &result));
	assert_int_equal(errno, ENOTDIR);
	close(null);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(deletes_the_oldest_and_nothing_else),
	    test(does_not_count_the_future_nor_what_is_under_way),
	    test(keeps_what_was_rolled_over_last),
	    test(deletes_so_many_at_once),
	    test(deletes_nothing_when_it_cannot_list),
	};

	return cmocka_run_group_tests_name("prune", tests, NULL, NULL);
}
