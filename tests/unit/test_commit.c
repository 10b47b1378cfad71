#include "files_fixture.h"

#include <poll.h>
#include <sys/syscall.h>

static bool
is_writable(struct fixture *f)
{
	return commit_writable(f->commit, f->why, sizeof(f->why));
}

/* Waits for a whole round of housekeeping. */
static void
look_again(struct fixture *f)
{
	commit_reopen(f->commit);
	wait_for(commit_reopened(f->commit));
}

static void
writes_what_is_submitted(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(submit(f, "a\n", NULL), TICKET_DONE);
	assert_int_equal(submit(f, NULL, "b\n\tmore\n"), TICKET_DONE);
	assert_int_equal(submit(f, NULL, NULL), TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "a\n");
	assert_file_equal(f->dir, "error.log", "b\n\tmore\n");
	assert_int_equal(f->metrics.queue_depth, 0);
	stop(f);

	/* A level without a file is not written anywhere. */
	f->settings.levels = LEVEL_BIT(LEVEL_INFO);
	start(f);
	assert_int_equal(submit(f, "no\n", "no\n"), TICKET_FAILED);
	assert_file_equal(f->dir, "info.log", "a\n");
	stop(f);
}

static void
the_second_is_told_who_holds_the_folder(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_null(commit_open(&f->settings, 400, &f->metrics, f->why, sizeof(f->why)));
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
	assert_null(commit_open(&f->settings, 400, &f->metrics, f->why, sizeof(f->why)));
	assert_non_null(strstr(f->why, "/error.log\": not a regular file"));
}

static void
all_files_of_a_request_or_none(void **state)
{
	struct fixture *f = *state;

	tmpdir_write(f->dir, "error.log", "0123456\n");
	start(f);
	limit_file_size(10);
	assert_int_equal(submit(f, "a\n", "too long\n"), TICKET_FAILED);
	assert_int_equal(submit(f, "b\n", NULL), TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "b\n");
	assert_file_equal(f->dir, "error.log", "0123456\n");
	assert_false(is_writable(f));
	assert_non_null(strstr(f->why, f->dir->path));
	/* The level that could be written does not hide the one that could not; nor does a round.
	 */
	look_again(f);
	assert_false(is_writable(f));
	limit_file_size(RLIM_INFINITY);
	wait_for(is_writable(f));
	assert_int_equal(submit(f, "c\n", "too long\n"), TICKET_DONE);
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
	wait_for(tmpdir_has(f->dir, "info.log"));
	assert_int_equal(submit(f, "b\n", NULL), TICKET_DONE);
	assert_file_equal(f->dir, "renamed", "a\n");
	assert_file_equal(f->dir, "info.log", "b\n");

	unlink(tmpdir_path(f->dir, "info.log"));
	wait_for(tmpdir_has(f->dir, "info.log"));
	assert_int_equal(submit(f, "c\n", NULL), TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "c\n");

	assert_int_equal(truncate(tmpdir_path(f->dir, "info.log"), 0), 0);
	assert_int_equal(submit(f, "d\n", NULL), TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "d\n");
	stop(f);
}

static void
opens_the_files_again_when_asked(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_true(commit_reopened(f->commit));
	for (int i = 0; i < 20; i++) {
		rename(tmpdir_path(f->dir, "info.log"), tmpdir_path(f->dir, "renamed"));
		commit_reopen(f->commit);
		commit_reopen(f->commit);
		wait_for(commit_reopened(f->commit));
		assert_int_equal(submit(f, "e\n", NULL), TICKET_DONE);
		assert_file_equal(f->dir, "info.log", "e\n");
	}
	stop(f);
}

