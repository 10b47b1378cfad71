#include "reader/search_inside.h"
#include "reader/search_literal.h"
#include "json/text.h"

#include <stdlib.h>

/* Compiled expressions, all together. */
#define MEMORY_MAX ((size_t)1024 * 1024)

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
set_needle(struct search_part *part, const char *text, size_t len, bool caseless)
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
compile_text(struct search_part *part, const struct search_term *term, size_t *at, struct buf *why)
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
compile_expression(
    struct search_part *part, const struct search_term *term, size_t *at, struct buf *why)
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
compile_logger(
    struct search_part *part, const struct search_term *term, size_t *at, struct buf *why)
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
compile_term(struct search_part *part, const struct search_term *term, size_t *at, struct buf *why)
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
cost(const struct search_part *part)
{
	if (part->kind == SEARCH_EXPRESSION)
		return 3;
	if (part->pattern != NULL)
		return 2;
	return part->kind == SEARCH_LOGGER;
}

static void
insert(struct search *s, const struct search_part *part)
{
	size_t i = s->count++;

	for (; i > 0 && cost(&s->parts[i - 1]) > cost(part); i--)
		s->parts[i] = s->parts[i - 1];
	s->parts[i] = *part;
}

static void
free_part(struct search_part *part)
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
		struct search_part part = {0};
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
