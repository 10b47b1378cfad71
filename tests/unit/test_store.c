/* What is appended and in no checkpoint is not there after the next start, whatever happened to the
 * files' names. Closing a store writes no checkpoint: it is as if it was killed. */
#include "tmpdir.h"
#include "writer/store.h"
#include "json/json.h"

struct fixture {
	struct tmpdir *dir;
	struct store_settings settings;
	struct metrics metrics;
	struct store store;
	struct entries entries;
	struct buf rejected;
	char error[512];
};

static void
open_store(struct fixture *f)
{
	if (!store_open(&f->store, &f->settings, &f->metrics, f->error, sizeof(f->error)))
		fail_msg("%s", f->error);
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	json_init();
	if (tmpdir_setup(state) != 0)
		return -1;
	f->dir = *state;
	f->settings =
	    (struct store_settings){.logs = {.folder = f->dir->path,
					.levels = LEVEL_BIT(LEVEL_INFO) | LEVEL_BIT(LEVEL_ERROR),
					.rotate = ROTATE_NEVER,
					.sync = SYNC_EVERYSEC},
		.topic = "topic",
		.group = "group"};
	open_store(f);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	store_close(&f->store);
	for (int i = 0; i < LEVEL_COUNT; i++)
		buf_free(&f->entries.level[i]);
	buf_free(&f->rejected);
	free(f);
	return tmpdir_teardown(&dir);
}

static bool
append(struct fixture *f, const char *info, const char *error, const char *rejected)
{
	for (int i = 0; i < LEVEL_COUNT; i++)
		buf_clear(&f->entries.level[i], 1000);
	buf_clear(&f->rejected, 1000);
	buf_puts(&f->entries.level[LEVEL_INFO], info);
	buf_puts(&f->entries.level[LEVEL_ERROR], error);
	buf_puts(&f->rejected, rejected);
	return store_append(&f->store, &f->entries, &f->rejected);
}

static void
start_again(struct fixture *f)
{
	store_close(&f->store);
	open_store(f);
}

/* What is read up to `next` is in the files. */
static void
advance(struct fixture *f, int64_t next)
{
	struct partition *p = partitions_get(&f->store.partitions, 2);

	p->taken = next;
	p->taken_timestamp = 10 * next;
	partitions_written(&f->store.partitions);
}

static void
what_is_in_no_checkpoint_is_taken_back(void **state)
{
	struct fixture *f = *state;
	struct seen_key key = {.partition = 2, .id = "a", .len = 1, .number = 1, .index = 0};

	assert_true(append(f, "one\n", "", "bad\n"));
	advance(f, 1);
	seen_note(f->store.seen, &key);
	assert_true(store_checkpoint(&f->store));
	assert_true(append(f, "two\n", "three\n", "worse\n"));
	advance(f, 4);
	key.index = 1;
	seen_note(f->store.seen, &key);
	start_again(f);
	assert_file_equal(f->dir, "info.log", "one\n");
	assert_file_equal(f->dir, "error.log", "");
	assert_file_equal(f->dir, STORE_REJECTED, "bad\n");
	assert_int_equal(partitions_get(&f->store.partitions, 2)->next, 1);
	assert_int_equal(partitions_get(&f->store.partitions, 2)->timestamp, 10);
	assert_false(seen_known(f->store.seen, &key));
	key.index = 0;
	assert_true(seen_known(f->store.seen, &key));
}

/* The first file is whole when it gets its name, and the second is known before its first byte. */
static void
a_roll_over_is_between_two_checkpoints(void **state)
{
	struct fixture *f = *state;

	store_close(&f->store);
	f->settings.logs.max_bytes = 10;
	open_store(f);
	assert_true(append(f, "one\n", "", ""));
	assert_int_equal(store_room(&f->store, LEVEL_INFO), 6);
	assert_true(store_make_room(&f->store, LEVEL_INFO, 8));
	assert_int_equal(store_room(&f->store, LEVEL_INFO), SIZE_MAX);
	assert_int_equal(tmpdir_count(f->dir, "info.log."), 1);
	start_again(f);
	assert_int_equal(tmpdir_count(f->dir, "info.log."), 1);
	assert_true(append(f, "two\n", "", ""));
	start_again(f);
	assert_file_equal(f->dir, "info.log", "");
	/* One that does fit stays. */
	assert_true(append(f, "two\n", "", ""));
	assert_true(store_make_room(&f->store, LEVEL_INFO, 4));
	assert_int_equal(tmpdir_count(f->dir, "info.log."), 1);
}

/* Also where others have appended what there was room for: the writer has made its own fit. */
static void
what_does_not_fit_any_more_is_in_the_next_file(void **state)
{
	struct fixture *f = *state;

	store_close(&f->store);
	f->settings.logs.max_bytes = 10;
	open_store(f);
	assert_true(append(f, "one\n", "", ""));
	advance(f, 1);
	assert_true(append(f, "two\nsix\n", "", ""));
	assert_file_equal(f->dir, "info.log", "two\nsix\n");
	assert_int_equal(tmpdir_count(f->dir, "info.log."), 1);
	start_again(f);
	assert_file_equal(f->dir, "info.log", "");
	assert_int_equal(partitions_get(&f->store.partitions, 2)->next, 1);
}