static void
never_writes_into_a_deleted_file(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(unlink(tmpdir_path(f->dir, "info.log")), 0);
	/* The thread may be quicker. */
	while (mkdir(tmpdir_path(f->dir, "info.log"), 0700) != 0)
		assert_int_equal(unlink(tmpdir_path(f->dir, "info.log")), 0);
	assert_int_equal(submit(f, "a\n", NULL), TICKET_FAILED);
	assert_false(is_writable(f));
	assert_non_null(strstr(f->why, "/info.log\": not a regular file"));
	assert_int_equal(submit(f, NULL, "a\n"), TICKET_DONE);
	look_again(f);
	assert_false(is_writable(f));
	/* Writing resumes by itself. */
	assert_int_equal(rmdir(tmpdir_path(f->dir, "info.log")), 0);
	assert_int_equal(submit(f, "b\n", NULL), TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "b\n");
	assert_true(is_writable(f));
	stop(f);
}

static void
keeps_a_renamed_file_when_there_can_be_no_new_one(void **state)
{
	struct fixture *f = *state;

	start(f);
	look_again(f);
	/* The thread may be quicker, and have made a new one: that is renamed then. */
	do
		assert_int_equal(
		    rename(tmpdir_path(f->dir, "info.log"), tmpdir_path(f->dir, "renamed")), 0);
	while (mkdir(tmpdir_path(f->dir, "info.log"), 0700) != 0);
	look_again(f);
	assert_int_equal(submit(f, "a\n", NULL), TICKET_DONE);
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
	wait_for(tmpdir_has(f->dir, "error.log"));
	assert_int_equal(submit(f, "a\n", "b\n"), TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "a\n");
	assert_file_equal(f->dir, "error.log", "b\n");
	second = commit_open(&f->settings, 400, &f->metrics, f->why, sizeof(f->why));
	assert_null(second);

	tmpdir_remove(f->dir->path);
	assert_int_equal(submit(f, "c\n", NULL), TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "c\n");
	wait_for(is_writable(f));
	stop(f);
}

static void
syncs_every_second_and_at_the_end(void **state)
{
	struct fixture *f = *state;

	f->settings.sync = SYNC_EVERYSEC;
	start(f);
	wait_for(f->metrics.syncs == 1); /* the folder */
	assert_int_equal(submit(f, "a\n", NULL), TICKET_DONE);
	wait_for(f->metrics.syncs == 2);
	assert_int_equal(submit(f, "b\n", "B\n"), TICKET_DONE);
	stop(f);
	assert_int_equal(f->metrics.syncs, 4);
	assert_int_equal(f->metrics.sync_errors, 0);
}

/* Whether a thread of this process waits for something. */
static bool
sleeps(int id)
{
	char path[64], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", id);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %63s", text) != 1)
		text[0] = '\0';
	fclose(file);
	return text[0] == 'S';
}

/* The thread that submits. */
static _Atomic int writer_id;

/* A disk that holds a write up until it is let go: a FIFO that is full. */
static void *
submit_held_up(void *arg)
{
	struct fixture *f = arg;

	atomic_store(&writer_id, (int)syscall(SYS_gettid));
	assert_int_equal(submit(f, "held up\n", NULL), TICKET_DONE);
	return NULL;
}

static void
health_and_reopening_wait_for_no_writer(void **state)
{
	struct fixture *f = *state;
	const int flags = O_RDWR | O_CLOEXEC;
	char block[4096] = {0};
	pthread_t writer;
	int ends[2], fd;

	start(f);
	look_again(f);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, sizeof(block)), sizeof(block));
	assert_int_equal(write(ends[1], block, sizeof(block)), sizeof(block));
	/* Every descriptor of info.log in this process is the server's. */
	for (fd = 3; fd < 64; fd++) {
		char link[64], path[512];
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, path, sizeof(path) - 1);
		path[n > 0 ? n : 0] = '\0';
		if (strcmp(path, tmpdir_path(f->dir, "info.log")) == 0)
			break;
	}
	assert_true(fd < 64);
	assert_true(dup2(ends[1], fd) >= 0);
	assert_int_equal(pthread_create(&writer, NULL, submit_held_up, f), 0);
	/* It is counted before it has the writer's role. */
	wait_for(f->metrics.queue_depth == 1 && sleeps(writer_id));
	commit_reopen(f->commit);
	assert_true(is_writable(f));
	assert_false(commit_reopened(f->commit));
	fd = open(tmpdir_path(f->dir, "info.log"), flags);
	assert_int_equal(read(ends[0], block, sizeof(block)), sizeof(block));
	pthread_join(writer, NULL);
	wait_for(commit_reopened(f->commit));
	close(fd);
	close(ends[0]);
	close(ends[1]);
	stop(f);
}

