/* PCRE2: expressions, and words whose case is Unicode's. A thin wrapper, and the only user of
 * pcre2.h. */
#ifndef PBU_PATTERN_H
#define PBU_PATTERN_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How an expression is to be taken. */
#define PATTERN_CASELESS 1u  /* i */
#define PATTERN_DOTALL	 2u  /* s */
#define PATTERN_EXTENDED 4u  /* x */
#define PATTERN_LITERAL	 8u  /* it is a text, not an expression */
#define PATTERN_ANCHORED 16u /* it begins where the subject does */

/* Immutable: any thread may use it. */
struct pattern;

/* What one thread needs to match. */
struct pattern_scratch;

enum pattern_result {
	PATTERN_NO,
	PATTERN_YES,
	PATTERN_TOO_LONG, /* it took more time or memory than it may */
};

/*
 * Compiles UTF-8 text; characters are Unicode's, classes such as \w ASCII's, ^ and $ match at
 * lines. NULL: *at is the byte that is wrong, and the reason is appended to `why`; or memory ran
 * out (*at is then SIZE_MAX). Freed with pattern_free().
 */
struct pattern *pattern_new(
    const char *text, size_t len, unsigned flags, size_t *at, struct buf *why);
void pattern_free(struct pattern *p);

/* Bytes of memory that it takes, roughly. */
size_t pattern_size(const struct pattern *p);

struct pattern_scratch *pattern_scratch_new(void);
void pattern_scratch_free(struct pattern_scratch *t);

/*
 * Looks for it in a subject, which may be any bytes: those that are not UTF-8 match nothing. *end,
 * if not NULL, is where what was found ends. pattern_try() takes some 50 ms at most, and
 * PATTERN_TOO_LONG is often its answer for what is large; pattern_match() goes on until soon after
 * the deadline (nanoseconds of CLOCK_MONOTONIC), whatever the expression is.
 */
enum pattern_result pattern_try(const struct pattern *p, struct pattern_scratch *t,
    const char *subject, size_t len, size_t *end);
enum pattern_result pattern_match(const struct pattern *p, struct pattern_scratch *t,
    const char *subject, size_t len, int64_t deadline, size_t *end);

#endif
