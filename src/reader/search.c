#include "reader/search.h"

#include "base/clock.h"
#include "reader/search_inside.h"

#include <stdlib.h>

/* What an entry may take in all. */
#define ENTRY_NS (CLOCK_NS_PER_SECOND)

struct search_scratch {
	struct pattern_scratch *pattern;
	int64_t until; /* when the entry at hand has had its time; 0: nobody has asked */
};

struct search_scratch *
search_scratch_new(void)
{
	struct search_scratch *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->pattern = pattern_scratch_new();
	if (t->pattern == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
search_scratch_free(struct search_scratch *t)
{
	if (t == NULL)
		return;
	pattern_scratch_free(t->pattern);
	free(t);
}

bool
search_is_empty(const struct search *s)
{
	return s->count == 0;
}

bool
search_wants_logger(const struct search *s)
{
	return s->wants_logger;
}

size_t
search_find(
    const struct search *s, struct search_scratch *t, const char *block, size_t from, size_t len)
{
	(void)t;
	if (s->needle == NULL)
		return from < len ? from : len;
	return search_needle_find(s->needle, block, from, len);
}

size_t
search_find_last(const struct search *s, struct search_scratch *t, const char *block, size_t to)
{
	size_t begin;

	(void)t;
	if (s->needle == NULL)
		return to > 0 ? to - 1 : SIZE_MAX;
	begin = search_needle_find_last(s->needle, block, to);
	return begin != SIZE_MAX ? begin + s->needle->len - 1 : SIZE_MAX;
}

bool
search_find_suffices(const struct search *s)
{
	return s->count == 1 && s->needle != NULL && s->parts[0].kind == SEARCH_TEXT &&
	       s->parts[0].pattern == NULL && memchr(s->needle->text, '\n', s->needle->len) == NULL;
}

static bool
has_needle(const struct search_part *part, const char *entry, size_t len)
{
	return search_needle_find(&part->needle, entry, 0, len) < len;
}

/* An entry's time begins when an expression asks for it. */
static enum pattern_result
match_pattern(const struct search_part *part, struct search_scratch *t, const char *text,
    size_t len, int64_t deadline, size_t *end)
{
	enum pattern_result result = pattern_try(part->pattern, t->pattern, text, len, end);

	if (result != PATTERN_TOO_LONG)
		return result;
	if (t->until == 0) {
		t->until = clock_monotonic_ns() + ENTRY_NS;
		if (t->until > deadline)
			t->until = deadline;
	}
	return pattern_match(part->pattern, t->pattern, text, len, t->until, end);
}

/* The name, or one below it. */
static enum pattern_result
match_logger(const struct search_part *part, struct search_scratch *t, struct entry_span logger,
    int64_t deadline)
{
	size_t end = part->needle.len;

	if (logger.data == NULL)
		return PATTERN_NO;
	if (part->pattern != NULL) {
		enum pattern_result result =
		    match_pattern(part, t, logger.data, logger.len, deadline, &end);

		if (result != PATTERN_YES)
			return result;
	} else if (logger.len < end || !has_needle(part, logger.data, end)) {
		return PATTERN_NO;
	}
	return end == logger.len || logger.data[end] == '.' ? PATTERN_YES : PATTERN_NO;
}

static enum pattern_result
match(const struct search *s, const struct search_part *part, struct search_scratch *t,
    const char *entry, size_t len, struct entry_span logger, int64_t deadline)
{
	if (part->kind == SEARCH_LOGGER)
		return match_logger(part, t, logger, deadline);
	if (part->pattern == NULL)
		return has_needle(part, entry, len) ? PATTERN_YES : PATTERN_NO;
	/* That of the block is in most that are asked about. */
	if (part->needle.len > 0 && &part->needle != s->needle && !has_needle(part, entry, len))
		return PATTERN_NO;
	return match_pattern(part, t, entry, len, deadline, NULL);
}

enum search_result
search_entry(const struct search *s, struct search_scratch *t, const char *entry, size_t len,
    struct entry_span logger, int64_t deadline)
{
	t->until = 0;
	for (size_t i = 0; i < s->count; i++) {
		const struct search_part *part = &s->parts[i];
		enum pattern_result result = match(s, part, t, entry, len, logger, deadline);

		if (result == PATTERN_TOO_LONG)
			return SEARCH_TOO_LONG;
		if ((result == PATTERN_YES) == part->negated)
			return SEARCH_NO;
	}
	return SEARCH_YES;
}
