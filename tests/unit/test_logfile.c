#include "files/committed.h"
#include "files/logfile.h"
#include "folder_fixture.h"

#include <errno.h>

#define NAME "info.log"

static bool
append(struct logfile *f, const char *text)
{
	char copy[4096];
	struct iovec iov = {copy, strlen(text)};

	memcpy(copy, text, iov.iov_len);
	return logfile_append(f, &iov, 1);
}

static void
creates_and_appends(void **state)
{
	struct tmpdir *t = *state;
	struct logfile f = LOGFILE_CLOSED(NAME);
	struct stat st;

	umask(022);
	assert_true(logfile_open(&f, folder));
	assert_int_equal(stat(tmpdir_path(t, NAME), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_true(logfile_is(&f, &st));
	logfile_begin(&f);
	assert_true(append(&f, "one\n"));
	assert_true(append(&f, "two\n"));
	assert_int_equal(f.size, 8);
	assert_file_equal(t, NAME, "one\ntwo\n");
	logfile_close(&f);
	assert_false(append(&f, "three\n"));
}

static void
takes_only_a_regular_file(void **state)
{
	struct tmpdir *t = *state;
	struct logfile f = LOGFILE_CLOSED(NAME);

	assert_int_equal(mkdir(tmpdir_path(t, NAME), 0700), 0);
	assert_false(logfile_open(&f, folder));
	assert_string_equal(logfile_error(errno), "not a regular file");
	assert_int_equal(rmdir(tmpdir_path(t, NAME)), 0);

	assert_int_equal(mkfifo(tmpdir_path(t, NAME), 0600), 0);
	assert_false(logfile_open(&f, folder));
	assert_string_equal(logfile_error(errno), "not a regular file");
	assert_int_equal(unlink(tmpdir_path(t, NAME)), 0);

	assert_int_equal(symlink("/dev/null", tmpdir_path(t, NAME)), 0);
	assert_false(logfile_open(&f, folder));
	assert_string_equal(logfile_error(errno), "not a regular file");
	assert_int_equal(f.fd, -1);
}

static void
ends_a_torn_line_first(void **state)
{
	struct tmpdir *t = *state;
	struct logfile f = LOGFILE_CLOSED(NAME);

	tmpdir_write(t, NAME, "whole\ntorn");
	assert_true(logfile_open(&f, folder));
	logfile_begin(&f);
	assert_true(append(&f, "one\n"));
	assert_true(logfile_undo(&f));
	assert_file_equal(t, NAME, "whole\ntorn");
	logfile_begin(&f);
	assert_true(append(&f, "two\n"));
	assert_true(append(&f, "three\n"));
	assert_file_equal(t, NAME, "whole\ntorn\ntwo\nthree\n");
	logfile_close(&f);

	assert_true(logfile_open(&f, folder));
	assert_false(f.mid_line);
	logfile_close(&f);
}

static void
cuts_back_a_write_that_fails_half_way(void **state)
{
	struct tmpdir *t = *state;
	struct logfile f = LOGFILE_CLOSED(NAME);

	tmpdir_write(t, NAME, "before\n");
	assert_true(logfile_open(&f, folder));
	logfile_begin(&f);
	limit_file_size(10);
	assert_false(append(&f, "too long\n"));
	assert_int_equal(errno, EFBIG);
	assert_int_equal(f.pending, 3);
	assert_true(logfile_undo(&f));
	limit_file_size(RLIM_INFINITY);
	assert_file_equal(t, NAME, "before\n");
	assert_int_equal(f.size, 7);
	logfile_begin(&f);
	assert_true(append(&f, "after\n"));
	assert_file_equal(t, NAME, "before\nafter\n");
	logfile_close(&f);
}

/* Makes the descriptor one that cannot be written or truncated; returns what it was. */
static int
break_descriptor(struct tmpdir *t, struct logfile *f)
{
	int saved = dup(f->fd), other = open(tmpdir_path(t, NAME), O_RDONLY | O_CLOEXEC);

	assert_true(dup2(other, f->fd) >= 0);
	close(other);
	return saved;
}

static void
mend_descriptor(struct logfile *f, int saved)
{
	assert_true(dup2(saved, f->fd) >= 0);
	close(saved);
}

static void
cuts_later_what_it_could_not_cut(void **state)
{
	struct tmpdir *t = *state;
	struct logfile f = LOGFILE_CLOSED(NAME);
	int saved;

	assert_true(logfile_open(&f, folder));
	logfile_begin(&f);
	assert_true(append(&f, "one\n"));
	logfile_begin(&f);
	assert_true(append(&f, "half"));
	saved = break_descriptor(t, &f);
	assert_false(logfile_undo(&f));
	logfile_begin(&f);
	assert_false(append(&f, "two\n"));
	assert_false(logfile_undo(&f));
	assert_file_equal(t, NAME, "one\nhalf");

	/* Still known when it is opened again. */
	close(saved);
	logfile_close(&f);
	assert_true(logfile_open(&f, folder));
	logfile_begin(&f);
	assert_true(append(&f, "three\n"));
	assert_file_equal(t, NAME, "one\nthree\n");
	assert_int_equal(f.size, 10);
	logfile_close(&f);
}

static void
is_safe_from_truncation_by_others(void **state)
{
	struct tmpdir *t = *state;
	struct logfile f = LOGFILE_CLOSED(NAME);
	int saved;

	assert_true(logfile_open(&f, folder));
	logfile_begin(&f);
	assert_true(append(&f, "one\n"));
	assert_int_equal(truncate(tmpdir_path(t, NAME), 0), 0);
	assert_true(append(&f, "two\n"));
	assert_file_equal(t, NAME, "two\n");
	/* More is to be cut than there is. */
	assert_true(logfile_undo(&f));
	assert_file_equal(t, NAME, "");

	logfile_begin(&f);
	assert_true(append(&f, "three\n"));
	saved = break_descriptor(t, &f);
	assert_false(logfile_undo(&f));
	assert_int_equal(truncate(tmpdir_path(t, NAME), 0), 0);
	mend_descriptor(&f, saved);
	assert_true(append(&f, "four\n"));
	assert_file_equal(t, NAME, "four\n");
	logfile_close(&f);
}

static void
writes_more_buffers_than_one_call_takes(void **state)
{
	enum { BUFFERS = 3000 };
	struct tmpdir *t = *state;
	struct logfile f = LOGFILE_CLOSED(NAME);
	struct iovec iov[BUFFERS];
	char lines[BUFFERS][16], *content;

	for (int i = 0; i < BUFFERS; i++) {
		snprintf(lines[i], sizeof(lines[i]), "%06d\n", i);
		iov[i] = (struct iovec){lines[i], 7};
	}
	assert_true(logfile_open(&f, folder));
	logfile_begin(&f);
	assert_true(logfile_append(&f, iov, BUFFERS));
	content = tmpdir_read(t, NAME);
	assert_int_equal(strlen(content), 7 * BUFFERS);
	for (int i = 0; i < BUFFERS; i++)
		assert_int_equal(atoi(content + (size_t)i * 7), i);
	free(content);
	logfile_close(&f);
}

#define test(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

static void
cuts_off_what_a_crash_has_left(void **state)
{
	static const struct {
		const char *before;
		size_t nuls;
		const char *after; /* when a line is appended */
	} ends[] = {
	    {"one\n", 1, "one\ntwo\n"},
	    {"one\n", 4096, "one\ntwo\n"},
	    {"one\n", 16 * 1024 - 4, "one\ntwo\n"},
	    {"one\n", 16 * 1024, "one\ntwo\n"},
	    {"one\n", 100 * 1024 + 1, "one\ntwo\n"},
	    {"one\nhal", 3, "one\nhal\ntwo\n"},
	    {"", 5000, "two\n"},
	};
	struct tmpdir *t = *state;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct logfile f = LOGFILE_CLOSED(NAME);
		const char *path = tmpdir_path(t, NAME);

		tmpdir_write(t, NAME, ends[i].before);
		assert_int_equal(truncate(path, (off_t)(strlen(ends[i].before) + ends[i].nuls)), 0);
		assert_true(logfile_open(&f, folder));
		assert_int_equal(f.nuls, ends[i].nuls);
		assert_int_equal(f.size, strlen(ends[i].before));
		assert_true(append(&f, "two\n"));
		assert_file_equal(t, NAME, ends[i].after);
		assert_true(f.dirty);
		logfile_close(&f);
		assert_true(logfile_open(&f, folder));
		assert_int_equal(f.nuls, 0);
		logfile_close(&f);
	}
}

static void
leaves_other_nuls(void **state)
{
	struct tmpdir *t = *state;
	struct logfile f = LOGFILE_CLOSED(NAME);
	struct stat st;

	/* More than any crash leaves. */
	tmpdir_write(t, NAME, "one\n");
	assert_int_equal(truncate(tmpdir_path(t, NAME), 100 << 20), 0);
	assert_true(logfile_open(&f, folder));
	assert_int_equal(f.nuls, 0);
	assert_true(append(&f, "two\n"));
	assert_int_equal(stat(tmpdir_path(t, NAME), &st), 0);
	assert_int_equal(st.st_size, (100 << 20) + 5);
	logfile_close(&f);
}

/* How much of it readers are shown. */
static uint64_t
shown(struct tmpdir *t)
{
	int fd = open(tmpdir_path(t, NAME), O_RDONLY | O_CLOEXEC);
	uint64_t bytes = UINT64_MAX;

	assert_true(fd >= 0);
	committed_ask(fd, &bytes);
	close(fd);
	return bytes;
}

static void
shows_readers_what_is_there_for_good(void **state)
{
	struct tmpdir *t = *state;
	struct logfile f = LOGFILE_CLOSED(NAME);

	tmpdir_write(t, NAME, "old\n");
	assert_int_equal(shown(t), UINT64_MAX);
	assert_true(logfile_open(&f, folder));
	assert_int_equal(shown(t), 4);
	logfile_begin(&f);
	assert_true(append(&f, "taken back\n"));
	assert_int_equal(shown(t), 4);
	assert_true(logfile_undo(&f));
	assert_int_equal(shown(t), 4);
	logfile_begin(&f);
	assert_true(append(&f, "new\n"));
	assert_int_equal(shown(t), 4);
	logfile_commit(&f);
	assert_int_equal(shown(t), 8);
	/* With nothing new it stays. */
	logfile_commit(&f);
	assert_int_equal(shown(t), 8);
	/* Others cut it. */
	assert_int_equal(truncate(tmpdir_path(t, NAME), 4), 0);
	logfile_set_size(&f, 4);
	assert_int_equal(shown(t), 4);
	logfile_begin(&f);
	assert_true(append(&f, "more\n"));
	assert_int_equal(shown(t), 4);
	logfile_commit(&f);
	assert_int_equal(shown(t), f.size);
	/* Others append to it. */
	logfile_begin(&f);
	logfile_set_size(&f, f.size + 6);
	assert_int_equal(shown(t), f.size);
	logfile_let_go(&f);
	assert_int_equal(shown(t), UINT64_MAX);
	logfile_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(creates_and_appends),
	    test(takes_only_a_regular_file),
	    test(ends_a_torn_line_first),
	    test(cuts_back_a_write_that_fails_half_way),
	    test(cuts_later_what_it_could_not_cut),
	    test(is_safe_from_truncation_by_others),
	    test(writes_more_buffers_than_one_call_takes),
	    test(cuts_off_what_a_crash_has_left),
	    test(leaves_other_nuls),
	    test(shows_readers_what_is_there_for_good),
	};

	return cmocka_run_group_tests_name("logfile", tests, NULL, NULL);
}
