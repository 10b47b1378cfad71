/* A walk while files grow, are rolled over, replaced, emptied and deleted. */
#include "walk_files_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

static void
follows_a_file_that_grows(void **state)
{
	struct log *l = *state;

	for (int rest = 0; rest < 2; rest++) {
		struct walk *w;

		write_bytes(l, "info.log", "a\n", 2, O_TRUNC);
		w = begin(l, true, NULL);
		assert_next(w, "a");
		assert_end(w);
		for (int i = 0; i < 3; i++) {
			if (rest)
				walk_rest(w);
			append(l, "info.log", "b\n\tc\nd\n");
			assert_next(w, "b\n\tc");
			assert_next(w, "d");
			assert_end(w);
		}
		walk_free(w);
		unlink(tmpdir_path(l->dir, "info.log"));
	}
}

static void
waits_for_the_newline(void **state)
{
	struct log *l = *state;
	struct walk *w, *backward;

	append(l, "info.log", "a\nb");
	w = begin(l, true, NULL);
	assert_next(w, "a");
	assert_end(w);
	append(l, "info.log", "b");
	assert_end(w);
	append(l, "info.log", "\n");
	assert_next(w, "bb");
	/* The entry that the torn line is part of is not given in part. */
	append(l, "info.log", "c\n\td\n\te");
	assert_end(w);
	backward = begin(l, false, NULL);
	assert_next(backward, "bb");
	walk_free(backward);
	append(l, "info.log", "\n");
	assert_next(w, "c\n\td\n\te");
	/* Nothing more is written to it: it is what it is. */
	append(l, "info.log", "f\ng");
	rename_in(l, "info.log", "info.log.2019-12-24");
	append(l, "info.log", "h\n");
	assert_next(w, "f");
	assert_next(w, "g");
	assert_next(w, "h");
	assert_end(w);
	/* Nor where there is no other yet, after a while. */
	append(l, "info.log", "i");
	rename_in(l, "info.log", "info.log.2019-12-25");
	assert_next(w, "i");
	assert_end(w);
	append(l, "info.log", "j\n");
	assert_next(w, "j");
	assert_end(w);
	walk_free(w);
}

/* It may be under way still: in all of the tries only a machine that is very busy would give it at
 * once. */
static void
waits_a_while_for_a_newline_that_may_come(void **state)
{
	struct log *l = *state;
	enum walk_result r = WALK_ENTRY;
	struct walk_entry e;

	for (int i = 0; i < 50 && r == WALK_ENTRY; i++) {
		struct walk *w;

		append(l, "info.log.1", "");
		w = begin(l, true, NULL);
		append(l, "info.log.1", "a");
		r = walk_next(w, &e);
		if (r == WALK_MORE) {
			append(l, "info.log.1", "b\n");
			r = step(w, &e);
			assert_int_equal(r, WALK_ENTRY);
			r = e.len == 2 ? WALK_MORE : WALK_ENTRY;
		}
		walk_free(w);
		unlink(tmpdir_path(l->dir, "info.log.1"));
	}
	assert_int_equal(r, WALK_MORE);
}

static void
goes_on_over_roll_overs(void **state)
{
	struct log *l = *state;

	for (int rest = 0; rest < 2; rest++) {
		struct walk *w;

		append(l, "info.log", "a\n");
		w = begin(l, true, NULL);
		assert_next(w, "a");
		assert_end(w);
		if (rest)
			walk_rest(w);
		append(l, "info.log", "b\n");
		rename_in(l, "info.log", "info.log.2019-12-24");
		append(l, "info.log", "c\n");
		rename_in(l, "info.log", "info.log.2019-12-25");
		append(l, "info.log", "");
		rename_in(l, "info.log", "info.log.2019-12-26");
		append(l, "info.log", "d\n");
		assert_next(w, "b");
		assert_next(w, "c");
		if (rest)
			walk_rest(w);
		assert_next(w, "d");
		assert_end(w);
		walk_free(w);
		delete_all(l);
	}
}

/* An outside logrotate renames; who writes notices that later, and writes to the old file until
 * then. */
