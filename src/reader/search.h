/*
 * What people type into a search box, compiled: `q` of the query API.
 *
 *     word          in the entry, anywhere
 *     "a phrase"    likewise, spaces and all; \" and \\ for themselves
 *     /expression/  of PCRE2; \/ for a slash; flags i, s, m, x may follow
 *     logger:app.db the record's logger, or one below it (app.db.pool); logger:"a name" as well
 *     -any of them  must not be there
 *
 * All of them must hold; white space (ASCII's) is between them. A word may hold quotes and slashes,
 * but not begin with one.
 *
 * Case does not count in words, phrases and loggers unless a capital letter (Unicode's Lu and Lt)
 * is in them: in those of ASCII alone the case of a to z, in others that of all letters, by
 * Unicode's simple case folding. In expressions it counts but for the flag i, which folds all
 * letters.
 *
 * An expression is matched in one entry as it is in the file, newlines and all, from a line's start
 * at ^ to its end at $ (multi-line, as grep users expect). Characters are UTF-8's, and bytes which
 * are none match nothing; \d, \w, \s and \b are ASCII's. No verbs such as (*COMMIT), and no \C.
 */
#ifndef PBU_SEARCH_H
#define PBU_SEARCH_H

#include "base/buf.h"
#include "record/entry_parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a q, and terms in it, at most. */
#define SEARCH_MAX	 4096
#define SEARCH_TERMS_MAX 64

struct search;

/* What one thread needs to search; from search_scratch_new(). */
struct search_scratch;

enum search_result {
	SEARCH_NO,
	SEARCH_YES,
	SEARCH_TOO_LONG, /* the expression took more than its share of time on this entry */
};

/*
 * Compiles. NULL when it can't be used: *at is the byte of q that is wrong, counted from 0, and the
 * reason in words is appended to `why`; or memory ran out (*at is then len). An empty q, or NULL,
 * matches everything. Immutable: any thread may use it. Freed with search_free().
 */
struct search *search_compile(const char *q, size_t len, size_t *at, struct buf *why);
void search_free(struct search *s);

struct search_scratch *search_scratch_new(void);
void search_scratch_free(struct search_scratch *t);

/* Whether it matches everything. */
bool search_is_empty(const struct search *s);
/* Whether search_entry() needs the logger. */
bool search_wants_logger(const struct search *s);

/*
 * The first byte from `from` on of something that an entry must hold to match, or len when there is
 * none: entries that lie before it wholly do not match. What is in the block may be anything: many
 * entries, parts of such, any bytes. The rate at which this goes is that of the whole search.
 */
size_t search_find(
    const struct search *s, struct search_scratch *t, const char *block, size_t from, size_t len);
/* The same from the end: the last byte before `to` of such a thing, or SIZE_MAX. */
size_t search_find_last(
    const struct search *s, struct search_scratch *t, const char *block, size_t to);
/* Whether an entry matches in which one of what they find lies wholly: search_entry() needs not be
 * asked. */
bool search_find_suffices(const struct search *s);

/*
 * Whether an entry matches: len bytes without the newline that ends it; `logger` is looked at when
 * search_wants_logger(). Not after the deadline (nanoseconds of CLOCK_MONOTONIC), and at most about
 * a second for one entry whatever the expression is: SEARCH_TOO_LONG.
 */
enum search_result search_entry(const struct search *s, struct search_scratch *t, const char *entry,
    size_t len, struct entry_span logger, int64_t deadline);

#endif
