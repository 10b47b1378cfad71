#include "reader/library.h"

#include "reader/library_listing.h"
#include "walk_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/time.h>

static void
written_at(struct log *l, const char *name, time_t when)
{
	const struct timeval times[2] = {{when, 0}, {when, 0}};

	tmpdir_write(l->dir, name, "x\n");
	assert_int_equal(utimes(tmpdir_path(l->dir, name), times), 0);
}

static void
assert_names(struct log *l, const char *const *names, size_t n)
{
	size_t count;
	struct library_file *files = library_list(l->library, LEVEL_INFO, &count);

	assert_non_null(files);
	assert_int_equal(count, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(files[i].name, names[i]);
	free(files);
}

static void
lists_the_servers_files_by_their_names(void **state)
{
	static const char *const names[] = {"info.log.2019-12-22", "info.log.2019-12-23_01",
	    "info.log.2019-12-23_01.1", "info.log.2019-12-23_01.2", "info.log.2019-12-23_01.10",
	    "info.log.2019-12-23_02", "info.log"};
	struct log *l = *state;
	size_t n = sizeof(names) / sizeof(names[0]);

	/* Whatever was written last. */
	for (size_t i = 0; i < n; i++)
		written_at(l, names[i], (time_t)(1000 - i));
	assert_names(l, names, n);
}

static void
lists_what_others_made_of_them(void **state)
{
	static const char *const names[] = {"info.log.10", "info.log-20191220",
	    "info.log.2019-12-21", "info.log.9", "info.log.old", "info.log-20191221-1700",
	    "info.log.2019-12-22", "info.log.1", "info.log.0", "info.log"};
	static const char *const not_listed[] = {"info.log.3.gz", "info.log-20191219.xz",
	    "info.log.2.bz2", "info.log.2.zst", "info.log.tmp", "info.log.2~", ".info.log.swp",
	    "info.log.", "info.log-", "info.logs", "info", "error.log", "Xinfo.log"};
	struct log *l = *state;
	size_t n = sizeof(names) / sizeof(names[0]);

	for (size_t i = n; i-- > 0;)
		written_at(l, names[i], (time_t)(1000 + i));
	for (size_t i = 0; i < sizeof(not_listed) / sizeof(not_listed[0]); i++)
		written_at(l, not_listed[i], 1000);
	assert_int_equal(mkdir(tmpdir_path(l->dir, "info.log.5"), 0700), 0);
	assert_int_equal(mkfifo(tmpdir_path(l->dir, "info.log.6"), 0600), 0);
	assert_int_equal(symlink("error.log", tmpdir_path(l->dir, "info.log.7")), 0);
	assert_names(l, names, n);
}

/* Each kind in its own order, whatever the times; a name counts where times are the same. */
static void
each_kind_has_its_own_order(void **state)
{
	static const char *const names[] = {"info.log.2019-12-21", "info.log.2019-12-22",
	    "info.log-20191221", "info.log.2", "info.log.1", "info.log.a", "info.log.b"};
	static const time_t times[] = {30, 10, 40, 90, 20, 99, 99};
	struct log *l = *state;

	for (size_t i = 0; i < 7; i++)
		written_at(l, names[i], times[i]);
	assert_names(l, names, 7);
}

static void
a_file_of_two_names_is_one(void **state)
{
	static const char *const names[] = {"info.log"};
	struct log *l = *state;

	tmpdir_write(l->dir, "info.log", "x\n");
	assert_int_equal(
	    link(tmpdir_path(l->dir, "info.log"), tmpdir_path(l->dir, "info.log.2019-12-21")), 0);
	assert_names(l, names, 1);
}

static void
the_folder_may_come_and_go(void **state)
{
	static const char *const names[] = {"info.log"};
	struct log *l = *state;

	tmpdir_remove(l->dir->path);
	assert_names(l, NULL, 0);
	assert_int_equal(mkdir(l->dir->path, 0700), 0);
	assert_names(l, NULL, 0);
	tmpdir_write(l->dir, "info.log", "x\n");
	assert_names(l, names, 1);
	tmpdir_remove(l->dir->path);
	assert_names(l, NULL, 0);
	assert_int_equal(mkdir(l->dir->path, 0700), 0);
}

static void
says_what_could_not_be_listed(void **state)
{
	struct log *l = *state;
	struct rlimit limit, none;
	size_t count;

	tmpdir_write(l->dir, "info.log", "x\n");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_null(library_list(l->library, LEVEL_INFO, &count));
	assert_int_equal(errno, EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void
knows_the_first_and_the_last_time(void **state)
{
	struct log *l = *state;
	struct library_file *files;
	struct buf *b;
	size_t count;

	log_add(l, "info.log.2019-12-21");
	b = &log_add(l, "info.log.2019-12-22")->content;
	buf_puts(b, "no time\n");
	b = &log_add(l, "info.log")->content;
	buf_puts(b, "\tno time\nnor here\n");
	put_time(b, T0);
	buf_puts(b, " first\n");
	for (int i = 0; i < 20000; i++)
		buf_puts(b, "nothing in between\n");
	put_time(b, T0 + 5);
	buf_puts(b, " last\n");
	for (int i = 0; i < 20000; i++)
		buf_puts(b, "\tcontinued\n");
	buf_puts(b, "no time\n");
	put_time(b, T0 + 10);
	buf_puts(b, " torn");
	log_write(l);
	files = library_list(l->library, LEVEL_INFO, &count);
	assert_non_null(files);
	assert_int_equal(count, 3);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(files[i].first, INT64_MIN);
		assert_int_equal(files[i].last, INT64_MIN);
	}
	assert_int_equal(files[2].first, T0);
	assert_int_equal(files[2].last, T0 + 5);
	assert_int_equal(files[2].bytes, b->len);
	free(files);
}

/* --- while names change --- */

#define FILES 200

struct renamer {
	struct log *log;
	atomic_bool over;
};

/* Shifts as logrotate does: .1 to .2, the current to .1, a new one; nothing is ever deleted. */
static void *
rotate(void *arg)
{
	struct renamer *r = arg;
	struct log *l = r->log;
	char from[600], to[600];

	for (int n = FILES - 1; !atomic_load(&r->over) && n < FILES + 30; n++) {
		for (int i = n; i >= 0; i--) {
			snprintf(to, sizeof(to), "%s/info.log.%d", l->dir->path, i + 1);
			snprintf(from, sizeof(from), "%s/info.log%s%.0d", l->dir->path,
			    i > 0 ? "." : "", i);
			rename(from, to);
		}
		snprintf(from, sizeof(from), "%s/info.log", l->dir->path);
		close(open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
		usleep(25000);
	}
	atomic_store(&r->over, true);
	return NULL;
}

/* No listing misses a file that another had, and none has one twice. */
static void
none_is_hidden_or_doubled_by_renaming(void **state)
{
	struct log *l = *state;
	struct renamer r = {.log = l};
	struct listing *before, *now;
	pthread_t thread;
	char name[32];

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), i > 0 ? "info.log.%d" : "info.log", i);
		tmpdir_write(l->dir, name, "x\n");
	}
	before = listing_take(l->library, LEVEL_INFO);
	assert_int_equal(pthread_create(&thread, NULL, rotate, &r), 0);
	while (!atomic_load(&r.over)) {
		now = listing_take(l->library, LEVEL_INFO);
		assert_non_null(now);
		assert_true(now->count >= before->count);
		/* In the same order, with new ones at the end. */
		for (size_t k = 0; k < before->count; k++) {
			if (!file_id_equal(&now->files[k].id, &before->files[k].id))
				fail_msg("file %zu of %zu is another one", k, before->count);
		}
		listing_release(l->library, before);
		before = now;
	}
	atomic_store(&r.over, true);
	pthread_join(thread, NULL);
	listing_release(l->library, before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    log_test(lists_the_servers_files_by_their_names),
	    log_test(lists_what_others_made_of_them),
	    log_test(each_kind_has_its_own_order),
	    log_test(a_file_of_two_names_is_one),
	    log_test(the_folder_may_come_and_go),
	    log_test(says_what_could_not_be_listed),
	    log_test(knows_the_first_and_the_last_time),
	    log_test(none_is_hidden_or_doubled_by_renaming),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
