/* Many threads commit at the same time. */
#include "files_fixture.h"

#define THREADS 16
#define ENTRIES 20000

/* Of all threads. */
static _Atomic int next; /* entry to submit */
static _Atomic int failed;
static _Atomic int running;

static void
submit_one(struct fixture *f, int i)
{
	struct entries e = {0};
	enum level level = (enum level)(i % LEVEL_COUNT);

	buf_printf(&e.level[level], "entry %d\n\tcontinued %d\n", i, i);
	e.records[level] = 1;
	if (submit_entries(f, &e) != TICKET_DONE)
		atomic_fetch_add(&failed, 1);
	buf_free(&e.level[level]);
}

static void *
submit_many(void *arg)
{
	struct fixture *f = arg;
	int i;

	while ((i = atomic_fetch_add(&next, 1)) < ENTRIES)
		submit_one(f, i);
	atomic_fetch_sub(&running, 1);
	return NULL;
}

/* Counts the entries in a file; every one must be whole. */
static void
count_entries(struct tmpdir *t, const char *name, unsigned char *seen)
{
	char *content = tmpdir_read(t, name), *p = content;
	int i, again, n;

	while (*p != '\0') {
		if (sscanf(p, "entry %d continued %d%n", &i, &again, &n) != 2 || i != again ||
		    i < 0 || i >= ENTRIES || p[n] != '\n')
			fail_msg("%s: not an entry: %.40s", name, p);
		assert_int_equal(strncmp(name, level_file((enum level)(i % LEVEL_COUNT)), 4), 0);
		seen[i]++;
		p += n + 1;
	}
	free(content);
}

static void
submit_all(struct fixture *f)
{
	unsigned char *seen = calloc(ENTRIES, 1);
	pthread_t thread[THREADS];
	struct dirent *entry;
	DIR *listing;

	f->settings.levels = (1U << LEVEL_COUNT) - 1;
	next = failed = 0;
	start(f);
	running = THREADS;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, submit_many, f), 0);
	/* Everything else that goes on at the same time. */
	while (atomic_load(&running) > 0) {
		if (!commit_writable(f->commit, f->why, sizeof(f->why)))
			fail_msg("%s", f->why);
		commit_reopen(f->commit);
		wait_for(commit_reopened(f->commit));
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	stop(f);

	assert_int_equal(failed, 0);
	listing = opendir(f->dir->path);
	while ((entry = readdir(listing)) != NULL) {
		if (strstr(entry->d_name, ".log") != NULL)
			count_entries(f->dir, entry->d_name, seen);
	}
	closedir(listing);
	for (int i = 0; i < ENTRIES; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(f->metrics.records[LEVEL_INFO], ENTRIES / LEVEL_COUNT);
	assert_int_equal(f->metrics.queue_depth, 0);
	free(seen);
}

static void
many_threads_lose_nothing(void **state)
{
	submit_all(*state);
}

static void
many_threads_lose_nothing_while_files_roll_over(void **state)
{
	struct fixture *f = *state;

	f->settings.max_bytes = 4096;
	f->settings.sync = SYNC_EVERYSEC;
	f->settings.backup_count = 0;
	submit_all(f);
	assert_true(f->metrics.rollovers > 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    files_test(many_threads_lose_nothing),
	    files_test(many_threads_lose_nothing_while_files_roll_over),
	};

	return cmocka_run_group_tests_name("commit_threads", tests, NULL, NULL);
}
