/* Where a walk begins, and what it gives backward, while files are renamed and held. */
#include "files/committed.h"
#include "walk_files_fixture.h"

#include <errno.h>

/* A cursor for "from now on" is where the newest whole entry ends. */
static void
begins_where_it_is_now(void **state)
{
	struct log *l = *state;
	struct walk *backward, *w;
	struct place now;

	append(l, "info.log", "a\nb\n\tc");
	backward = begin(l, false, NULL);
	now = walk_place(backward);
	walk_free(backward);
	w = begin(l, true, &now);
	assert_end(w);
	append(l, "info.log", "\nd\n");
	assert_next(w, "b\n\tc");
	assert_next(w, "d");
	assert_end(w);
	walk_free(w);
}

static void
begins_before_there_is_a_file(void **state)
{
	struct log *l = *state;
	struct walk *backward = begin(l, false, NULL), *w, *again;
	struct place now = walk_place(backward);

	assert_end(backward);
	walk_free(backward);
	assert_int_equal(now.inode, 0);
	w = begin(l, true, &now);
	assert_end(w);
	append(l, "info.log", "a\n");
	assert_next(w, "a");
	assert_end(w);
	walk_free(w);
	/* Before everything; backward there is nothing before that. */
	again = begin(l, true, &now);
	assert_next(again, "a");
	walk_free(again);
	again = begin(l, false, &now);
	assert_end(again);
	walk_free(again);
}

static void
backward_over_files_that_are_renamed(void **state)
{
	struct log *l = *state;
	struct walk *w;

	append(l, "info.log.2", "a\n");
	append(l, "info.log.1", "b\n");
	append(l, "info.log", "c\nd\n");
	w = begin(l, false, NULL);
	assert_next(w, "d");
	rename_in(l, "info.log.2", "info.log.3");
	rename_in(l, "info.log.1", "info.log.2");
	rename_in(l, "info.log", "info.log.1");
	append(l, "info.log", "e\n");
	walk_rest(w);
	assert_next(w, "c");
	assert_next(w, "b");
	assert_next(w, "a");
	assert_end(w);
	assert_int_equal(walk_place(w).inode, 0);
	walk_free(w);
	/* One that is deleted is passed over. */
	w = begin(l, false, NULL);
	assert_next(w, "e");
	unlink(tmpdir_path(l->dir, "info.log.2"));
	assert_next(w, "d");
	assert_next(w, "c");
	assert_next(w, "a");
	assert_end(w);
	walk_free(w);
}

static void
a_place_is_found_by_any_name_and_gone_with_its_file(void **state)
{
	struct log *l = *state;
	struct walk_entry e;
	struct place at, end;
	struct walk *w;

	append(l, "info.log", "a\nb\nc\n");
	w = begin(l, true, NULL);
	step(w, &e);
	step(w, &e);
	at = walk_place(w);
	step(w, &e);
	end = walk_place(w);
	walk_free(w);
	rename_in(l, "info.log", "info.log.2019-12-24");
	append(l, "info.log", "d\n");
	w = begin(l, true, &at);
	assert_next(w, "c");
	assert_next(w, "d");
	walk_free(w);
	w = begin(l, false, &at);
	assert_next(w, "b");
	walk_free(w);
	w = begin(l, true, &end);
	assert_next(w, "d");
	walk_free(w);
	/* Beyond its end. */
	assert_int_equal(truncate(tmpdir_path(l->dir, "info.log.2019-12-24"), 5), 0);
	assert_int_equal(try_begin(l, true, &end), WALK_GONE);
	assert_int_equal(try_begin(l, false, &end), WALK_GONE);
	assert_int_equal(try_begin(l, false, &at), WALK_OPENED);
	unlink(tmpdir_path(l->dir, "info.log.2019-12-24"));
	assert_int_equal(try_begin(l, true, &at), WALK_GONE);
	assert_int_equal(try_begin(l, false, &at), WALK_GONE);
}

