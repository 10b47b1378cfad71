#include "reader/pattern.h"

#include "base/clock.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>

/* Groups in one another at most; PCRE2's parser recurses. */
#define NESTING_MAX 100

/* Memory for backtracking: on the JIT's stack, or the interpreter's heap. */
#define STACK_START (32 * 1024)
#define STACK_MAX   (1024 * 1024)

/* Work between two looks at the clock, in callouts. */
#define CLOCK_EVERY 64

/*
 * A match without callouts takes at most about the square of the subject times the limit: so much
 * is let go unwatched (some 50 ms), and subjects up to this size are tried that way first.
 */
#define UNWATCHED_WORK	((size_t)1 << 28)
#define UNWATCHED_MAX	((size_t)4096)
#define UNWATCHED_LIMIT ((size_t)10000)

struct pattern {
	pcre2_code *fast; /* NULL: a match is watched from the start */
	pcre2_code
	    *watched; /* with callouts, that look at the clock; of a text, which needs none */
};

struct pattern_scratch {
	pcre2_match_context *context;
	pcre2_match_data *found;
	pcre2_jit_stack *stack; /* NULL: there is no JIT */
	int64_t deadline;
	size_t work; /* since the clock was looked at */
	size_t step; /* what a callout counts for */
};

/*
 * Called before each item of the expression that is tried. PCRE2's own limit does not bound a
 * match: it starts anew at each place where one may begin, and a step of it may go through all of
 * the subject.
 */
static int
check_clock(pcre2_callout_block *block, void *scratch)
{
	struct pattern_scratch *t = scratch;

	(void)block;
	t->work += t->step;
	if (t->work < CLOCK_EVERY)
		return 0;
	t->work = 0;
	return clock_monotonic_ns() < t->deadline ? 0 : PCRE2_ERROR_CALLOUT;
}

static void
put_reason(struct buf *why, int error)
{
	PCRE2_UCHAR text[256];

	if (pcre2_get_error_message(error, text, sizeof(text)) < 0)
		buf_puts(why, "it can't be used");
	else
		buf_puts(why, (const char *)text);
}

/* The options of `fast`; `watched` has callouts as well. */
static uint32_t
compile_options(unsigned flags)
{
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;

	if ((flags & PATTERN_CASELESS) != 0)
		options |= PCRE2_CASELESS;
	if ((flags & PATTERN_ANCHORED) != 0)
		options |= PCRE2_ANCHORED;
	if ((flags & PATTERN_LITERAL) != 0)
		return options | PCRE2_LITERAL;
	if ((flags & PATTERN_DOTALL) != 0)
		options |= PCRE2_DOTALL;
	if ((flags & PATTERN_EXTENDED) != 0)
		options |= PCRE2_EXTENDED;
	return options | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UCP;
}

static pcre2_code *
compile(const char *text, size_t len, uint32_t options, size_t *at, struct buf *why)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	pcre2_code *code;
	int error = 0;

	*at = SIZE_MAX;
	if (context == NULL)
		return NULL;
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	pcre2_set_parens_nest_limit(context, NESTING_MAX);
	code = pcre2_compile((PCRE2_SPTR)text, len, options, &error, at, context);
	pcre2_compile_context_free(context);
	if (code == NULL) {
		if (error == PCRE2_ERROR_HEAP_FAILED)
			*at = SIZE_MAX;
		else
			put_reason(why, error);
		return NULL;
	}
	/* Where memory can't be executed, PCRE2 interprets: the same, only slower. */
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	return code;
}

struct pattern *
pattern_new(const char *text, size_t len, unsigned flags, size_t *at, struct buf *why)
{
	struct pattern *p = calloc(1, sizeof(*p));
	uint32_t options = compile_options(flags);

	*at = SIZE_MAX;
	if (p == NULL)
		return NULL;
	if ((flags & PATTERN_LITERAL) != 0) {
		p->watched = compile(text, len, options, at, why);
	} else {
		p->fast = compile(text, len, options, at, why);
		if (p->fast != NULL)
			p->watched = compile(text, len, options | PCRE2_AUTO_CALLOUT, at, why);
	}
	if (p->watched == NULL) {
		pattern_free(p);
		return NULL;
	}
	return p;
}

void
pattern_free(struct pattern *p)
{
	if (p == NULL)
		return;
	pcre2_code_free(p->fast);
	pcre2_code_free(p->watched);
	free(p);
}

static size_t
code_size(const pcre2_code *code)
{
	size_t size = 0, jit = 0;

	if (code == NULL)
		return 0;
	(void)pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size);
	(void)pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &jit);
	return size + jit;
}

size_t
pattern_size(const struct pattern *p)
{
	return code_size(p->fast) + code_size(p->watched);
}

struct pattern_scratch *
pattern_scratch_new(void)
{
	struct pattern_scratch *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->context = pcre2_match_context_create(NULL);
	t->found = pcre2_match_data_create(1, NULL);
	t->stack = pcre2_jit_stack_create(STACK_START, STACK_MAX, NULL);
	if (t->context == NULL || t->found == NULL) {
		pattern_scratch_free(t);
		return NULL;
	}
	pcre2_jit_stack_assign(t->context, NULL, t->stack);
	pcre2_set_heap_limit(t->context, STACK_MAX / 1024);
	pcre2_set_match_limit(t->context, UINT32_MAX);
	pcre2_set_depth_limit(t->context, UINT32_MAX);
	pcre2_set_callout(t->context, check_clock, t);
	return t;
}

void
pattern_scratch_free(struct pattern_scratch *t)
{
	if (t == NULL)
		return;
	pcre2_jit_stack_free(t->stack);
	pcre2_match_data_free(t->found);
	pcre2_match_context_free(t->context);
	free(t);
}

static enum pattern_result
result_of(int rc, const struct pattern_scratch *t, size_t *end)
{
	if (rc < 0)
		return rc == PCRE2_ERROR_NOMATCH ? PATTERN_NO : PATTERN_TOO_LONG;
	if (end != NULL)
		*end = pcre2_get_ovector_pointer(t->found)[1];
	return PATTERN_YES;
}

enum pattern_result
pattern_try(const struct pattern *p, struct pattern_scratch *t, const char *subject, size_t len,
    size_t *end)
{
	size_t limit = UNWATCHED_WORK / (len * len + 1);

	if (p->fast == NULL)
		return pattern_match(p, t, subject, len, INT64_MAX, end);
	if (len > UNWATCHED_MAX)
		return PATTERN_TOO_LONG;
	pcre2_set_match_limit(
	    t->context, (uint32_t)(limit < UNWATCHED_LIMIT ? limit : UNWATCHED_LIMIT));
	return result_of(
	    pcre2_match(p->fast, (PCRE2_SPTR)subject, len, 0, 0, t->found, t->context), t, end);
}

enum pattern_result
pattern_match(const struct pattern *p, struct pattern_scratch *t, const char *subject, size_t len,
    int64_t deadline, size_t *end)
{
	t->deadline = deadline;
	t->work = 0;
	t->step = 1 + len / 16384; /* what is between two callouts may take a look at each byte */
	pcre2_set_match_limit(t->context, UINT32_MAX);
	return result_of(
	    pcre2_match(p->watched, (PCRE2_SPTR)subject, len, 0, 0, t->found, t->context), t, end);
}
