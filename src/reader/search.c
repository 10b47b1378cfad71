#include "reader/search.h"

#include "base/clock.h"
#include "reader/pattern.h"
#include "reader/search_literal.h"
#include "reader/search_needle.h"
#include "reader/search_parse.h"
#include "json/text.h"

#include <stdlib.h>

/* What an entry may take in all. */
#define ENTRY_NS (CLOCK_NS_PER_SECOND)

/* Compiled expressions, all together. */
#define MEMORY_MAX ((size_t)1024 * 1024)

/* A term, ready to be looked for: by its needle alone, or by its pattern. */
struct part {
	enum search_kind kind;
	bool negated;
	char *text;		     /* of the needle; owned */
	struct search_needle needle; /* in whatever matches; len 0: there is none */
	struct pattern *pattern;     /* NULL: the needle is all of it */
};

struct search {
	struct part parts[SEARCH_TERMS_MAX]; /* the cheapest first */
	size_t count;
	const struct search_needle *needle; /* what blocks are searched for; NULL: nothing */
	bool wants_logger;
};

struct search_scratch {
	struct pattern_scratch *pattern;
	int64_t until; /* when the entry at hand has had its time; 0: nobody has asked */
};

static bool
is_ascii(const struct buf *text)
{
	for (size_t i = 0; i < text->len; i++)
		if ((unsigned char)text->data[i] >= 0x80)
			return false;
	return true;
}

enum case_rule { CASE_COUNTS, CASE_IGNORED, CASE_UNKNOWN };

/* Case counts when a capital letter is in a word. */
static enum case_rule
case_rule(const struct buf *text)
{
	static const char CAPITALS[] = "[\\p{Lu}\\p{Lt}]";
	struct pattern *capitals;
	struct pattern_scratch *scratch;
	enum pattern_result result = PATTERN_TOO_LONG;
	size_t at;

	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] >= 'A' && text->data[i] <= 'Z')
			return CASE_COUNTS;
	if (is_ascii(text))
		return CASE_IGNORED;
	capitals = pattern_new(CAPITALS, strlen(CAPITALS), 0, &at, NULL);
	scratch = pattern_scratch_new();
	if (capitals != NULL && scratch != NULL)
		result = pattern_match(capitals, scratch, text->data, text->len, INT64_MAX, NULL);
	pattern_scratch_free(scratch);
	pattern_free(capitals);
	if (result == PATTERN_TOO_LONG)
		return CASE_UNKNOWN;
	return result == PATTERN_YES ? CASE_COUNTS : CASE_IGNORED;
}

static bool
set_needle(struct part *part, const char *text, size_t len, bool caseless)
{
	if (len == 0)
		return true;
	part->text = malloc(len);
	if (part->text == NULL)
		return false;
	memcpy(part->text, text, len);
	search_needle_set(&part->needle, part->text, len, caseless);
	return true;
}

/* A word or phrase; *at is SIZE_MAX when memory runs out. */
static bool
compile_text(struct part *part, const struct search_term *term, size_t *at, struct buf *why)
{
	enum case_rule rule = case_rule(&term->text);
	struct buf literal = BUF_INIT;
	bool set;

	*at = SIZE_MAX;
	if (rule == CASE_UNKNOWN)
		return false;
	if (rule == CASE_COUNTS || is_ascii(&term->text))
		return set_needle(part, term->text.data, term->text.len, rule == CASE_IGNORED);
	search_literal(
	    &literal, term->text.data, term->text.len, PATTERN_LITERAL | PATTERN_CASELESS);
	set = !literal.failed && set_needle(part, literal.data, literal.len, true);
	buf_free(&literal);
	if (!set)
		return false;
	part->pattern = pattern_new(
	    term->text.data, term->text.len, PATTERN_LITERAL | PATTERN_CASELESS, at, why);
	return part->pattern != NULL;
}

static bool
compile_expression(struct part *part, const struct search_term *term, size_t *at, struct buf *why)
{
	struct buf literal = BUF_INIT;
	bool set;

	part->pattern = pattern_new(term->text.data, term->text.len, term->flags, at, why);
	if (part->pattern == NULL)
		return false;
	*at = SIZE_MAX;
	search_literal(&literal, term->text.data, term->text.len, term->flags);
	set = !literal.failed &&
	      set_needle(part, literal.data, literal.len, (term->flags & PATTERN_CASELESS) != 0);
	buf_free(&literal);
	return set;
}

/* The name as the entry has it: these characters need no escape in any format. */
static bool
is_plain_name(const struct buf *name)
{
	for (size_t i = 0; i < name->len; i++) {
		char c = name->data[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '.' && c != '_' && c != '-')
			return false;
	}
	return true;
}

static bool
compile_logger(struct part *part, const struct search_term *term, size_t *at, struct buf *why)
{
	enum case_rule rule = case_rule(&term->text);
	unsigned flags =
	    PATTERN_LITERAL | PATTERN_ANCHORED | (rule == CASE_IGNORED ? PATTERN_CASELESS : 0);

	*at = SIZE_MAX;
	if (rule == CASE_UNKNOWN)
		return false;
	if (is_plain_name(&term->text))
		return set_needle(part, term->text.data, term->text.len, rule == CASE_IGNORED);
	part->pattern = pattern_new(term->text.data, term->text.len, flags, at, why);
	return part->pattern != NULL;
}

