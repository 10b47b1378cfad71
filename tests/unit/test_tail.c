/* What viewers of the live tail are sent, and who is let in. */
#include "files/committed.h"
#include "tail_fixture.h"

#include <sched.h>
#include <time.h>

static void
what_is_written_comes_at_once(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *v;
	const char *kind, *expected;
	char *data;

	append(f, "info.log", "2026-11-24 08:21:45,001 INFO app: before\n");
	start(f);
	v = view(f, "", NULL);
	assert_begun(v);
	append(f, "info.log", "2026-11-24 08:21:46,035 INFO app.db: one\n\tand more\n");
	data = next_event(v, &kind);
	assert_string_equal(kind, "message");
	expected = "{\"ts\": \"2026-11-24T08:21:46.035+00:00\", \"level\": \"INFO\", \"logger\": "
		   "\"app.db\", \"message\": \"one\", \"text\": \"2026-11-24 08:21:46,035 INFO "
		   "app.db: one\\n\\tand more\", \"cursor\": \"i";
	assert_memory_equal(data, expected, strlen(expected));
	append(f, "error.log", "2026-11-24 08:21:47,035 ERROR app: two\n");
	assert_entry(v, "\"two\"");
	/* Half a line is none yet. */
	append(f, "error.log", "2026-11-24 08:21:47,035 ERROR app: th");
	append(f, "info.log", "2026-11-24 08:21:47,035 INFO app: other\n");
	assert_entry(v, "\"other\"");
	append(f, "error.log", "ree\n");
	assert_entry(v, "\"three\"");
	stop(f);
	assert_null(next_event(v, &kind));
	assert_true(v->whole);
	assert_int_equal(f->metrics.entries, 4);
	assert_true(f->metrics.scanned_bytes > 100);
	assert_int_equal(f->web_metrics.connections, 0);
}

/* Who writes holds what may be taken back (files/committed.h): it is not shown before it is there
 * for good, and what is taken back never is. */
static void
what_may_be_taken_back_is_not_shown(void **state)
{
	static const char begun[] = "2026-11-24 08:21:46,035 ERROR app: begun\n";
	static const char taken_back[] =
	    "2026-11-24 08:21:46,036 ERROR app: taken back\n\tand longer\n";
	struct fixture *f = *state;
	struct viewer_end *v, *resumed;
	uint64_t size = 0;
	int fd;

	append(f, "error.log", "");
	fd = open(tmpdir_path(f->dir, "log/error.log"), O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0 && committed_hold(fd, 0));
	start(f);
	v = view(f, NULL, NULL);
	assert_begun(v);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(write(fd, taken_back, strlen(taken_back)), strlen(taken_back));
		/* By then it was read, if it is. */
		log_number(f, "info.log", 2 * i);
		assert_number(v, 2 * i);
		resumed = view(f, NULL, v->id);
		assert_begun(resumed);
		assert_int_equal(ftruncate(fd, (off_t)size), 0);
		assert_int_equal(write(fd, begun, strlen(begun)), strlen(begun));
		assert_int_equal(write(fd, "\tended\n", 7), 7);
		log_number(f, "info.log", 2 * i + 1);
		assert_number(v, 2 * i + 1);
		assert_number(resumed, 2 * i + 1);
		assert_true(committed_release(fd, size, size + strlen(begun) + 7));
		size += strlen(begun) + 7;
		assert_entry(v, "begun\\n\\tended");
		assert_entry(resumed, "begun\\n\\tended");
		forget(f, resumed);
	}
	close(fd);
}

/* It begins while a batch is written that rolls over: the files that the batch makes go again. */
static void
it_begins_in_no_file_that_may_go(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *v;
	struct stat st;
	int first, last;

	append(f, "info.log", "2026-11-24 08:21:45,001 INFO app: before\n");
	first = open(tmpdir_path(f->dir, "log/info.log"), O_WRONLY | O_CLOEXEC);
	assert_true(first >= 0 && fstat(first, &st) == 0);
	assert_true(committed_hold(first, (uint64_t)st.st_size));
	move(f, "info.log", "info.log.2026-11-24");
	log_number(f, "info.log.2026-11-24.1", 7);
	append(f, "info.log", "");
	last = open(tmpdir_path(f->dir, "log/info.log"), O_WRONLY | O_CLOEXEC);
	assert_true(last >= 0 && committed_hold(last, 0));
	log_number(f, "info.log", 8);
	start(f);
	v = view(f, NULL, NULL);
	assert_begun(v);
	/* It is refused. */
	assert_int_equal(unlink(tmpdir_path(f->dir, "log/info.log.2026-11-24.1")), 0);
	move(f, "info.log.2026-11-24", "info.log");
	close(last);
	log_number(f, "info.log", 1);
	assert_true(committed_let_go(first));
	assert_number(v, 1);
	close(first);
}

