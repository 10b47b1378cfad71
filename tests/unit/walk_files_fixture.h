/* Files that a test writes by hand, and what a walk over them gives. */
#ifndef PBU_WALK_FILES_FIXTURE_H
#define PBU_WALK_FILES_FIXTURE_H

#include "walk_fixture.h"

static inline struct walk *
begin(struct log *l, bool forward, const struct place *from)
{
	const struct walk_options o = {.library = l->library,
	    .forward = forward,
	    .start = INT64_MIN,
	    .end = INT64_MAX,
	    .deadline = INT64_MAX};
	struct walk *w;

	assert_int_equal(walk_new(&w, LEVEL_INFO, &o, from), WALK_OPENED);
	return w;
}

static inline enum walk_open
try_begin(struct log *l, bool forward, const struct place *from)
{
	const struct walk_options o = {.library = l->library,
	    .forward = forward,
	    .start = INT64_MIN,
	    .end = INT64_MAX,
	    .deadline = INT64_MAX};
	struct walk *w = NULL;
	enum walk_open r = walk_new(&w, LEVEL_INFO, &o, from);

	walk_free(w);
	return r;
}

static inline void
append(struct log *l, const char *name, const char *text)
{
	write_bytes(l, name, text, strlen(text), O_APPEND);
}

static inline void
rename_in(struct log *l, const char *from, const char *to)
{
	assert_int_equal(rename(tmpdir_path(l->dir, from), tmpdir_path(l->dir, to)), 0);
}

/* Every file. */
static inline void
delete_all(struct log *l)
{
	DIR *folder = opendir(l->dir->path);
	struct dirent *entry;

	assert_non_null(folder);
	// NOLINTNEXTLINE(concurrency-mt-unsafe): a listing of one thread
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(folder), entry->d_name, 0);
	}
	closedir(folder);
}

static inline void
assert_next(struct walk *w, const char *text)
{
	struct walk_entry e;
	enum walk_result r = step(w, &e);

	if (r != WALK_ENTRY)
		fail_msg("\"%s\" was not given (%d)", text, r);
	assert_int_equal(e.len, strlen(text));
	assert_memory_equal(e.text, text, e.len);
}

static inline void
assert_end(struct walk *w)
{
	struct walk_entry e;

	assert_int_equal(step(w, &e), WALK_END);
}

#endif
