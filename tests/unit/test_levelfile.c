/* A transaction of one level that rolls files over is taken back as a whole, whatever others do. */
#include "files/committed.h"
#include "files_fixture.h"

static struct levelfile *
info(struct fixture *f)
{
	return &f->logs.level[LEVEL_INFO];
}

/* One with files of ten bytes, "old\n" in the first. */
static void
begin(struct fixture *f)
{
	f->settings.max_bytes = 10;
	open_logs(f, EVE);
	assert_int_equal(write_one(f, EVE, "old\n", NULL), TICKET_DONE);
	levelfile_begin(info(f));
}

/* Appends six bytes, rolling over first unless they fit. */
static void
append(struct fixture *f, const char *line)
{
	char copy[16];
	struct iovec iov = {copy, strlen(line)};

	strcpy(copy, line);
	if (levelfile_room(info(f)) < iov.iov_len)
		assert_true(levelfile_make_room(info(f), iov.iov_len));
	assert_true(levelfile_append(info(f), &iov, 1));
}

static void
append_four_files(struct fixture *f)
{
	append(f, "11111\n");
	append(f, "22222\n");
	append(f, "33333\n");
	append(f, "44444\n");
	assert_file_equal(f->dir, "info.log.2019-12-24", "old\n11111\n");
	assert_file_equal(f->dir, "info.log.2019-12-24.2", "33333\n");
	assert_file_equal(f->dir, "info.log", "44444\n");
}

static ino_t
inode(struct fixture *f, const char *name)
{
	struct stat st;

	assert_int_equal(stat(tmpdir_path(f->dir, name), &st), 0);
	return st.st_ino;
}

static int
open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* How much of it readers are shown; -1: nobody writes to it. */
static int64_t
shown(struct fixture *f, const char *name)
{
	int fd = open(tmpdir_path(f->dir, name), O_RDONLY | O_CLOEXEC);
	uint64_t bytes = 0;
	bool held;

	assert_true(fd >= 0);
	held = committed_ask(fd, &bytes);
	close(fd);
	return held ? (int64_t)bytes : -1;
}

/* Readers wait at the file in which it began until it is whole, or taken back. */
static void
is_shown_when_it_is_whole(void **state)
{
	struct fixture *f = *state;

	begin(f);
	append(f, "11111\n");
	append(f, "22222\n");
	assert_int_equal(shown(f, "info.log.2019-12-24"), 4);
	assert_int_equal(shown(f, "info.log"), 0);
	levelfile_undo(info(f));
	assert_int_equal(shown(f, "info.log"), 4);
	levelfile_begin(info(f));
	append(f, "11111\n");
	append(f, "22222\n");
	assert_int_equal(shown(f, "info.log.2019-12-24"), 4);
	levelfile_commit(info(f));
	assert_int_equal(shown(f, "info.log.2019-12-24"), -1);
	assert_int_equal(shown(f, "info.log"), 6);
	/* Opened again, it is still held. */
	levelfile_check(info(f), true);
	assert_int_equal(shown(f, "info.log"), 6);
	logs_close(&f->logs);
}

/* With `everysec` its descriptor is kept for the next sync; readers go on to the next file. */
static void
is_shown_before_it_is_synced(void **state)
{
	struct fixture *f = *state;

	f->settings.sync = SYNC_EVERYSEC;
	begin(f);
	append(f, "11111\n");
	append(f, "22222\n");
	levelfile_commit(info(f));
	assert_int_equal(shown(f, "info.log.2019-12-24"), -1);
	logs_close(&f->logs);
}

