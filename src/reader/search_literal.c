#include "reader/search_literal.h"

#include "reader/pattern.h"

/*
 * A careful reader of expressions: it knows plain characters, escapes that stand for themselves and
 * the shape of groups and classes, and gives up at whatever it does not know. What it takes is at
 * the top level, so that it must be there: not in a group, not before a quantifier that allows
 * none.
 */
struct reading {
	const char *text;
	size_t len, at;
	unsigned flags;
	size_t best, best_len; /* the longest run so far, in `plain` */
	size_t run;	       /* where the run under way begins in `plain` */
	struct buf plain;      /* all runs */
};

static void
end_run(struct reading *r)
{
	size_t n = r->plain.len - r->run;

	if (n > r->best_len) {
		r->best = r->run;
		r->best_len = n;
	}
	r->run = r->plain.len;
}

/* A character that is there, whatever the case. */
static void
take(struct reading *r, char c)
{
	bool caseless = (r->flags & PATTERN_CASELESS) != 0;

	/* k and s have a third form beyond ASCII each (U+212A, U+017F). */
	if (caseless && ((unsigned char)c >= 0x80 || strchr("kKsS", c) != NULL))
		end_run(r);
	else
		buf_putc(&r->plain, c);
}

/* At an opening bracket: to after the one that closes; false: it is not understood. */
static bool
skip_class(struct reading *r)
{
	size_t i = r->at + 1;

	if (i < r->len && r->text[i] == '^')
		i++;
	if (i < r->len && r->text[i] == ']')
		i++;
	for (; i < r->len && r->text[i] != ']'; i++) {
		if (r->text[i] == '[')
			return false; /* [:alpha:], or a bracket */
		if (r->text[i] == '\\') {
			i++;
			if (i < r->len && strchr("QEc", r->text[i]) != NULL)
				return false;
		}
	}
	r->at = i + 1;
	return i < r->len;
}

/*
 * At an opening parenthesis: a group with or without a name, that looks around or repeats another.
 * Not one that sets options, which may go on after it, has a comment or a condition.
 */
static bool
is_known_group(const struct reading *r)
{
	if (r->at + 1 >= r->len || r->text[r->at + 1] == '*')
		return false;
	if (r->text[r->at + 1] != '?')
		return true;
	return r->at + 2 < r->len && r->text[r->at + 2] != '\0' &&
	       strchr(":=!>|<P&R'0123456789", r->text[r->at + 2]) != NULL;
}

/* At an opening parenthesis, likewise. */
static bool
skip_group(struct reading *r)
{
	size_t depth = 0;

	while (r->at < r->len) {
		char c = r->text[r->at];

		if (c == '[') {
			if (!skip_class(r))
				return false;
			continue;
		}
		if (c == '\\') {
			if (r->at + 1 >= r->len || strchr("QEc", r->text[r->at + 1]) != NULL)
				return false;
			r->at++;
		} else if (c == '(') {
			if (!is_known_group(r))
				return false;
			depth++;
		} else if (c == ')' && --depth == 0) {
			r->at++;
			return true;
		}
		r->at++;
	}
	return false;
}

static bool
is_quantifier(char c)
{
	return c == '*' || c == '+' || c == '?' || c == '{';
}

/* At a quantifier: the character before it is there once, or perhaps not at all. */
static bool
skip_quantifier(struct reading *r, bool *optional)
{
	char c = r->text[r->at];

	*optional = c != '+';
	r->at++;
	if (c == '{') {
		while (r->at < r->len && strchr("0123456789,", r->text[r->at]) != NULL)
			r->at++;
		if (r->at >= r->len || r->text[r->at] != '}')
			return false;
		r->at++;
	}
	if (r->at < r->len && strchr("+?", r->text[r->at]) != NULL)
		r->at++;
	return r->at >= r->len || !is_quantifier(r->text[r->at]);
}

/* The last character of the run is quantified: it ends the run, and is not in it if it is optional.
 */
static void
cut_run(struct reading *r, bool optional)
{
	if (optional && r->plain.len > r->run) {
		do
			r->plain.len--;
		while (r->plain.len > r->run &&
		       ((unsigned char)r->plain.data[r->plain.len] & 0xc0) == 0x80);
	}
	end_run(r);
}

/* After \p: a letter, or a name in braces. */
static bool
skip_property(struct reading *r)
{
	const char *close;

	if (r->at < r->len && r->text[r->at] == '{') {
		close = memchr(r->text + r->at, '}', r->len - r->at);
		if (close == NULL)
			return false;
		r->at = (size_t)(close - r->text);
	}
	r->at++;
	return r->at <= r->len;
}

/* An escape at the top level; false: it is not understood. */
static bool
take_escape(struct reading *r)
{
	char c;

	if (r->at + 1 >= r->len)
		return false;
	c = r->text[r->at + 1];
	r->at += 2;
	if (strchr("dDwWsSbBAzZGhHvVRNX", c) != NULL && c != '\0') {
		end_run(r);
		if (c == 'N' && r->at < r->len && r->text[r->at] == '{')
			return false;
		return true;
	}
	if (c == 'p' || c == 'P') {
		end_run(r);
		return skip_property(r);
	}
	if (c == 't' || c == 'n')
		take(r, c == 't' ? '\t' : '\n');
	else if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		 (unsigned char)c >= 0x80 || c == '\0')
		return false;
	else
		take(r, c);
	return true;
}

/* One item of the top level; false: the rest is not understood, or it has alternatives. */
static bool
take_item(struct reading *r)
{
	char c = r->text[r->at];
	bool optional;

	switch (c) {
	case '|':
	case ')': return false;
	case '\\': return take_escape(r);
	case '[': end_run(r); return skip_class(r);
	case '(': end_run(r); return skip_group(r);
	case '.':
	case '^':
	case '$':
		end_run(r);
		r->at++;
		return true;
	default: break;
	}
	if (is_quantifier(c)) {
		if (!skip_quantifier(r, &optional))
			return false;
		cut_run(r, optional);
		return true;
	}
	take(r, c);
	r->at++;
	return true;
}

void
search_literal(struct buf *out, const char *expression, size_t len, unsigned flags)
{
	struct reading r = {expression, len, 0, flags, 0, 0, 0, BUF_INIT};

	if ((flags & PATTERN_LITERAL) != 0)
		while (r.at < r.len)
			take(&r, expression[r.at++]);
	else if ((flags & PATTERN_EXTENDED) == 0)
		while (r.at < r.len && take_item(&r))
			;
	end_run(&r);
	if (r.plain.failed)
		out->failed = true;
	else if (r.at == r.len && r.best_len > 0)
		buf_append(out, r.plain.data + r.best, r.best_len);
	buf_free(&r.plain);
}