static void
waits_until_the_next_file_is_written_to(void **state)
{
	struct log *l = *state;
	struct walk *w;

	append(l, "info.log", "a\n");
	w = begin(l, true, NULL);
	assert_next(w, "a");
	assert_end(w);
	rename_in(l, "info.log", "info.log.1");
	assert_end(w);
	append(l, "info.log", "");
	assert_end(w);
	append(l, "info.log.1", "b\n");
	assert_next(w, "b");
	assert_end(w);
	append(l, "info.log.1", "c\n");
	append(l, "info.log", "d\n");
	assert_next(w, "c");
	assert_next(w, "d");
	assert_end(w);
	/* And once more, with the names shifted. */
	rename_in(l, "info.log.1", "info.log.2");
	rename_in(l, "info.log", "info.log.1");
	walk_rest(w);
	append(l, "info.log.1", "e\n");
	append(l, "info.log", "f\n");
	assert_next(w, "e");
	assert_next(w, "f");
	assert_end(w);
	walk_free(w);
}

static void
goes_on_after_files_are_deleted(void **state)
{
	struct log *l = *state;

	for (int rest = 0; rest < 2; rest++) {
		struct walk *w;

		append(l, "info.log.2019-12-22", "x\n");
		append(l, "info.log", "a\n");
		w = begin(l, true, NULL);
		assert_next(w, "x");
		assert_next(w, "a");
		assert_end(w);
		if (rest)
			walk_rest(w);
		unlink(tmpdir_path(l->dir, "info.log"));
		assert_end(w);
		append(l, "info.log", "b\n");
		assert_next(w, "b");
		assert_end(w);
		/* All that it knew is gone. */
		delete_all(l);
		append(l, "info.log.2019-12-23", "c\n");
		append(l, "info.log", "d\n");
		if (rest)
			walk_rest(w);
		assert_next(w, "c");
		assert_next(w, "d");
		assert_end(w);
		walk_free(w);
		delete_all(l);
	}
}

static void
a_file_that_is_emptied_begins_anew(void **state)
{
	struct log *l = *state;
	struct walk *w;

	append(l, "info.log", "aaaa\nbbbb\n");
	w = begin(l, true, NULL);
	assert_next(w, "aaaa");
	assert_next(w, "bbbb");
	assert_end(w);
	write_bytes(l, "info.log", "cc\n", 3, O_TRUNC);
	assert_next(w, "cc");
	assert_end(w);
	write_bytes(l, "info.log", "", 0, O_TRUNC);
	assert_end(w);
	append(l, "info.log", "d\n");
	assert_next(w, "d");
	assert_end(w);
	walk_free(w);
}

/* The server cuts off what it could not write whole. */
static void
what_was_taken_back_is_no_new_beginning(void **state)
{
	struct log *l = *state;
	struct walk *w;

	append(l, "info.log", "aaaa\nbbbb\n");
	w = begin(l, true, NULL);
	assert_next(w, "aaaa");
	assert_next(w, "bbbb");
	assert_end(w);
	assert_int_equal(truncate(tmpdir_path(l->dir, "info.log"), 5), 0);
	assert_end(w);
	append(l, "info.log", "cccc\n");
	assert_next(w, "cccc");
	assert_end(w);
	walk_free(w);
}

/* The file is closed while it is written to for the last time and rolled over. */
static void
reads_what_came_while_it_rested(void **state)
{
	static const struct timespec long_ago[] = {{1000000000, 0}, {1000000000, 0}};
	struct log *l = *state;
	struct walk *w;

	append(l, "info.log", "a\n");
	w = begin(l, true, NULL);
	assert_next(w, "a");
	assert_end(w);
	walk_rest(w);
	append(l, "info.log", "b\n");
	rename_in(l, "info.log", "info.log.2019-12-24");
	assert_int_equal(
	    utimensat(AT_FDCWD, tmpdir_path(l->dir, "info.log.2019-12-24"), long_ago, 0), 0);
	append(l, "info.log", "c\n");
	assert_next(w, "b");
	assert_next(w, "c");
	assert_end(w);
	walk_free(w);
}

