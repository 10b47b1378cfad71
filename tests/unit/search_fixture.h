/* What is searched by, and a scratch for it. */
#ifndef PBU_SEARCH_FIXTURE_H
#define PBU_SEARCH_FIXTURE_H

#include "reader/search.h"
#include "unit.h"

#include <stdlib.h>

static struct search_scratch *scratch;

static inline int
make_scratch(void **state)
{
	(void)state;
	scratch = search_scratch_new();
	return scratch == NULL;
}

static inline int
free_scratch(void **state)
{
	(void)state;
	search_scratch_free(scratch);
	return 0;
}

static inline struct search *
compiled(const char *q)
{
	struct buf why = BUF_INIT;
	size_t at = 0;
	struct search *s = search_compile(q, strlen(q), &at, &why);

	if (s == NULL)
		fail_msg("%s: byte %zu: %.*s", q, at, (int)why.len, why.data);
	buf_free(&why);
	return s;
}

static inline enum search_result
search_text(const struct search *s, const char *entry, size_t len, const char *logger)
{
	struct entry_span name = {logger, logger != NULL ? strlen(logger) : 0};
	char *copy = malloc(len + 1); /* so that a sanitizer sees a byte too many */
	enum search_result result;

	assert_non_null(copy);
	memcpy(copy + 1, entry, len);
	result = search_entry(s, scratch, copy + 1, len, name, INT64_MAX);
	/* What search_entry() finds is not passed over by the search of blocks. */
	if (result == SEARCH_YES) {
		assert_true(len == 0 || search_find(s, scratch, copy + 1, 0, len) < len);
		assert_true(len == 0 || search_find_last(s, scratch, copy + 1, len) < len);
	}
	free(copy);
	return result;
}

#endif
