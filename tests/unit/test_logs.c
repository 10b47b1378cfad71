/* The set of files: periods, syncing, and what housekeeping does for it. */
#include "files_fixture.h"

static void
sync_failures_close_a_file(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	f->settings.sync = SYNC_ALWAYS;
	open_logs(f, EVE);
	assert_int_equal(write_one(f, EVE, "a\n", "A\n"), TICKET_DONE);
	assert_int_equal(f->metrics.syncs, 3); /* two files, and the folder */
	assert_int_equal(write_one(f, EVE, "b\n", NULL), TICKET_DONE);
	assert_int_equal(f->metrics.syncs, 4);
	assert_int_equal(f->metrics.sync_errors, 0);
	/* A pipe can be written but not synced. */
	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], f->logs.level[LEVEL_INFO].file.fd) >= 0);
	add(f, EVE, "c\n", NULL);
	add(f, EVE, NULL, "C\n");
	write_group(f, EVE);
	assert_int_equal(f->ticket[0].result, TICKET_FAILED);
	assert_int_equal(f->ticket[1].result, TICKET_FAILED);
	assert_int_equal(f->metrics.sync_errors, 1);
	assert_int_equal(f->logs.level[LEVEL_INFO].file.fd, -1);
	assert_int_equal(f->metrics.records[LEVEL_INFO], 2);

	assert_int_equal(write_one(f, EVE, "d\n", NULL), TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "a\nb\nd\n");
	/* Nor is it trusted when it fails while rolling over. */
	assert_true(dup2(ends[1], f->logs.level[LEVEL_INFO].file.fd) >= 0);
	add(f, EVE + 1, "e\n", NULL);
	write_group(f, EVE + DAY);
	assert_int_equal(f->ticket[0].result, TICKET_FAILED);
	assert_int_equal(write_one(f, EVE + DAY, "f\n", NULL), TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "f\n");
	close(ends[0]);
	close(ends[1]);
	logs_close(&f->logs);
}

static void
all_of_a_group_is_synced_before_it_is_done(void **state)
{
	struct fixture *f = *state;

	f->settings.sync = SYNC_ALWAYS;
	f->settings.max_bytes = 4;
	open_logs(f, EVE);
	assert_int_equal(write_one(f, EVE, "a\nb\nc\nd\ne\nf\n", NULL), TICKET_DONE);
	/* Three files, and the names. */
	assert_int_equal(f->metrics.rollovers, 2);
	assert_int_equal(f->metrics.syncs, 4);
	assert_int_equal(f->logs.common.retired.n, 0);
	assert_false(f->logs.common.names_dirty);
	logs_close(&f->logs);
	assert_int_equal(f->metrics.syncs, 4);
}

static void
chores_sync_and_report_what_failed(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	f->settings.sync = SYNC_EVERYSEC;
	open_logs(f, EVE);
	write_one(f, EVE, "a\n", NULL);
	assert_int_equal(f->metrics.syncs, 0);
	do_chores(f);
	assert_false(f->logs.level[LEVEL_INFO].file.dirty);
	assert_int_equal(f->metrics.syncs, 2);
	do_chores(f);
	assert_int_equal(f->metrics.syncs, 2);

	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], f->logs.level[LEVEL_INFO].file.fd) >= 0);
	assert_int_equal(write_one(f, EVE, "b\n", NULL), TICKET_DONE);
	do_chores(f);
	assert_int_equal(f->metrics.sync_errors, 1);
	assert_int_equal(write_one(f, EVE, "c\n", NULL), TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "a\nc\n");
	close(ends[0]);
	close(ends[1]);
	logs_close(&f->logs);
}

