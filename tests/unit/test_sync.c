#include "files/sync.h"
#include "writer_fixture.h"

static void
a_failed_sync_fails_the_group(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	f->options.sync = SYNC_ALWAYS;
	start(f, EVE);
	assert_int_equal(write_one(f, EVE, "a\n", "A\n"), COMMIT_DONE);
	assert_int_equal(f->metrics.syncs, 3); /* two files, and the folder */
	assert_int_equal(write_one(f, EVE, "b\n", NULL), COMMIT_DONE);
	assert_int_equal(f->metrics.syncs, 4);
	assert_int_equal(f->metrics.sync_errors, 0);
	/* A pipe can be written but not synced. */
	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], f->logs.level[LEVEL_INFO].file.fd) >= 0);
	add(f, EVE, "c\n", NULL);
	add(f, EVE, NULL, "C\n");
	write_group(f, EVE);
	assert_int_equal(f->request[0].result, COMMIT_FAILED);
	assert_int_equal(f->request[1].result, COMMIT_FAILED);
	assert_int_equal(f->metrics.sync_errors, 1);
	assert_int_equal(f->metrics.records[LEVEL_INFO], 2);

	assert_int_equal(write_one(f, EVE, "d\n", NULL), COMMIT_DONE);
	assert_file_equal(f->dir, "info.log", "a\nb\nd\n");
	/* Nor is it trusted when it fails while rolling over. */
	assert_true(dup2(ends[1], f->logs.level[LEVEL_INFO].file.fd) >= 0);
	add(f, EVE + 1, "e\n", NULL);
	write_group(f, EVE + DAY);
	assert_int_equal(f->request[0].result, COMMIT_FAILED);
	assert_int_equal(write_one(f, EVE + DAY, "f\n", NULL), COMMIT_DONE);
	assert_file_equal(f->dir, "info.log", "f\n");
	close(ends[0]);
	close(ends[1]);
	logs_close(&f->logs);
}

static void
the_sync_of_every_second_reports_what_failed(void **state)
{
	struct fixture *f = *state;
	struct sync_set set;
	unsigned failed;
	int ends[2];

	f->options.sync = SYNC_EVERYSEC;
	start(f, EVE);
	write_one(f, EVE, "a\n", NULL);
	assert_int_equal(f->metrics.syncs, 0);
	sync_set_take(&set, &f->logs);
	assert_false(f->logs.level[LEVEL_INFO].file.dirty);
	assert_int_equal(sync_set_run(&set, &f->logs), 0);
	assert_int_equal(f->metrics.syncs, 2);
	sync_set_take(&set, &f->logs);
	assert_int_equal(sync_set_run(&set, &f->logs), 0);
	assert_int_equal(f->metrics.syncs, 2);

	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], f->logs.level[LEVEL_INFO].file.fd) >= 0);
	assert_int_equal(write_one(f, EVE, "b\n", NULL), COMMIT_DONE);
	sync_set_take(&set, &f->logs);
	failed = sync_set_run(&set, &f->logs);
	assert_int_equal(failed, LEVEL_BIT(LEVEL_INFO));
	sync_set_failed(&f->logs, failed);
	assert_int_equal(f->metrics.sync_errors, 1);
	assert_int_equal(write_one(f, EVE, "c\n", NULL), COMMIT_DONE);
	assert_file_equal(f->dir, "info.log", "a\nc\n");
	close(ends[0]);
	close(ends[1]);
	logs_close(&f->logs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    writer_test(a_failed_sync_fails_the_group),
	    writer_test(the_sync_of_every_second_reports_what_failed),
	};

	return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}