/* The last thread: it submits, and ends. */
struct last {
	struct fixture *f;
	struct entries entries;
	struct ticket ticket;
	_Atomic int id; /* of the thread, once it is about to resume */
	_Atomic bool over;
	struct ticket *submitted, *resumed;
};

static void *
end_as_the_last(void *arg)
{
	struct last *l = arg;

	l->submitted = commit_submit(l->f->commit, &l->ticket);
	atomic_store(&l->id, (int)syscall(SYS_gettid));
	l->resumed = commit_resume(l->f->commit, true);
	atomic_store(&l->over, true);
	return NULL;
}

static void
nobody_comes(void *context)
{
	(void)context;
}

/* What a message waits for, instead of asking whether stderr takes it: a byte of this pipe; or -1.
 */
_Atomic int messages_wait_for = -1;

int
poll(struct pollfd *fds, nfds_t n, int timeout)
{
	const struct timespec limit = {timeout / 1000, timeout % 1000 * 1000000L};
	int fd = atomic_load(&messages_wait_for);
	char byte;

	if (fd >= 0)
		assert_int_equal(read(fd, &byte, 1), 1);
	return ppoll(fds, n, timeout < 0 ? NULL : &limit, NULL);
}

static void
the_last_thread_waits_for_housekeeping(void **state)
{
	struct fixture *f = *state;
	struct last l = {.f = f};
	pthread_t thread;
	int ends[2];

	f->commit = commit_open(&f->settings, 400, &f->metrics, f->why, sizeof(f->why));
	assert_non_null(f->commit);
	commit_wake_by(f->commit, nobody_comes, NULL);
	assert_true(commit_start(f->commit, f->why, sizeof(f->why)));
	look_again(f);
	/* Housekeeping has the role when it opens a renamed file again, and keeps it until it
	 * has said so. */
	assert_int_equal(pipe(ends), 0);
	atomic_store(&messages_wait_for, ends[0]);
	rename(tmpdir_path(f->dir, "info.log"), tmpdir_path(f->dir, "renamed"));
	wait_for(tmpdir_has(f->dir, "info.log"));
	buf_puts(&l.entries.level[LEVEL_INFO], "a\n");
	l.entries.arrival = clock_now_ns();
	l.ticket = (struct ticket){.entries = &l.entries, .bytes = 100};
	assert_int_equal(pthread_create(&thread, NULL, end_as_the_last, &l), 0);
	wait_for(atomic_load(&l.id) != 0 && (atomic_load(&l.over) || sleeps(l.id)));
	atomic_store(&messages_wait_for, -1);
	assert_int_equal(write(ends[1], "", 1), 1);
	pthread_join(thread, NULL);
	assert_null(l.submitted);
	assert_ptr_equal(l.resumed, &l.ticket);
	assert_int_equal(l.ticket.result, TICKET_DONE);
	assert_null(commit_resume(f->commit, true));
	assert_file_equal(f->dir, "info.log", "a\n");
	commit_close(f->commit);
	close(ends[0]);
	close(ends[1]);
	buf_free(&l.entries.level[LEVEL_INFO]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    files_test(writes_what_is_submitted),
	    files_test(the_second_is_told_who_holds_the_folder),
	    files_test(a_wrong_file_shows_at_the_start),
	    files_test(all_files_of_a_request_or_none),
	    files_test(notices_renamed_deleted_and_truncated_files),
	    files_test(opens_the_files_again_when_asked),
	    files_test(never_writes_into_a_deleted_file),
	    files_test(keeps_a_renamed_file_when_there_can_be_no_new_one),
	    files_test(makes_a_deleted_folder_again),
	    files_test(syncs_every_second_and_at_the_end),
	    files_test(health_and_reopening_wait_for_no_writer),
	    files_test(the_last_thread_waits_for_housekeeping),
	};

	return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