static void
takes_back_all_roll_overs(void **state)
{
	struct fixture *f = *state;
	ino_t first;
	int descriptors;

	f->settings.sync = SYNC_ALWAYS;
	begin(f);
	first = inode(f, "info.log");
	descriptors = open_descriptors();
	append_four_files(f);
	assert_int_equal(open_descriptors(), descriptors + 1);
	f->logs.common.names_dirty = false;
	levelfile_undo(info(f));
	assert_true(f->logs.common.names_dirty);
	assert_int_equal(open_descriptors(), descriptors);
	assert_int_equal(tmpdir_count(f->dir, "info.log"), 1);
	assert_file_equal(f->dir, "info.log", "old\n");
	assert_int_equal(inode(f, "info.log"), first);
	assert_int_equal(info(f)->file.size, 4);
	assert_int_equal(f->metrics.write_errors, 0);
	/* The names are taken again, and what follows is as if nothing had been. */
	levelfile_begin(info(f));
	append_four_files(f);
	levelfile_commit(info(f));
	assert_int_equal(open_descriptors(), descriptors);
	levelfile_begin(info(f));
	levelfile_undo(info(f));
	assert_int_equal(tmpdir_count(f->dir, "info.log"), 4);
	logs_close(&f->logs);
}

static void
keeps_what_it_began_with_mid_line(void **state)
{
	struct fixture *f = *state;

	f->settings.max_bytes = 10;
	f->settings.rotate = ROTATE_NEVER;
	tmpdir_write(f->dir, "info.log", "tor");
	open_logs(f, EVE);
	levelfile_begin(info(f));
	append(f, "11111\n");
	append(f, "22222\n");
	assert_file_equal(f->dir, "info.log.2019-12-24", "tor\n11111\n");
	levelfile_undo(info(f));
	assert_file_equal(f->dir, "info.log", "tor");
	levelfile_begin(info(f));
	append(f, "3333\n");
	assert_file_equal(f->dir, "info.log", "tor\n3333\n");
	logs_close(&f->logs);
}

static void
keeps_the_period_of_the_first(void **state)
{
	struct fixture *f = *state;

	/* One of yesterday that could not be rolled over before. */
	begin(f);
	info(f)->since = EVE - DAY;
	append(f, "11111\n");
	append(f, "22222\n");
	assert_true(tmpdir_has(f->dir, "info.log.2019-12-23"));
	assert_int_equal(info(f)->since, EVE);
	levelfile_undo(info(f));
	assert_int_equal(info(f)->since, EVE - DAY);
	logs_check(&f->logs, 0);
	assert_file_equal(f->dir, "info.log.2019-12-23", "old\n");
	logs_close(&f->logs);
}

