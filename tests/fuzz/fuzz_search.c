/* A q, a newline, and a block of a log file; an entry's logger is its first word. */
#include "base/clock.h"
#include "fuzz.h"
#include "reader/search.h"

#include <ctype.h>

/* For an input in all; what is not decided by then is not compared. */
#define TIME_NS	    (CLOCK_NS_PER_SECOND / 5)

#define ENTRIES_MAX 4096

struct block {
	const char *data;
	size_t len;
	struct {
		size_t begin, end; /* without the newline */
		bool matches;
	} entries[ENTRIES_MAX];
	size_t count;
};

static struct search_scratch *scratch;
static int64_t deadline;
static bool too_long;

static void
split(struct block *b)
{
	b->count = 0;
	for (size_t begin = 0, at = 0; at <= b->len && b->count < ENTRIES_MAX; at++) {
		if (at < b->len && b->data[at] != '\n')
			continue;
		if (at + 1 < b->len && b->data[at + 1] == '\t')
			continue;
		b->entries[b->count].begin = begin;
		b->entries[b->count++].end = at;
		begin = at + 1;
	}
}

static bool
is_match(const struct search *s, const struct block *b, size_t i)
{
	const char *entry = b->data + b->entries[i].begin;
	size_t len = b->entries[i].end - b->entries[i].begin;
	const char *space = len > 0 ? memchr(entry, ' ', len) : NULL;
	struct entry_span logger = {entry, space != NULL ? (size_t)(space - entry) : len};
	char *copy = malloc(len + 1); /* exactly as large as it is */
	enum search_result result;

	require(copy != NULL);
	if (len > 0)
		memcpy(copy, entry, len);
	copy = realloc(copy, len > 0 ? len : 1);
	if (clock_monotonic_ns() > deadline)
		too_long = true;
	result = search_entry(s, scratch, copy, len, logger, deadline);
	free(copy);
	too_long |= result == SEARCH_TOO_LONG;
	return result == SEARCH_YES;
}

/* The entry that a byte is of; the newline that ends it is its own. */
static size_t
entry_of(const struct block *b, size_t at)
{
	size_t i = 0;

	while (i < b->count && b->entries[i].end < at)
		i++;
	require(i < b->count);
	return i;
}

/* Forward, as a walk does it: no entry that matches is passed over. */
static void
check_find(const struct search *s, const struct block *b)
{
	size_t next = 0, at;

	while (next < b->count) {
		size_t i = b->count;

		at = search_find(s, scratch, b->data, b->entries[next].begin, b->len);
		require(at <= b->len);
		if (at < b->len) {
			require(at >= b->entries[next].begin);
			i = entry_of(b, at);
		}
		/* An entry without a byte has nowhere to be found. */
		for (; next < i; next++)
			require(!b->entries[next].matches ||
				b->entries[next].begin == b->entries[next].end);
		next = i + 1;
	}
}

static void
check_find_last(const struct search *s, const struct block *b)
{
	size_t left = b->count, at;

	while (left > 0) {
		size_t i = 0, to = b->entries[left - 1].end;

		at = search_find_last(s, scratch, b->data, to);
		require(at == SIZE_MAX || at < to);
		if (at != SIZE_MAX)
			i = entry_of(b, at) + 1;
		for (; left > i; left--)
			require(!b->entries[left - 1].matches ||
				b->entries[left - 1].begin == b->entries[left - 1].end);
		if (at != SIZE_MAX)
			left = i - 1;
	}
}

/* One word in small letters: against a plain loop. */
static void
check_word(const struct buf *q, const struct block *b)
{
	for (size_t i = 0; i < q->len; i++)
		if (!islower((unsigned char)q->data[i]) && !isdigit((unsigned char)q->data[i]))
			return;
	for (size_t i = 0; i < b->count && q->len > 0; i++) {
		bool found = false;

		for (size_t at = b->entries[i].begin; at + q->len <= b->entries[i].end; at++) {
			size_t n = 0;

			while (n < q->len && tolower((unsigned char)b->data[at + n]) == q->data[n])
				n++;
			found |= n == q->len;
		}
		require(found == b->entries[i].matches);
	}
}

static void
check(const struct search *s, const struct buf *q, struct block *b)
{
	split(b);
	deadline = clock_monotonic_ns() + TIME_NS;
	too_long = false;
	for (size_t i = 0; i < b->count; i++)
		b->entries[i].matches = is_match(s, b, i);
	if (too_long)
		return;
	if (search_is_empty(s))
		for (size_t i = 0; i < b->count; i++)
			require(b->entries[i].matches);
	check_word(q, b);
	check_find(s, b);
	check_find_last(s, b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct block block;
	struct buf q = fuzz_line(&data, &size), why = BUF_INIT;
	struct search *s;
	size_t at = SIZE_MAX;

	if (scratch == NULL)
		scratch = search_scratch_new();
	block.data = (const char *)data;
	block.len = size;
	s = search_compile(q.data, q.len, &at, &why);
	if (s == NULL) {
		require(at <= q.len && why.len > 0);
	} else {
		require(why.len == 0);
		check(s, &q, &block);
	}
	search_free(s);
	buf_free(&q);
	buf_free(&why);
	return 0;
}