static void
chores_sync_what_was_rolled_over(void **state)
{
	struct fixture *f = *state;

	f->settings.sync = SYNC_EVERYSEC;
	f->settings.max_bytes = 4;
	f->settings.backup_count = 0;
	open_logs(f, EVE);
	do_chores(f);
	f->metrics.syncs = 0;
	assert_int_equal(write_one(f, EVE, "a\nb\nc\nd\ne\n", NULL), TICKET_DONE);
	assert_int_equal(f->metrics.syncs, 0);
	assert_int_equal(f->logs.common.retired.n, 2);
	do_chores(f);
	assert_int_equal(f->metrics.syncs, 4); /* with the present one, and the names */
	assert_int_equal(f->logs.common.retired.n, 0);
	/* More than wait at a time are synced by the writer. (The first is synced already.) */
	for (int i = 0; i < SYNCSET_MAX + 10; i++)
		assert_int_equal(write_one(f, EVE, "abc\n", NULL), TICKET_DONE);
	assert_int_equal(f->logs.common.retired.n, SYNCSET_MAX);
	assert_int_equal(f->metrics.syncs, 4 + 9);
	do_chores(f);
	do_chores(f);
	assert_int_equal(f->logs.common.retired.n, 0);
	/* The end leaves none of them. */
	assert_int_equal(write_one(f, EVE, "abc\n", NULL), TICKET_DONE);
	assert_int_equal(write_one(f, EVE, "abc\n", NULL), TICKET_DONE);
	f->metrics.syncs = 0;
	logs_close(&f->logs);
	assert_int_equal(f->metrics.syncs, 3);
}

static void
prunes_only_what_is_acknowledged(void **state)
{
	struct fixture *f = *state;
	int saved;

	f->settings.max_bytes = 4;
	f->settings.backup_count = 2;
	f->settings.rotate = ROTATE_NEVER;
	open_logs(f, EVE);
	for (int i = 0; i < 4; i++)
		assert_int_equal(write_one(f, EVE, "abc\n", NULL), TICKET_DONE);
	do_chores(f);
	assert_int_equal(tmpdir_count(f->dir, "info.log."), 2);
	assert_int_equal(f->metrics.pruned, 1);
	/* error.log can't be written. */
	saved = break_file(f, LEVEL_ERROR);
	for (int i = 0; i < 16; i++) {
		assert_int_equal(
		    write_one(f, EVE, "123\n456\n789\n012\n345\n", "E\n"), TICKET_FAILED);
		do_chores(f);
	}
	mend_file(f, LEVEL_ERROR, saved);
	assert_int_equal(f->metrics.pruned, 1);
	assert_file_equal(f->dir, "info.log.2019-12-24.1", "abc\n");
	assert_file_equal(f->dir, "info.log.2019-12-24.2", "abc\n");
	assert_file_equal(f->dir, "info.log", "abc\n");
	assert_int_equal(tmpdir_count(f->dir, "info.log."), 2);
	assert_int_equal(write_one(f, EVE, "123\n456\n", "E\n"), TICKET_DONE);
	do_chores(f);
	assert_int_equal(f->metrics.pruned, 3);
	assert_file_equal(f->dir, "info.log.2019-12-24.4", "123\n");
	logs_close(&f->logs);
}

static void
prunes_nothing_for_what_could_not_be_synced(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	f->settings.sync = SYNC_ALWAYS;
	f->settings.max_bytes = 4;
	f->settings.backup_count = 1;
	open_logs(f, EVE);
	do_chores(f);
	assert_int_equal(write_one(f, EVE, "abc\n", NULL), TICKET_DONE);
	/* A pipe can be written but not synced. */
	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], f->logs.level[LEVEL_ERROR].file.fd) >= 0);
	assert_int_equal(write_one(f, EVE, "123\n456\n789\n", "E\n"), TICKET_FAILED);
	do_chores(f);
	assert_int_equal(f->metrics.pruned, 0);
	assert_file_equal(f->dir, "info.log.2019-12-24", "abc\n");
	close(ends[0]);
	close(ends[1]);
	logs_close(&f->logs);
}

