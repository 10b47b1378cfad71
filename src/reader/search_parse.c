#include "reader/search_parse.h"

#include "reader/pattern.h"

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static enum search_parse_result
wrong(struct search_parse *p, size_t at, struct buf *why, const char *reason)
{
	p->at = at;
	buf_puts(why, reason);
	return SEARCH_PARSE_WRONG;
}

/* How many bytes of q a byte of a text in quotes or slashes takes: 2 when an escape is left out. */
static size_t
escape_length(const struct search_parse *p, size_t at, char delimiter)
{
	if (p->q[at] != '\\' || at + 1 >= p->len)
		return 1;
	return p->q[at + 1] == delimiter || (p->q[at + 1] == '\\' && delimiter == '"') ? 2 : 1;
}

/* From after the delimiter to after the one that closes; false: there is none. */
static bool
take_delimited(struct search_parse *p, char delimiter, struct buf *text)
{
	while (p->at < p->len && p->q[p->at] != delimiter) {
		size_t n = escape_length(p, p->at, delimiter);

		if (n == 1 && p->q[p->at] == '\\' && p->at + 1 < p->len)
			buf_putc(text, p->q[p->at++]); /* another escape stays as it is */
		buf_putc(text, p->q[p->at + n - 1]);
		p->at += n;
	}
	if (p->at >= p->len)
		return false;
	p->at++;
	return true;
}

static void
take_word(struct search_parse *p, struct buf *text)
{
	size_t begin = p->at;

	while (p->at < p->len && !is_space(p->q[p->at]))
		p->at++;
	buf_append(text, p->q + begin, p->at - begin);
}

/* A word, or a text in quotes. */
static enum search_parse_result
take_text(struct search_parse *p, struct search_term *term, struct buf *why)
{
	size_t begin = p->at;

	if (p->at >= p->len || p->q[p->at] != '"') {
		term->at = p->at;
		take_word(p, &term->text);
		return SEARCH_PARSE_TERM;
	}
	term->at = ++p->at;
	if (!take_delimited(p, '"', &term->text))
		return wrong(p, begin, why, "this quote is not closed");
	if (term->text.len == 0 && !term->text.failed)
		return wrong(p, begin, why, "there is nothing between these quotes");
	if (p->at < p->len && !is_space(p->q[p->at]))
		return wrong(p, p->at, why, "after the closing quote there must be a space");
	return SEARCH_PARSE_TERM;
}

/*
 * Verbs, (*COMMIT) and the like, are about the search and not about what is found: they would turn
 * off what bounds it.
 */
static bool
find_verb(const struct buf *text, size_t *at)
{
	for (size_t i = 0; i + 2 < text->len; i++) {
		if (text->data[i] == '\\') {
			i += text->data[i + 1] == 'c' ? 2 : 1; /* \c\ is one escape */
		} else if (text->data[i] == '(' && text->data[i + 1] == '*') {
			char c = text->data[i + 2];

			*at = i;
			if ((c >= 'A' && c <= 'Z') || c == ':')
				return true;
		}
	}
	return false;
}

static enum search_parse_result
take_expression(struct search_parse *p, struct search_term *term, struct buf *why)
{
	size_t begin = p->at, verb;

	term->kind = SEARCH_EXPRESSION;
	term->at = ++p->at;
	if (!take_delimited(p, '/', &term->text))
		return wrong(p, begin, why,
		    "this expression is not closed by a slash; to search for a slash put it in "
		    "quotes");
	if (term->text.len == 0 && !term->text.failed)
		return wrong(p, begin, why, "there is nothing between these slashes");
	for (; p->at < p->len && !is_space(p->q[p->at]); p->at++) {
		switch (p->q[p->at]) {
		case 'i': term->flags |= PATTERN_CASELESS; break;
		case 's': term->flags |= PATTERN_DOTALL; break;
		case 'x': term->flags |= PATTERN_EXTENDED; break;
		case 'm': break; /* always */
		default:
			return wrong(p, p->at, why,
			    "after an expression there may be the flags i, m, s, x and a space; to "
			    "search for a slash put it in quotes, or write \\/ in an expression");
		}
	}
	if (find_verb(&term->text, &verb))
		return wrong(
		    p, search_parse_origin(p, term, verb), why, "verbs can't be used here");
	return SEARCH_PARSE_TERM;
}

static bool
starts_with(const struct search_parse *p, const char *word)
{
	size_t n = strlen(word);

	return p->len - p->at >= n && memcmp(p->q + p->at, word, n) == 0;
}

enum search_parse_result
search_parse_next(struct search_parse *p, struct search_term *term, struct buf *why)
{
	size_t begin;
	enum search_parse_result result;

	buf_clear(&term->text, SIZE_MAX);
	term->kind = SEARCH_TEXT;
	term->negated = false;
	term->flags = 0;
	while (p->at < p->len && is_space(p->q[p->at]))
		p->at++;
	if (p->at >= p->len)
		return SEARCH_PARSE_END;
	begin = p->at;
	if (p->q[p->at] == '-') {
		term->negated = true;
		p->at++;
		if (p->at >= p->len || is_space(p->q[p->at]))
			return wrong(p, begin, why,
			    "after a minus there must be what is not to be found; to search for a "
			    "minus put it in quotes");
	}
	if (p->q[p->at] == '/')
		return take_expression(p, term, why);
	if (starts_with(p, "logger:")) {
		term->kind = SEARCH_LOGGER;
		p->at += strlen("logger:");
	}
	result = take_text(p, term, why);
	if (result == SEARCH_PARSE_TERM && term->text.len == 0 && !term->text.failed)
		return wrong(p, term->at, why, "after logger: there must be a name");
	return result;
}

size_t
search_parse_origin(const struct search_parse *p, const struct search_term *term, size_t at)
{
	size_t origin = term->at;
	char delimiter = (char)(origin > 0 ? p->q[origin - 1] : ' ');

	if (delimiter != '"' && delimiter != '/')
		return origin + at;
	for (size_t done = 0; done < at && origin < p->len; done++) {
		size_t n = escape_length(p, origin, delimiter);

		/* A backslash that stays hides the byte after it. */
		if (n == 1 && p->q[origin] == '\\' && at - done > 1) {
			done++;
			origin++;
		}
		origin += n;
	}
	return origin < p->len ? origin : p->len;
}
