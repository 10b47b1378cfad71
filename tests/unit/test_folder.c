#include "files/folder.h"
#include "tmpdir.h"

#define NOBODY 65534

static char why[512];

static void
creates_the_folder_with_its_parents(void **state)
{
	struct tmpdir *t = *state;
	struct folder f;
	char pid[32];

	assert_true(folder_open(&f, tmpdir_path(t, "a/b//c/"), why, sizeof(why)));
	snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	assert_file_equal(t, "a/b/c/.lock", pid);
	folder_close(&f);
}

static void
says_which_process_holds_it(void **state)
{
	struct tmpdir *t = *state;
	struct folder f, second;
	char expected[128];

	assert_true(folder_open(&f, t->path, why, sizeof(why)));
	assert_false(folder_open(&second, t->path, why, sizeof(why)));
	snprintf(
	    expected, sizeof(expected), "\"%s\" is in use by process %ld", t->path, (long)getpid());
	assert_string_equal(why, expected);

	assert_int_equal(truncate(tmpdir_path(t, ".lock"), 0), 0);
	assert_false(folder_open(&second, t->path, why, sizeof(why)));
	snprintf(expected, sizeof(expected), "\"%s\" is in use by another process", t->path);
	assert_string_equal(why, expected);

	folder_close(&f);
	assert_true(folder_open(&second, t->path, why, sizeof(why)));
	folder_close(&second);
}

static void
says_why_it_cannot_be_opened(void **state)
{
	struct tmpdir *t = *state;
	struct folder f;

	tmpdir_write(t, "file", "");
	assert_false(folder_open(&f, tmpdir_path(t, "file"), why, sizeof(why)));
	assert_non_null(strstr(why, "/file\": Not a directory"));
	assert_false(folder_open(&f, tmpdir_path(t, "file/below"), why, sizeof(why)));
	assert_non_null(strstr(why, "/file/below\": Not a directory"));
	assert_int_equal(f.fd, -1);
	assert_int_equal(f.lock, -1);
}

static void
says_that_it_is_read_only(void **state)
{
	struct tmpdir *t = *state;
	struct folder f;
	/* Root may write everywhere, so it becomes somebody else for this. */
	uid_t self = geteuid();

	if (self == 0) {
		assert_int_equal(chown(t->path, NOBODY, (gid_t)-1), 0);
		assert_int_equal(seteuid(NOBODY), 0);
	}
	assert_int_equal(chmod(t->path, 0500), 0);
	assert_false(folder_open(&f, t->path, why, sizeof(why)));
	assert_non_null(strstr(why, "/.lock\": Permission denied"));
	assert_false(folder_open(&f, tmpdir_path(t, "below"), why, sizeof(why)));
	assert_non_null(strstr(why, "/below\": Permission denied"));
	assert_int_equal(chmod(t->path, 0700), 0);
	assert_int_equal(seteuid(self), 0);
}

static void
leaves_what_did_not_change(void **state)
{
	struct tmpdir *t = *state;
	struct folder f;
	bool changed = false;
	int fd;

	assert_true(folder_open(&f, t->path, why, sizeof(why)));
	fd = f.fd;
	assert_true(folder_refresh(&f, &changed, why, sizeof(why)));
	assert_false(changed);
	assert_int_equal(f.fd, fd);
	folder_close(&f);
}

static void
is_made_and_locked_again_when_removed(void **state)
{
	struct tmpdir *t = *state;
	char path[512];
	struct folder f, second;
	bool changed = false;

	strcpy(path, tmpdir_path(t, "logs"));
	assert_true(folder_open(&f, path, why, sizeof(why)));
	tmpdir_remove(path);
	assert_true(folder_refresh(&f, &changed, why, sizeof(why)));
	assert_true(changed);
	assert_false(folder_open(&second, path, why, sizeof(why)));

	/* Renamed, with another one in its place. */
	changed = false;
	assert_int_equal(rename(path, tmpdir_path(t, "old")), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(folder_refresh(&f, &changed, why, sizeof(why)));
	assert_true(changed);
	assert_false(folder_open(&second, path, why, sizeof(why)));
	folder_close(&f);
}

static void
locks_again_when_the_lock_was_deleted(void **state)
{
	struct tmpdir *t = *state;
	struct folder f, second;
	bool changed = false;

	assert_true(folder_open(&f, t->path, why, sizeof(why)));
	assert_int_equal(unlink(tmpdir_path(t, ".lock")), 0);
	assert_true(folder_refresh(&f, &changed, why, sizeof(why)));
	assert_true(changed);
	assert_false(folder_open(&second, t->path, why, sizeof(why)));
	folder_close(&f);
}

static void
keeps_what_it_holds_when_another_has_the_new_one(void **state)
{
	struct tmpdir *t = *state;
	struct folder f, second;
	bool changed = false;

	assert_true(folder_open(&f, t->path, why, sizeof(why)));
	assert_int_equal(unlink(tmpdir_path(t, ".lock")), 0);
	assert_true(folder_open(&second, t->path, why, sizeof(why)));
	assert_false(folder_refresh(&f, &changed, why, sizeof(why)));
	assert_non_null(strstr(why, "is in use by process"));
	assert_false(changed);
	assert_true(f.fd >= 0);
	folder_close(&second);
	folder_close(&f);
}

static void
probes_without_a_trace(void **state)
{
	struct tmpdir *t = *state;
	struct folder f;
	char pid[32];

	snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	assert_true(folder_open(&f, t->path, why, sizeof(why)));
	assert_true(folder_probe(&f, why, sizeof(why)));
	assert_file_equal(t, ".lock", pid);
	assert_int_equal(tmpdir_count(t, ""), 3); /* with . and .. */

	limit_file_size(100);
	assert_false(folder_probe(&f, why, sizeof(why)));
	limit_file_size(strlen(pid));
	assert_false(folder_probe(&f, why, sizeof(why)));
	limit_file_size(RLIM_INFINITY);
	assert_non_null(strstr(why, t->path));
	assert_non_null(strstr(why, "File too large"));
	assert_file_equal(t, ".lock", pid);
	assert_true(folder_probe(&f, why, sizeof(why)));
	folder_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    tmpdir_test(creates_the_folder_with_its_parents),
	    tmpdir_test(says_which_process_holds_it),
	    tmpdir_test(says_why_it_cannot_be_opened),
	    tmpdir_test(says_that_it_is_read_only),
	    tmpdir_test(leaves_what_did_not_change),
	    tmpdir_test(is_made_and_locked_again_when_removed),
	    tmpdir_test(locks_again_when_the_lock_was_deleted),
	    tmpdir_test(keeps_what_it_holds_when_another_has_the_new_one),
	    tmpdir_test(probes_without_a_trace),
	};

	return cmocka_run_group_tests_name("folder", tests, NULL, NULL);
}