static bool
compile_term(struct part *part, const struct search_term *term, size_t *at, struct buf *why)
{
	part->kind = term->kind;
	part->negated = term->negated;
	switch (term->kind) {
	case SEARCH_EXPRESSION: return compile_expression(part, term, at, why);
	case SEARCH_LOGGER: return compile_logger(part, term, at, why);
	case SEARCH_TEXT: break;
	}
	return compile_text(part, term, at, why);
}

/* What comes first is what costs least. */
static int
cost(const struct part *part)
{
	if (part->kind == SEARCH_EXPRESSION)
		return 3;
	if (part->pattern != NULL)
		return 2;
	return part->kind == SEARCH_LOGGER;
}

static void
insert(struct search *s, const struct part *part)
{
	size_t i = s->count++;

	for (; i > 0 && cost(&s->parts[i - 1]) > cost(part); i--)
		s->parts[i] = s->parts[i - 1];
	s->parts[i] = *part;
}

static void
free_part(struct part *part)
{
	pattern_free(part->pattern);
	free(part->text);
}

/* What blocks are searched for: the rarest of what must be there. */
static void
choose_needle(struct search *s)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct search_needle *n = &s->parts[i].needle;

		if (s->parts[i].negated || n->len == 0)
			continue;
		if (s->needle == NULL || search_needle_rarity(n) > search_needle_rarity(s->needle))
			s->needle = n;
	}
}

/* All terms of q; false: as search_compile() says. */
static bool
compile(
    struct search *s, struct search_parse *p, struct search_term *term, size_t *at, struct buf *why)
{
	size_t memory = 0;

	for (;;) {
		struct part part = {0};
		enum search_parse_result result = search_parse_next(p, term, why);

		if (result == SEARCH_PARSE_END)
			return true;
		*at = p->at;
		if (result == SEARCH_PARSE_WRONG)
			return false;
		*at = p->len;
		if (term->text.failed)
			return false;
		if (s->count == SEARCH_TERMS_MAX) {
			*at = term->at;
			buf_printf(why, "there are more than %d terms", SEARCH_TERMS_MAX);
			return false;
		}
		if (!compile_term(&part, term, at, why)) {
			*at = *at == SIZE_MAX ? p->len : search_parse_origin(p, term, *at);
			free_part(&part);
			return false;
		}
		insert(s, &part);
		s->wants_logger |= part.kind == SEARCH_LOGGER;
		memory += part.pattern != NULL ? pattern_size(part.pattern) : 0;
		if (memory > MEMORY_MAX) {
			*at = term->at;
			buf_puts(why, "the expressions are too large");
			return false;
		}
	}
}

/* The first byte that is not UTF-8's, or len. */
static size_t
utf8_length(const char *q, size_t len)
{
	size_t at = 0, n;

	while (at < len &&
	       (n = text_utf8_sequence((const unsigned char *)q + at, len - at, false)) > 0)
		at += n;
	return at;
}

struct search *
search_compile(const char *q, size_t len, size_t *at, struct buf *why)
{
	struct search *s;
	struct search_parse p = {q, q != NULL ? len : 0, 0};
	struct search_term term = {0};
	bool ok;

	*at = SEARCH_MAX;
	if (p.len > SEARCH_MAX) {
		buf_printf(why, "it is longer than %d bytes", SEARCH_MAX);
		return NULL;
	}
	*at = utf8_length(q, p.len);
	if (*at < p.len) {
		buf_puts(why, "it is not UTF-8");
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	ok = compile(s, &p, &term, at, why);
	buf_free(&term.text);
	if (!ok) {
		search_free(s);
		return NULL;
	}
	choose_needle(s);
	return s;
}

void
search_free(struct search *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		free_part(&s->parts[i]);
	free(s);
}

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
has_needle(const struct part *part, const char *entry, size_t len)
{
	return search_needle_find(&part->needle, entry, 0, len) < len;
}

/* An entry's time begins when an expression asks for it. */
static enum pattern_result
match_pattern(const struct part *part, struct search_scratch *t, const char *text, size_t len,
    int64_t deadline, size_t *end)
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
match_logger(
    const struct part *part, struct search_scratch *t, struct entry_span logger, int64_t deadline)
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
match(const struct search *s, const struct part *part, struct search_scratch *t, const char *entry,
    size_t len, struct entry_span logger, int64_t deadline)
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
		const struct part *part = &s->parts[i];
		enum pattern_result result = match(s, part, t, entry, len, logger, deadline);

		if (result == PATTERN_TOO_LONG)
			return SEARCH_TOO_LONG;
		if ((result == PATTERN_YES) == part->negated)
			return SEARCH_NO;
	}
	return SEARCH_YES;
}
