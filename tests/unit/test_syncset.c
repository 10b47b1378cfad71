#include "files/syncset.h"
#include "tmpdir.h"

#include <errno.h>

static struct metrics metrics;

static int
open_file(struct tmpdir *t, const char *name)
{
	return open(tmpdir_path(t, name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void
syncs_and_closes_what_it_holds(void **state)
{
	struct tmpdir *t = *state;
	struct syncset_report report = {.folder = t->path, .metrics = &metrics};
	int file = open_file(t, "a"), other = open_file(t, "b"), ends[2];
	int folder = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct syncset set = {0};

	/* A pipe can't be synced. */
	assert_int_equal(pipe(ends), 0);
	assert_true(syncset_add(&set, file, "a", 1));
	assert_true(syncset_add(&set, ends[1], "pipe", 2));
	assert_true(syncset_add(&set, folder, "", 4));
	assert_true(syncset_add(&set, other, "b", 0));
	metrics = (struct metrics){0};
	assert_int_equal(syncset_run(&set, &report), 2);
	assert_int_equal(metrics.syncs, 4);
	assert_int_equal(metrics.sync_errors, 1);
	assert_false(is_open(file) || is_open(other) || is_open(ends[1]) || is_open(folder));
	assert_int_equal(set.n, 0);
	assert_int_equal(syncset_run(&set, &report), 0);
	close(ends[0]);
}

static void
says_when_it_is_full(void **state)
{
	struct tmpdir *t = *state;
	struct syncset_report report = {.folder = t->path, .metrics = &metrics};
	struct syncset set = {0};
	int fd = open_file(t, "a");

	for (int i = 0; i < SYNCSET_MAX; i++)
		assert_true(syncset_add(&set, dup(fd), "a", 0));
	assert_false(syncset_add(&set, fd, "a", 0));
	assert_true(is_open(fd));
	assert_int_equal(syncset_run(&set, &report), 0);
	assert_true(syncset_sync(fd, "a", &report));
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    tmpdir_test(syncs_and_closes_what_it_holds),
	    tmpdir_test(says_when_it_is_full),
	};

	return cmocka_run_group_tests_name("syncset", tests, NULL, NULL);
}