static void
each_has_what_it_selects(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *all, *errors, *words, *logger, *kolkata;

	start(f);
	all = view(f, NULL, NULL);
	errors = view(f, "level=ERROR,WARNING", NULL);
	words = view(f, "q=%22entry+2%22", NULL);
	logger = view(f, "q=logger:app.db", NULL);
	kolkata = view(f, "timezone=Asia/Kolkata&level=WARNING", NULL);
	for (unsigned i = 0; i < f->viewers; i++)
		assert_begun(&f->viewer[i]);
	for (unsigned n = 0; n < 5; n++)
		log_number(f, "info.log", n);
	for (unsigned n = 0; n < 5; n++) {
		assert_number(all, n);
		assert_number(logger, n);
	}
	/* Each after the one before has come: of two files, the one that is looked at a moment
	 * later may have what is newer. */
	append(f, "error.log", "2026-11-24 08:21:47,035 ERROR app.db: bad\n");
	assert_entry(all, "bad");
	append(f, "warning.log", "2026-11-24 08:21:48,035 WARNING web: odd\n");
	assert_entry(all, "odd");
	append(f, "error.log", "2026-11-24 08:21:49,035 ERROR web: entry 2\n");
	assert_entry(all, "entry 2");
	assert_entry(errors, "bad");
	assert_entry(errors, "odd");
	assert_entry(errors, "entry 2");
	/* A place in each of the levels that it selects, and in no others. */
	assert_true(errors->id[0] == 'e' && strstr(errors->id, "-w") != NULL);
	assert_null(strstr(errors->id, "-i"));
	assert_number(words, 2);
	assert_entry(words, "entry 2\"");
	assert_entry(logger, "bad");
	assert_entry(kolkata, "\"2026-11-24T13:51:48.035+05:30\"");
}

static void
before_anything_came_it_can_resume_too(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *v;

	start(f);
	/* There is no folder, even. */
	v = view(f, NULL, NULL);
	assert_begun(v);
	close(v->fd);
	log_number(f, "warning.log", 1);
	v->fd = -1;
	v = view(f, NULL, v->id);
	assert_begun(v);
	log_number(f, "warning.log", 2);
	assert_number(v, 1);
	assert_number(v, 2);
}

static void
a_folder_may_come_later_or_be_another(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *v;

	start(f);
	v = view(f, NULL, NULL);
	assert_begun(v);
	log_number(f, "info.log", 1);
	assert_number(v, 1);
	log_number(f, "info.log", 2);
	assert_number(v, 2);
}

static void
places_that_are_none_are_refused(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *v;

	log_number(f, "info.log", 1);
	f->limits.viewers = 2;
	start(f);
	assert_refused(view(f, NULL, "nonsense"), "400");
	assert_refused(view(f, NULL, "i12345.1.0"), "410");
	v = view(f, NULL, "");
	assert_begun(v);
	view(f, NULL, NULL);
	assert_refused(view(f, NULL, NULL), "503");
	/* Where one goes, there is room for another. */
	close(v->fd);
	v->fd = -1;
	while (atomic_load(&f->metrics.tails) != 1)
		sched_yield();
	for (;;) {
		v = view(f, NULL, NULL);
		receive(v, PATIENCE_MS);
		if (memcmp(v->text.data, "Status: 200", 11) == 0)
			break;
		forget(f, v);
	}
}

static void
it_says_that_it_is_still_here(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *v;
	char id[256];

	f->limits.silence_ms = 300;
	start(f);
	v = view(f, "q=nothing", NULL);
	assert_begun(v);
	memcpy(id, v->id, sizeof(id));
	for (int i = 0;; i++) {
		char *block = next_block(v);

		assert_true(block[0] == ':');
		assert_non_null(strstr(block, "\nid: "));
		if (i == 1)
			log_number(f, "info.log", 1);
		/* Where it has come to, so that it need not look through that again. */
		if (i > 1 && strstr(block, id) == NULL)
			break;
		assert_true(i < 30);
	}
}

static void
those_who_go_are_forgotten_at_once(void **state)
{
	struct fixture *f = *state;

	start(f);
	for (int i = 0; i < VIEWERS_MAX; i++)
		assert_begun(view(f, NULL, NULL));
	assert_int_equal(f->metrics.tails, VIEWERS_MAX);
	for (int i = 0; i < VIEWERS_MAX; i++) {
		close(f->viewer[i].fd);
		f->viewer[i].fd = -1;
	}
	while (atomic_load(&f->web_metrics.connections) != 0)
		sched_yield();
	assert_int_equal(f->metrics.tails, 0);
}

/* A folder's listing lasts when it was not changed within this tick of the clock that files' times
 * are from. */
static void
wait_for_a_tick(const char *folder)
{
	struct timespec now;
	struct stat st;

	assert_int_equal(stat(folder, &st), 0);
	do {
		sched_yield();
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (now.tv_sec == st.st_mtim.tv_sec && now.tv_nsec == st.st_mtim.tv_nsec);
}

/* What was written while nobody was here is not new, though the folder did not change since. */
static void
it_begins_now_each_time(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *v;

	log_number(f, "info.log", 1);
	wait_for_a_tick(tmpdir_path(f->dir, "log"));
	start(f);
	v = view(f, "", NULL);
	assert_begun(v);
	forget(f, v);
	while (f->metrics.tails > 0)
		sched_yield();
	log_number(f, "info.log", 2);
	v = view(f, "", NULL);
	assert_begun(v);
	log_number(f, "info.log", 3);
	assert_number(v, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    tail_test(what_is_written_comes_at_once),
	    tail_test(what_may_be_taken_back_is_not_shown),
	    tail_test(it_begins_in_no_file_that_may_go),
	    tail_test(each_has_what_it_selects),
	    tail_test(before_anything_came_it_can_resume_too),
	    tail_test(a_folder_may_come_later_or_be_another),
	    tail_test(places_that_are_none_are_refused),
	    tail_test(it_says_that_it_is_still_here),
	    tail_test(those_who_go_are_forgotten_at_once),
	    tail_test(it_begins_now_each_time),
	};

	fcgi_init();
	return cmocka_run_group_tests_name("tail", tests, NULL, NULL);
}