static void
a_link_is_put_back_as_one(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	tmpdir_write(f->dir, "elsewhere", "");
	assert_int_equal(symlink("elsewhere", tmpdir_path(f->dir, "info.log")), 0);
	begin(f);
	append_four_files(f);
	levelfile_undo(info(f));
	assert_int_equal(lstat(tmpdir_path(f->dir, "info.log"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_file_equal(f->dir, "elsewhere", "old\n");
	assert_int_equal(tmpdir_count(f->dir, "info.log"), 1);
	logs_close(&f->logs);
}

static void
deletes_nothing_of_others(void **state)
{
	struct fixture *f = *state;

	begin(f);
	append_four_files(f);
	/* One of them is another file now, one is gone. */
	assert_int_equal(unlink(tmpdir_path(f->dir, "info.log.2019-12-24.1")), 0);
	tmpdir_write(f->dir, "new", "precious");
	assert_int_equal(
	    rename(tmpdir_path(f->dir, "new"), tmpdir_path(f->dir, "info.log.2019-12-24.2")), 0);
	levelfile_undo(info(f));
	assert_int_equal(tmpdir_count(f->dir, "info.log"), 2);
	assert_file_equal(f->dir, "info.log.2019-12-24.2", "precious");
	assert_file_equal(f->dir, "info.log", "old\n");
	logs_close(&f->logs);
}

static void
finds_its_bytes_when_others_rename_the_files(void **state)
{
	struct fixture *f = *state;

	/* The first one: it can't be named again, but is cut. */
	begin(f);
	append_four_files(f);
	rename(tmpdir_path(f->dir, "info.log.2019-12-24"), tmpdir_path(f->dir, "away"));
	levelfile_undo(info(f));
	assert_file_equal(f->dir, "away", "old\n");
	assert_file_equal(f->dir, "info.log", "");
	assert_int_equal(tmpdir_count(f->dir, "info.log"), 1);
	levelfile_begin(info(f));
	append(f, "55555\n");
	assert_file_equal(f->dir, "info.log", "55555\n");

	/* The present one: its name is free for the first. */
	append(f, "66666\n");
	rename(tmpdir_path(f->dir, "info.log"), tmpdir_path(f->dir, "away"));
	levelfile_undo(info(f));
	assert_file_equal(f->dir, "away", "");
	assert_file_equal(f->dir, "info.log", "");

	/* The present one, and another has its name. */
	levelfile_begin(info(f));
	append(f, "77777\n");
	append(f, "88888\n");
	rename(tmpdir_path(f->dir, "info.log"), tmpdir_path(f->dir, "away"));
	tmpdir_write(f->dir, "info.log", "precious\n");
	levelfile_undo(info(f));
	assert_file_equal(f->dir, "away", "");
	assert_file_equal(f->dir, "info.log.2019-12-24", "");
	assert_file_equal(f->dir, "info.log", "precious\n");
	logs_close(&f->logs);
}

static void
replaces_no_file_within_a_transaction(void **state)
{
	struct fixture *f = *state;

	begin(f);
	append(f, "11111\n");
	rename(tmpdir_path(f->dir, "info.log"), tmpdir_path(f->dir, "away"));
	/* What is appended goes on in the renamed file, beyond its size. */
	append(f, "22222\n");
	levelfile_undo(info(f));
	assert_file_equal(f->dir, "away", "old\n");
	assert_int_equal(f->metrics.rollover_errors, 1);
	logs_check(&f->logs, 0);
	assert_int_equal(write_one(f, EVE, "new\n", NULL), TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "new\n");
	logs_close(&f->logs);
}

/* Nothing in the folder can be named from now on; returns what mends that. */
static int
break_folder(struct fixture *f)
{
	int folder = dup(f->logs.common.folder.fd);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(dup2(null, f->logs.common.folder.fd) >= 0);
	close(null);
	return folder;
}

static void
mend_folder(struct fixture *f, int folder)
{
	assert_true(dup2(folder, f->logs.common.folder.fd) >= 0);
	close(folder);
}

static void
takes_nothing_until_it_is_taken_back(void **state)
{
	struct fixture *f = *state;
	char why[512];
	int folder;

	begin(f);
	append_four_files(f);
	folder = break_folder(f);
	levelfile_undo(info(f));
	assert_true(f->metrics.write_errors > 0);
	assert_false(health_ask(&f->logs.common.health, why, sizeof(why)));
	assert_int_equal(write_one(f, EVE, "no\n", NULL), TICKET_FAILED);
	assert_int_equal(write_one(f, EVE, NULL, "yes\n"), TICKET_DONE);
	assert_int_equal(write_one(f, EVE, "no\n", "no\n"), TICKET_FAILED);
	mend_folder(f, folder);

	assert_int_equal(write_one(f, EVE, "new\n", NULL), TICKET_DONE);
	assert_file_equal(f->dir, "info.log", "old\nnew\n");
	assert_int_equal(tmpdir_count(f->dir, "info.log"), 1);
	assert_file_equal(f->dir, "error.log", "yes\n");
	assert_true(health_ask(&f->logs.common.health, why, sizeof(why)));
	logs_close(&f->logs);
}

static void
settles_what_is_owed_in_a_round_or_at_the_end(void **state)
{
	struct fixture *f = *state;
	int folder;

	for (int i = 0; i < 2; i++) {
		begin(f);
		append(f, "11111\n");
		append(f, "22222\n");
		folder = break_folder(f);
		levelfile_undo(info(f));
		mend_folder(f, folder);
		assert_true(tmpdir_has(f->dir, "info.log.2019-12-24"));
		if (i == 0)
			logs_check(&f->logs, 0);
		else
			logs_close(&f->logs);
		assert_file_equal(f->dir, "info.log", "old\n");
		assert_int_equal(tmpdir_count(f->dir, "info.log"), 1);
		if (i == 0)
			logs_close(&f->logs);
		unlink(tmpdir_path(f->dir, "info.log"));
	}
}

static void
syncs_what_cannot_be_taken_back_at_the_end(void **state)
{
	struct fixture *f = *state;
	int folder;

	f->settings.sync = SYNC_EVERYSEC;
	begin(f);
	append(f, "11111\n");
	append(f, "22222\n");
	folder = break_folder(f);
	levelfile_undo(info(f));
	f->metrics.syncs = f->metrics.sync_errors = 0;
	logs_close(&f->logs);
	/* The file it began with, which holds what was acknowledged; the last one; the folder. */
	assert_int_equal(f->metrics.syncs, 3);
	close(folder);
}

static void
what_is_owed_is_neither_kept_at_midnight_nor_counted(void **state)
{
	struct fixture *f = *state;
	int folder;

	f->settings.backup_count = 2;
	tmpdir_write(f->dir, "info.log.2019-12-22", "");
	tmpdir_write(f->dir, "info.log.2019-12-23", "");
	begin(f);
	append_four_files(f);
	folder = break_folder(f);
	levelfile_undo(info(f));
	assert_int_equal(write_one(f, EVE + DAY, "no\n", NULL), TICKET_FAILED);
	mend_folder(f, folder);
	/* Pruning has been due since the start. */
	do_chores(f);
	assert_true(tmpdir_has(f->dir, "info.log.2019-12-22"));
	logs_check(&f->logs, 0);
	assert_file_equal(f->dir, "info.log.2019-12-24", "old\n");
	assert_int_equal(tmpdir_count(f->dir, "info.log.2019-12-24"), 1);
	assert_file_equal(f->dir, "info.log", "");
	do_chores(f);
	assert_false(tmpdir_has(f->dir, "info.log.2019-12-22"));
	assert_true(tmpdir_has(f->dir, "info.log.2019-12-23"));
	logs_close(&f->logs);
}

static void
renames_back_when_there_is_no_new_file(void **state)
{
	struct fixture *f = *state;
	struct rlimit limit, none;
	int low = open("/dev/null", O_RDONLY | O_CLOEXEC);

	begin(f);
	append(f, "11111\n");
	/* No descriptor is left for it. */
	close(low);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){(rlim_t)low, limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_false(levelfile_make_room(info(f), 6));
	levelfile_undo(info(f));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_file_equal(f->dir, "info.log", "old\n");
	assert_int_equal(tmpdir_count(f->dir, "info.log"), 1);
	assert_int_equal(write_one(f, EVE, "new\n", NULL), TICKET_DONE);
	logs_close(&f->logs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    files_test(is_shown_when_it_is_whole),
	    files_test(is_shown_before_it_is_synced),
	    files_test(takes_back_all_roll_overs),
	    files_test(keeps_what_it_began_with_mid_line),
	    files_test(keeps_the_period_of_the_first),
	    files_test(a_link_is_put_back_as_one),
	    files_test(deletes_nothing_of_others),
	    files_test(finds_its_bytes_when_others_rename_the_files),
	    files_test(replaces_no_file_within_a_transaction),
	    files_test(takes_nothing_until_it_is_taken_back),
	    files_test(settles_what_is_owed_in_a_round_or_at_the_end),
	    files_test(syncs_what_cannot_be_taken_back_at_the_end),
	    files_test(what_is_owed_is_neither_kept_at_midnight_nor_counted),
	    files_test(renames_back_when_there_is_no_new_file),
	};

	return cmocka_run_group_tests_name("levelfile", tests, NULL, NULL);
}
