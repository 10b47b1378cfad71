#include "commit_fixture.h"

static enum commit_result
submit(struct fixture *f, const char *info, const char *error)
{
	struct commit_entries e = {0};
	enum commit_result result;

	if (info != NULL)
		buf_puts(&e.level[LEVEL_INFO], info);
	if (error != NULL)
		buf_puts(&e.level[LEVEL_ERROR], error);
	result = submit_entries(f, &e);
	buf_free(&e.level[LEVEL_INFO]);
	buf_free(&e.level[LEVEL_ERROR]);
	return result;
}

static void
writes_what_is_submitted(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(submit(f, "a\n", NULL), COMMIT_DONE);
	assert_int_equal(submit(f, NULL, "b\n\tmore\n"), COMMIT_DONE);
	assert_int_equal(submit(f, NULL, NULL), COMMIT_DONE);
	assert_file_equal(f->dir, "info.log", "a\n");
	assert_file_equal(f->dir, "error.log", "b\n\tmore\n");
	assert_int_equal(f->metrics.queue_depth, 0);
	stop(f);

	/* A level without a file is not written anywhere. */
	f->options.levels = LEVEL_BIT(LEVEL_INFO);
	start(f);
	assert_int_equal(submit(f, "no\n", "no\n"), COMMIT_FAILED);
	assert_file_equal(f->dir, "info.log", "a\n");
	stop(f);
}

static void
the_second_is_told_who_holds_the_folder(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_null(commit_open(&f->options, &f->metrics, f->why, sizeof(f->why)));
	assert_non_null(strstr(f->why, "is in use by process"));
	stop(f);
	start(f);
	stop(f);
}

static void
a_wrong_file_shows_at_the_start(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(tmpdir_path(f->dir, "error.log"), 0700), 0);
	assert_null(commit_open(&f->options, &f->metrics, f->why, sizeof(f->why)));
	assert_non_null(strstr(f->why, "/error.log\": not a regular file"));
}

static void
all_files_of_a_request_or_none(void **state)
{
	struct fixture *f = *state;

	tmpdir_write(f->dir, "error.log", "0123456\n");
	start(f);
	limit_file_size(10);
	assert_int_equal(submit(f, "a\n", "too long\n"), COMMIT_FAILED);
	assert_int_equal(submit(f, "b\n", NULL), COMMIT_DONE);
	assert_file_equal(f->dir, "info.log", "b\n");
	assert_file_equal(f->dir, "error.log", "0123456\n");
	assert_false(commit_writable(f->commit, f->why, sizeof(f->why)));
	assert_non_null(strstr(f->why, f->dir->path));
	limit_file_size(RLIM_INFINITY);
	assert_true(commit_writable(f->commit, f->why, sizeof(f->why)));
	assert_int_equal(submit(f, "c\n", "too long\n"), COMMIT_DONE);
	assert_file_equal(f->dir, "info.log", "b\nc\n");
	assert_file_equal(f->dir, "error.log", "0123456\ntoo long\n");
	stop(f);
}

static void
notices_renamed_deleted_and_truncated_files(void **state)
{
	struct fixture *f = *state;

	start(f);
	submit(f, "a\n", NULL);
	rename(tmpdir_path(f->dir, "info.log"), tmpdir_path(f->dir, "renamed"));
	commit_tick(f->commit);
	assert_int_equal(submit(f, "b\n", NULL), COMMIT_DONE);
	assert_file_equal(f->dir, "renamed", "a\n");
	assert_file_equal(f->dir, "info.log", "b\n");

	unlink(tmpdir_path(f->dir, "info.log"));
	commit_tick(f->commit);
	assert_int_equal(submit(f, "c\n", NULL), COMMIT_DONE);
	assert_file_equal(f->dir, "info.log", "c\n");

	assert_int_equal(truncate(tmpdir_path(f->dir, "info.log"), 0), 0);
	assert_int_equal(submit(f, "d\n", NULL), COMMIT_DONE);
	assert_file_equal(f->dir, "info.log", "d\n");

	rename(tmpdir_path(f->dir, "info.log"), tmpdir_path(f->dir, "renamed"));
	commit_reopen(f->commit);
	commit_reopen(f->commit);
	assert_int_equal(submit(f, "e\n", NULL), COMMIT_DONE);
	assert_file_equal(f->dir, "info.log", "e\n");
	stop(f);
}

static void
never_writes_into_a_deleted_file(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(unlink(tmpdir_path(f->dir, "info.log")), 0);
	assert_int_equal(mkdir(tmpdir_path(f->dir, "info.log"), 0700), 0);
	commit_tick(f->commit);
	assert_int_equal(submit(f, "a\n", NULL), COMMIT_FAILED);
	assert_int_equal(submit(f, NULL, "a\n"), COMMIT_DONE);
	assert_false(commit_writable(f->commit, f->why, sizeof(f->why)));
	assert_non_null(strstr(f->why, "/info.log\": not a regular file"));
	/* Writing resumes by itself. */
	assert_int_equal(rmdir(tmpdir_path(f->dir, "info.log")), 0);
	assert_int_equal(submit(f, "b\n", NULL), COMMIT_DONE);
	assert_file_equal(f->dir, "info.log", "b\n");
	assert_true(commit_writable(f->commit, f->why, sizeof(f->why)));
	stop(f);
}

static void
keeps_a_renamed_file_when_there_can_be_no_new_one(void **state)
{
	struct fixture *f = *state;

	start(f);
	rename(tmpdir_path(f->dir, "info.log"), tmpdir_path(f->dir, "renamed"));
	assert_int_equal(mkdir(tmpdir_path(f->dir, "info.log"), 0700), 0);
	commit_tick(f->commit);
	assert_int_equal(submit(f, "a\n", NULL), COMMIT_DONE);
	assert_file_equal(f->dir, "renamed", "a\n");
	stop(f);
}

static void
makes_a_deleted_folder_again(void **state)
{
	struct fixture *f = *state;
	struct commit *second;

	start(f);
	tmpdir_remove(f->dir->path);
	commit_tick(f->commit);
	assert_int_equal(submit(f, "a\n", "b\n"), COMMIT_DONE);
	assert_file_equal(f->dir, "info.log", "a\n");
	assert_file_equal(f->dir, "error.log", "b\n");
	second = commit_open(&f->options, &f->metrics, f->why, sizeof(f->why));
	assert_null(second);

	tmpdir_remove(f->dir->path);
	assert_true(commit_writable(f->commit, f->why, sizeof(f->why)));
	assert_int_equal(submit(f, "c\n", NULL), COMMIT_DONE);
	assert_file_equal(f->dir, "info.log", "c\n");
	stop(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    commit_test(writes_what_is_submitted),
	    commit_test(the_second_is_told_who_holds_the_folder),
	    commit_test(a_wrong_file_shows_at_the_start),
	    commit_test(all_files_of_a_request_or_none),
	    commit_test(notices_renamed_deleted_and_truncated_files),
	    commit_test(never_writes_into_a_deleted_file),
	    commit_test(keeps_a_renamed_file_when_there_can_be_no_new_one),
	    commit_test(makes_a_deleted_folder_again),
	};

	return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