/* Opens it as who writes does: what it holds after so many bytes may be taken back. */
static int
hold(struct log *l, const char *name, uint64_t from)
{
	int fd = open(tmpdir_path(l->dir, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && committed_hold(fd, from));
	return fd;
}

/* As files/levelfile.c writes it: of those that it made, only the last is held. */
static void
a_batch_that_rolls_over_is_seen_when_it_is_whole(void **state)
{
	const struct timespec old[2] = {{T0 / 1000, 0}, {T0 / 1000, 0}};
	struct log *l = *state;

	/* Its first file has entries that are there for good, or none. */
	for (int bytes = 0; bytes <= 2; bytes += 2) {
		struct walk *backward, *forward;
		int first = hold(l, "info.log", 0), last;

		append(l, "info.log.2019-12-23", "a\n");
		append(l, "info.log", "b\n");
		assert_true(committed_release(first, 0, (uint64_t)bytes));
		append(l, "info.log", "c\n");
		assert_int_equal(futimens(first, old), 0);
		rename_in(l, "info.log", "info.log.2019-12-24");
		append(l, "info.log.2019-12-24.1", "d\n");
		append(l, "info.log.2019-12-24.2", "e\n");
		/* Between two of its files there is none of the usual name. */
		for (int file = 0; file < 2; file++) {
			last = file == 0 ? -1 : hold(l, "info.log", 0);
			if (file == 1)
				append(l, "info.log", "f\n");
			backward = begin(l, false, NULL);
			forward = begin(l, true, NULL);
			assert_next(forward, "a");
			if (bytes > 0) {
				assert_next(backward, "b");
				assert_next(forward, "b");
			}
			assert_next(backward, "a");
			assert_end(backward);
			assert_end(forward);
			walk_free(backward);
			walk_free(forward);
		}
		assert_true(committed_let_go(first));
		assert_true(committed_release(last, 0, 2));
		backward = begin(l, false, NULL);
		for (const char *text = "f\0e\0d\0c\0b\0a\0"; *text != '\0'; text += 2)
			assert_next(backward, text);
		assert_end(backward);
		walk_free(backward);
		close(first);
		close(last);
		delete_all(l);
	}
}

/* Also when a block that is remembered, and is not read for that, goes on after it. */
static void
a_place_is_never_after_its_files_end(void **state)
{
	const char *text = "2019-12-24 00:00:00,000 a\n2019-12-24 00:00:01,000 b\n";
	struct log *l = *state;
	const struct walk_options o = {.library = l->library,
	    .forward = true,
	    .start = T0 + 60000,
	    .end = INT64_MAX,
	    .deadline = INT64_MAX};
	const struct timespec old[2] = {{T0 / 1000, 0}, {T0 / 1000, 0}};
	struct walk_entry e;
	struct walk *w;

	append(l, "info.log.2019-12-24", text);
	assert_int_equal(
	    utimensat(AT_FDCWD, tmpdir_path(l->dir, "info.log.2019-12-24"), old, 0), 0);
	for (int i = 0; i < 3; i++) {
		struct place end;

		assert_int_equal(walk_new(&w, LEVEL_INFO, &o, NULL), WALK_OPENED);
		assert_int_equal(step(w, &e), WALK_END);
		end = walk_place(w);
		assert_int_equal(end.offset, strlen(text));
		walk_free(w);
		assert_int_equal(walk_new(&w, LEVEL_INFO, &o, &end), WALK_OPENED);
		assert_int_equal(step(w, &e), WALK_END);
		walk_free(w);
	}
}

static void
says_what_could_not_be_opened(void **state)
{
	struct log *l = *state;
	struct rlimit limit, none;
	struct walk_entry e;
	struct walk *w;

	append(l, "info.log", "a\n");
	w = begin(l, true, NULL);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(step(w, &e), WALK_FAILED);
	assert_int_equal(errno, EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_next(w, "a");
	walk_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    log_test(begins_where_it_is_now),
	    log_test(begins_before_there_is_a_file),
	    log_test(backward_over_files_that_are_renamed),
	    log_test(a_place_is_found_by_any_name_and_gone_with_its_file),
	    log_test(a_batch_that_rolls_over_is_seen_when_it_is_whole),
	    log_test(a_place_is_never_after_its_files_end),
	    log_test(says_what_could_not_be_opened),
	};

	return cmocka_run_group_tests_name("walk_places", tests, NULL, NULL);
}