static void
files_that_are_rolled_over_while_it_prunes_do_not_count(void **state)
{
	struct fixture *f = *state;
	struct logs_chores chores;
	struct iovec iov;
	char line[] = "123\n";

	f->settings.max_bytes = 4;
	f->settings.backup_count = 2;
	open_logs(f, EVE);
	for (int i = 0; i < 3; i++)
		assert_int_equal(write_one(f, EVE, "abc\n", NULL), TICKET_DONE);
	logs_take_chores(&f->logs, &chores);
	/* A transaction begins, and makes two of its own. */
	levelfile_begin(&f->logs.level[LEVEL_INFO]);
	for (int i = 0; i < 2; i++) {
		iov = (struct iovec){line, 4};
		assert_true(levelfile_make_room(&f->logs.level[LEVEL_INFO], 4));
		assert_true(levelfile_append(&f->logs.level[LEVEL_INFO], &iov, 1));
	}
	assert_false(logs_do_chores(&f->logs, &chores));
	assert_int_equal(f->metrics.pruned, 0);
	levelfile_undo(&f->logs.level[LEVEL_INFO]);
	assert_int_equal(tmpdir_count(f->dir, "info.log."), 2);
	assert_file_equal(f->dir, "info.log", "abc\n");
	logs_close(&f->logs);
}

static void
looks_for_the_number_before_it_is_needed(void **state)
{
	struct fixture *f = *state;

	f->settings.max_bytes = 4;
	tmpdir_write(f->dir, "info.log.2019-12-24.7", "");
	tmpdir_write(f->dir, "info.log.2019-12-25.3", "");
	open_logs(f, EVE);
	write_one(f, EVE, "abc\n", NULL);
	write_one(f, EVE, "abc\n", NULL);
	assert_true(tmpdir_has(f->dir, "info.log.2019-12-24.8"));
	/* The lower numbers of the next day were pruned: those that come are to be after. */
	write_one(f, EVE + DAY, "abc\n", NULL);
	assert_true(tmpdir_has(f->dir, "info.log.2019-12-24.9"));
	do_chores(f);
	write_one(f, EVE + DAY, "abc\n", NULL);
	assert_true(tmpdir_has(f->dir, "info.log.2019-12-25.4"));
	assert_false(tmpdir_has(f->dir, "info.log.2019-12-25"));
	logs_close(&f->logs);
}

static void
a_new_period_does_not_list_the_folder(void **state)
{
	struct fixture *f = *state;

	open_logs(f, EVE);
	write_one(f, EVE, "a\n", NULL);
	add(f, EVE + DAY, "b\n", NULL);
	write_group(f, EVE + DAY);
	tmpdir_write(f->dir, "info.log.2019-12-25.3", "");
	do_chores(f);
	/* Where the roll-over looked for itself it would find this one. */
	tmpdir_write(f->dir, "info.log.2019-12-25.7", "");
	add(f, EVE + 2 * DAY, "c\n", NULL);
	write_group(f, EVE + 2 * DAY);
	assert_file_equal(f->dir, "info.log.2019-12-25.4", "b\n");
	logs_close(&f->logs);
}

static void
a_number_that_comes_late_is_not_taken(void **state)
{
	struct fixture *f = *state;
	struct logs_chores chores;

	f->settings.max_bytes = 4;
	f->settings.backup_count = 0;
	open_logs(f, EVE);
	write_one(f, EVE, "abc\n", NULL);
	write_one(f, EVE + DAY, "abc\n", NULL);
	tmpdir_write(f->dir, "info.log.2019-12-25.3", "");
	logs_take_chores(&f->logs, &chores);
	/* There is a roll-over while the folder is listed. */
	write_one(f, EVE + DAY, "abc\n", NULL);
	assert_true(tmpdir_has(f->dir, "info.log.2019-12-25"));
	assert_true(logs_do_chores(&f->logs, &chores));
	logs_end_chores(&f->logs, &chores);
	write_one(f, EVE + DAY, "abc\n", NULL);
	assert_true(tmpdir_has(f->dir, "info.log.2019-12-25.1"));
	logs_close(&f->logs);
}