/* On a full disk there is no checkpoint; and deleting old files is what makes room for one. */
static void
old_files_are_deleted_without_a_checkpoint(void **state)
{
	struct fixture *f = *state;

	store_close(&f->store);
	f->settings.logs.max_bytes = 10;
	f->settings.logs.backup_count = 1;
	open_store(f);
	for (int i = 0; i < 3; i++)
		assert_true(append(f, "one two\n", "", ""));
	assert_int_equal(tmpdir_count(f->dir, "info.log."), 2);
	assert_int_equal(mkdir(tmpdir_path(f->dir, CHECKPOINT_NAME ".new"), 0700), 0);
	store_round(&f->store, false);
	assert_true(f->store.changed);
	assert_int_equal(tmpdir_count(f->dir, "info.log."), 1);
	assert_int_equal(rmdir(tmpdir_path(f->dir, CHECKPOINT_NAME ".new")), 0);
}

static void
without_a_checkpoint_no_file_is_renamed(void **state)
{
	struct fixture *f = *state;

	store_close(&f->store);
	f->settings.logs.max_bytes = 10;
	open_store(f);
	assert_true(append(f, "one\n", "", ""));
	assert_int_equal(mkdir(tmpdir_path(f->dir, CHECKPOINT_NAME ".new"), 0700), 0);
	assert_false(store_checkpoint(&f->store));
	assert_false(store_make_room(&f->store, LEVEL_INFO, 8));
	assert_int_equal(tmpdir_count(f->dir, "info.log."), 0);
	assert_int_equal(f->store.checkpoint_errors, 2);
	assert_int_equal(rmdir(tmpdir_path(f->dir, CHECKPOINT_NAME ".new")), 0);
	assert_true(store_make_room(&f->store, LEVEL_INFO, 8));
	assert_int_equal(tmpdir_count(f->dir, "info.log."), 1);
}

/* Nor is anything appended to a file that is in none. */
static void
a_file_that_is_new_is_in_a_checkpoint_first(void **state)
{
	struct fixture *f = *state;

	assert_true(append(f, "one\n", "", "bad\n"));
	assert_true(store_checkpoint(&f->store));
	assert_int_equal(unlink(tmpdir_path(f->dir, "info.log")), 0);
	assert_int_equal(
	    rename(tmpdir_path(f->dir, STORE_REJECTED), tmpdir_path(f->dir, "moved")), 0);
	store_round(&f->store, false);
	assert_true(append(f, "two\n", "", "worse\n"));
	start_again(f);
	assert_file_equal(f->dir, "info.log", "");
	assert_file_equal(f->dir, STORE_REJECTED, "");
	assert_file_equal(f->dir, "moved", "bad\n");
	/* And when none can be written, nothing is. */
	assert_int_equal(unlink(tmpdir_path(f->dir, "info.log")), 0);
	assert_int_equal(mkdir(tmpdir_path(f->dir, CHECKPOINT_NAME ".new"), 0700), 0);
	assert_false(append(f, "two\n", "", ""));
	assert_file_equal(f->dir, "info.log", "");
	assert_int_equal(rmdir(tmpdir_path(f->dir, CHECKPOINT_NAME ".new")), 0);
	assert_true(append(f, "two\n", "", ""));
}

/* All or nothing, of all files. */
static void
what_can_not_be_written_is_nowhere(void **state)
{
	struct fixture *f = *state;

	assert_true(append(f, "one\n", "", "bad\n"));
	limit_file_size(6);
	assert_false(append(f, "two\n", "", "b\n"));
	limit_file_size(RLIM_INFINITY);
	assert_file_equal(f->dir, "info.log", "one\n");
	assert_file_equal(f->dir, STORE_REJECTED, "bad\n");
	assert_true(append(f, "two\n", "", "b\n"));
	assert_file_equal(f->dir, "info.log", "one\ntwo\n");
	assert_file_equal(f->dir, STORE_REJECTED, "bad\nb\n");
}

/* A minute apart at least, and as far back as the first message, however many there were. */
static void
messages_are_marked(void **state)
{
	struct fixture *f = *state;
	struct partition *p = partitions_get(&f->store.partitions, 2);

	for (int64_t i = 1; i < 1000; i++) {
		/* Two in three minutes. */
		p->taken = 10 * i;
		p->taken_timestamp = 90000 * i;
		partitions_written(&f->store.partitions);
		assert_in_range(p->marks, 1, CHECKPOINT_MARKS);
		assert_int_equal(p->mark[0].offset, 9);
		for (size_t j = 1; j < p->marks; j++)
			assert_true(p->mark[j].offset > p->mark[j - 1].offset &&
				    p->mark[j].timestamp >= p->mark[j - 1].timestamp + 60000);
		assert_true(p->mark[p->marks - 1].offset == p->next - 1);
	}
	p->taken++;
	p->taken_timestamp += 59999;
	partitions_written(&f->store.partitions);
	assert_true(p->mark[p->marks - 1].offset == p->next - 2);
	assert_true(append(f, "one\n", "", ""));
	assert_true(store_checkpoint(&f->store));
	start_again(f);
	assert_true(partitions_get(&f->store.partitions, 2)->marks > 1);
}

#define store_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    store_test(what_is_in_no_checkpoint_is_taken_back),
	    store_test(a_roll_over_is_between_two_checkpoints),
	    store_test(what_does_not_fit_any_more_is_in_the_next_file),
	    store_test(old_files_are_deleted_without_a_checkpoint),
	    store_test(without_a_checkpoint_no_file_is_renamed),
	    store_test(a_file_that_is_new_is_in_a_checkpoint_first),
	    store_test(what_can_not_be_written_is_nowhere),
	    store_test(messages_are_marked),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
