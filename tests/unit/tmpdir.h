/* A folder of its own for each test of the log files, deleted with all that is in it. */
#ifndef PBU_TMPDIR_H
#define PBU_TMPDIR_H

#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

struct tmpdir {
	char *path;
	char joined[4][512]; /* what tmpdir_path() returned last */
	unsigned next;
};

static inline int
tmpdir_setup(void **state)
{
	struct tmpdir *t = calloc(1, sizeof(*t));

	t->path = strdup("/tmp/pbu-unit-XXXXXX");
	if (mkdtemp(t->path) == NULL)
		return -1;
	*state = t;
	return 0;
}

static inline int
tmpdir_remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void
tmpdir_remove(const char *path)
{
	nftw(path, tmpdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int
tmpdir_teardown(void **state)
{
	struct tmpdir *t = *state;

	tmpdir_remove(t->path);
	free(t->path);
	free(t);
	return 0;
}

/* The path of a name in it; the last four are kept. */
static inline const char *
tmpdir_path(struct tmpdir *t, const char *name)
{
	char *joined = t->joined[t->next++ % 4];

	snprintf(joined, sizeof(t->joined[0]), "%s/%s", t->path, name);
	return joined;
}

static inline bool
tmpdir_has(struct tmpdir *t, const char *name)
{
	struct stat st;

	return lstat(tmpdir_path(t, name), &st) == 0;
}

static inline void
tmpdir_write(struct tmpdir *t, const char *name, const char *text)
{
	FILE *f = fopen(tmpdir_path(t, name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

/* The file's content, NUL-terminated; the caller frees it. */
static inline char *
tmpdir_read(struct tmpdir *t, const char *name)
{
	int fd = open(tmpdir_path(t, name), O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	if (fd < 0)
		fail_msg("%s is missing", name);
	assert_int_equal(fstat(fd, &st), 0);
	text = calloc(1, (size_t)st.st_size + 1);
	assert_int_equal(read(fd, text, (size_t)st.st_size), st.st_size);
	close(fd);
	return text;
}

#define assert_file_equal(t, name, expected)                                                       \
	do {                                                                                       \
		char *content_ = tmpdir_read(t, name);                                             \
		assert_string_equal(content_, expected);                                           \
		free(content_);                                                                    \
	} while (0)

/* Files in it whose name begins like this. */
static inline int
tmpdir_count(struct tmpdir *t, const char *prefix)
{
	DIR *listing = opendir(t->path);
	struct dirent *entry;
	int n = 0;

	assert_non_null(listing);
	while ((entry = readdir(listing)) != NULL)
		n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	closedir(listing);
	return n;
}

/* No file of the process may grow beyond that: a write that reaches it is cut short, the next
 * fails with EFBIG. RLIM_INFINITY: no limit. */
static inline void
limit_file_size(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#define tmpdir_test(f) cmocka_unit_test_setup_teardown(f, tmpdir_setup, tmpdir_teardown)

#endif