static void
without_a_descriptor_the_number_is_looked_for_later(void **state)
{
	struct fixture *f = *state;
	struct logs_chores chores;

	f->settings.max_bytes = 4;
	open_logs(f, EVE);
	write_one(f, EVE, "abc\n", NULL);
	write_one(f, EVE + DAY, "abc\n", NULL);
	tmpdir_write(f->dir, "info.log.2019-12-25.3", "");
	logs_take_chores(&f->logs, &chores);
	close(chores.folder.fd);
	chores.folder.fd = -1;
	logs_do_chores(&f->logs, &chores);
	logs_end_chores(&f->logs, &chores);
	do_chores(f);
	write_one(f, EVE + DAY, "abc\n", NULL);
	assert_true(tmpdir_has(f->dir, "info.log.2019-12-25.4"));
	logs_close(&f->logs);
}

static void
a_probe_finds_a_full_disk(void **state)
{
	struct fixture *f = *state;

	open_logs(f, EVE);
	do_chores(f);
	assert_true(health_ask(&f->logs.common.health, f->why, sizeof(f->why)));
	limit_file_size(1000);
	/* It probes in each fourth round, ... */
	for (int i = 0; i < 3; i++)
		do_chores(f);
	assert_true(health_ask(&f->logs.common.health, f->why, sizeof(f->why)));
	do_chores(f);
	assert_false(health_ask(&f->logs.common.health, f->why, sizeof(f->why)));
	assert_non_null(strstr(f->why, "can't write in"));
	/* ... and in each that follows a failure. */
	limit_file_size(RLIM_INFINITY);
	do_chores(f);
	assert_true(health_ask(&f->logs.common.health, f->why, sizeof(f->why)));
	logs_close(&f->logs);
}

static void
a_folder_that_is_not_there_is_no_good_health(void **state)
{
	struct fixture *f = *state;
	char away[128];

	open_logs(f, EVE);
	snprintf(away, sizeof(away), "%s.away", f->dir->path);
	assert_int_equal(rename(f->dir->path, away), 0);
	assert_int_equal(symlink("/dev/null", f->dir->path), 0);
	logs_check(&f->logs, 0);
	do_chores(f);
	assert_false(health_ask(&f->logs.common.health, f->why, sizeof(f->why)));
	assert_non_null(strstr(f->why, "Not a directory"));
	assert_int_equal(unlink(f->dir->path), 0);
	assert_int_equal(rename(away, f->dir->path), 0);
	logs_check(&f->logs, 0);
	assert_true(health_ask(&f->logs.common.health, f->why, sizeof(f->why)));
	logs_close(&f->logs);
}

/* A killed server may have rolled a file over and not synced it. */
static void
syncs_what_was_rolled_over_before_the_start(void **state)
{
	struct fixture *f = *state;
	uint64_t syncs[2];

	f->settings.sync = SYNC_EVERYSEC;
	f->settings.rotate = ROTATE_NEVER;
	for (int i = 0; i < 2; i++) {
		struct logs_chores chores;
		uint64_t before = f->metrics.syncs;

		if (i == 1)
			tmpdir_write(f->dir, "info.log.2019-12-24", "unsynced\n");
		open_logs(f, EVE);
		logs_take_chores(&f->logs, &chores);
		logs_do_chores(&f->logs, &chores);
		syncs[i] = f->metrics.syncs - before;
		logs_close(&f->logs);
	}
	assert_int_equal(syncs[1], syncs[0] + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    files_test(syncs_what_was_rolled_over_before_the_start),
	    files_test(sync_failures_close_a_file),
	    files_test(all_of_a_group_is_synced_before_it_is_done),
	    files_test(chores_sync_and_report_what_failed),
	    files_test(chores_sync_what_was_rolled_over),
	    files_test(prunes_only_what_is_acknowledged),
	    files_test(prunes_nothing_for_what_could_not_be_synced),
	    files_test(files_that_are_rolled_over_while_it_prunes_do_not_count),
	    files_test(looks_for_the_number_before_it_is_needed),
	    files_test(a_new_period_does_not_list_the_folder),
	    files_test(a_number_that_comes_late_is_not_taken),
	    files_test(a_folder_that_is_not_there_is_no_good_health),
	    files_test(without_a_descriptor_the_number_is_looked_for_later),
	    files_test(a_probe_finds_a_full_disk),
	};

	return cmocka_run_group_tests_name("logs", tests, NULL, NULL);
}
