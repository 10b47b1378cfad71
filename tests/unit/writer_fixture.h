/*
 * The writer with a clock of the test's own: requests are added to a group, and the group is
 * written at a given time.
 */
#ifndef PBU_WRITER_FIXTURE_H
#define PBU_WRITER_FIXTURE_H

#include "files/writer.h"
#include "tmpdir.h"

#include <time.h>

#define SECOND INT64_C(1000000000)
#define HOUR   3600
#define DAY    (24 * HOUR)

/* 2019-12-24, 00:00 UTC. */
#define EVE INT64_C(1577145600)

struct fixture {
	struct tmpdir *dir;
	struct options options;
	struct metrics metrics;
	struct logs logs;
	struct commit_ticket request[8];
	struct commit_entries entries[8];
	size_t n; /* requests of the next group */
	char why[512];
};

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (tmpdir_setup(state) != 0)
		return -1;
	f->dir = *state;
	f->options = (struct options){
	    .log_folder = f->dir->path,
	    .levels = LEVEL_BIT(LEVEL_INFO) | LEVEL_BIT(LEVEL_ERROR),
	    .backup_count = 30,
	};
	setenv("TZ", "UTC", 1);
	tzset();
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	limit_file_size(RLIM_INFINITY);
	for (size_t i = 0; i < 8; i++) {
		for (int k = 0; k < LEVEL_COUNT; k++)
			buf_free(&f->entries[i].level[k]);
	}
	free(f);
	return tmpdir_teardown(&dir);
}

static inline void
start(struct fixture *f, int64_t now)
{
	if (!logs_open(&f->logs, &f->options, &f->metrics, now, f->why, sizeof(f->why)))
		fail_msg("%s", f->why);
}

/* Adds a request to the next group, with these entries (NULL: none); returns its index. */
static inline size_t
add(struct fixture *f, int64_t arrival, const char *info, const char *error)
{
	struct commit_entries *e = &f->entries[f->n];

	for (int i = 0; i < LEVEL_COUNT; i++)
		buf_clear(&e->level[i], SIZE_MAX);
	e->arrival = arrival * SECOND;
	e->records[LEVEL_INFO] = info != NULL;
	e->records[LEVEL_ERROR] = error != NULL;
	if (info != NULL)
		buf_puts(&e->level[LEVEL_INFO], info);
	if (error != NULL)
		buf_puts(&e->level[LEVEL_ERROR], error);
	f->request[f->n] = (struct commit_ticket){.entries = e};
	return f->n++;
}

static inline void
write_group(struct fixture *f, int64_t now)
{
	struct commit_ticket *group[8];

	for (size_t i = 0; i < f->n; i++)
		group[i] = &f->request[i];
	writer_write(&f->logs, group, f->n, now * SECOND);
	f->n = 0;
}

static inline enum commit_result
write_one(struct fixture *f, int64_t now, const char *info, const char *error)
{
	add(f, now, info, error);
	write_group(f, now);
	return f->request[0].result;
}

#define writer_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