/* As when it is open: also where it is as long as before. */
static void
a_file_that_is_emptied_while_it_rests_begins_anew(void **state)
{
	struct log *l = *state;
	struct walk *w;

	append(l, "info.log", "a\n");
	w = begin(l, true, NULL);
	assert_next(w, "a");
	assert_end(w);
	walk_rest(w);
	assert_int_equal(truncate(tmpdir_path(l->dir, "info.log"), 0), 0);
	append(l, "info.log", "b\n");
	assert_next(w, "b");
	assert_end(w);
	walk_free(w);
}

/* --- while somebody writes --- */

#define RECORDS 30000

struct writer {
	struct log *log;
	bool outside; /* files are renamed by others */
	atomic_bool over;
};

static int
open_current(struct log *l)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/info.log", l->dir->path);
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Records by number, some of several lines, in writes of some records; rolled over now and then. */
static void *
write_records(void *arg)
{
	struct writer *w = arg;
	struct log *l = w->log;
	struct buf out = BUF_INIT;
	char from[600], to[600];
	int fd = open_current(l), files = 0;

	for (int i = 0; i < RECORDS;) {
		out.len = 0;
		for (int n = 1 + i % 7; n > 0 && i < RECORDS; n--, i++)
			buf_printf(&out, "%d%s\n", i, i % 5 == 0 ? "\n\tmore\n\tand more" : "");
		if (write(fd, out.data, out.len) != (ssize_t)out.len)
			break;
		if (i % 50 == 0)
			usleep(300);
		if (i % 997 > 6)
			continue;
		snprintf(from, sizeof(from), "%s/info.log", l->dir->path);
		snprintf(to, sizeof(to), "%s/info.log.2019-12-24.%d", l->dir->path, ++files);
		rename(from, to);
		if (w->outside && write(fd, "late\n", 5) != 5)
			break;
		close(fd);
		fd = open_current(l);
	}
	close(fd);
	buf_free(&out);
	atomic_store(&w->over, true);
	return NULL;
}

static void
follow(struct log *l, bool outside)
{
	struct writer writer = {.log = l, .outside = outside};
	struct walk *w = begin(l, true, NULL);
	struct walk_entry e;
	enum walk_result r;
	pthread_t thread;
	bool over = false;
	int next = 0;

	assert_int_equal(pthread_create(&thread, NULL, write_records, &writer), 0);
	for (;;) {
		char text[64];

		over = atomic_load(&writer.over);
		r = walk_next(w, &e);
		if (r == WALK_END && over)
			break;
		if (r == WALK_END) {
			if (random_below(l, 4) == 0)
				walk_rest(w);
			usleep(50);
		}
		assert_int_not_equal(r, WALK_FAILED);
		if (r != WALK_ENTRY || (e.len == 4 && memcmp(e.text, "late", 4) == 0))
			continue;
		snprintf(
		    text, sizeof(text), "%d%s", next, next % 5 == 0 ? "\n\tmore\n\tand more" : "");
		if (e.len != strlen(text) || memcmp(e.text, text, e.len) != 0)
			fail_msg("after %d came \"%.*s\"", next - 1, (int)e.len, e.text);
		next++;
	}
	assert_int_equal(next, RECORDS);
	pthread_join(thread, NULL);
	walk_free(w);
}

static void
each_once_while_it_is_written(void **state)
{
	follow(*state, false);
}

static void
each_once_while_others_rename(void **state)
{
	follow(*state, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    log_test(follows_a_file_that_grows),
	    log_test(waits_for_the_newline),
	    log_test(waits_a_while_for_a_newline_that_may_come),
	    log_test(goes_on_over_roll_overs),
	    log_test(waits_until_the_next_file_is_written_to),
	    log_test(goes_on_after_files_are_deleted),
	    log_test(a_file_that_is_emptied_begins_anew),
	    log_test(what_was_taken_back_is_no_new_beginning),
	    log_test(reads_what_came_while_it_rested),
	    log_test(a_file_that_is_emptied_while_it_rests_begins_anew),
	    log_test(each_once_while_it_is_written),
	    log_test(each_once_while_others_rename),
	};

	return cmocka_run_group_tests_name("walk_files", tests, NULL, NULL);
}
