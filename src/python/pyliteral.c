#include "python/pyliteral.h"

#include "python/pyliteral_scalar.h"
#include "json/scan.h"

/* Round brackets are a tuple, or nothing but brackets. A brace is a dict or a set, which is known
 * after its first item. */
enum kind { ROUND, LIST, BRACE, DICT, SET };

struct level {
	enum kind kind;
	bool value;	 /* of a dict: the item is a value, not a key */
	bool comma;	 /* there was one */
	bool some;	 /* items, before this one */
	bool unhashable; /* one of the items before it is */
};

struct reader {
	struct pyliteral_text text;
	size_t depth;
	struct level level[PYLITERAL_DEPTH_MAX];
};

static int
closing(const struct level *l)
{
	return l->kind == ROUND ? ')' : l->kind == LIST ? ']' : '}';
}

/* Before a value of any kind. */
static void
begin(struct reader *r)
{
	if (r->depth > 0) {
		const struct level *l = &r->level[r->depth - 1];

		if (l->some && !l->value)
			pyliteral_put(&r->text, ",");
	}
	if (r->depth <= 1) {
		r->text.item = r->text.at;
		r->text.item_out = r->text.out->len;
	}
}

/* An opening bracket; false where it is too deep. */
static bool
open_bracket(struct reader *r)
{
	char c = *r->text.at++;

	if (r->depth == PYLITERAL_DEPTH_MAX)
		return false;
	if (r->depth > 0 && c == '(')
		pyliteral_be_odd(&r->text);
	pyliteral_put(&r->text, c == '{' ? "{" : "[");
	r->level[r->depth] = (struct level){0};
	r->level[r->depth++].kind = c == '(' ? ROUND : c == '[' ? LIST : BRACE;
	return true;
}

/* A closing bracket, whose container is the value that was read last. */
static bool
close_bracket(struct reader *r)
{
	const struct level *l = &r->level[--r->depth];
	bool tuple = l->kind == ROUND && (l->comma || !l->some);

	r->text.at++;
	pyliteral_put(&r->text, l->kind == ROUND || l->kind == LIST ? "]" : "}");
	/* A bracket around a value is that value, unhashable or not. */
	if (tuple)
		r->text.unhashable = l->unhashable;
	else if (l->kind != ROUND)
		r->text.unhashable = true;
	r->text.string = false;
	/* Arguments are a tuple, or none. */
	return tuple || l->kind != ROUND || r->depth > 0;
}

enum step { NEXT, CLOSED, FAILED };

/* After a value inside a container: what separates it from the next, or the end. */
static enum step
separator(struct reader *r)
{
	struct level *l = &r->level[r->depth - 1];
	bool key = (l->kind == BRACE || l->kind == DICT) && !l->value;

	if (key && !r->text.string)
		pyliteral_be_odd(&r->text);
	if (r->depth == 1 && r->text.odd) {
		r->text.odd = false;
		scan_put_literal(r->text.out, r->text.item, (size_t)(r->text.at - r->text.item));
	}
	pyliteral_skip_space(&r->text);
	if (l->kind == BRACE) {
		l->kind = pyliteral_peek(&r->text) == ':' ? DICT : SET;
		if (l->kind == SET && r->depth == 1)
			return FAILED;
		if (l->kind == SET)
			pyliteral_be_odd(&r->text);
	}
	if ((l->kind == SET || key) && r->text.unhashable)
		return FAILED;
	if (l->kind == DICT && key) {
		l->value = pyliteral_word(&r->text, ":");
		pyliteral_put(&r->text, ":");
		return l->value ? NEXT : FAILED;
	}
	l->value = false;
	l->some = true;
	l->unhashable = l->unhashable || r->text.unhashable;
	if (pyliteral_word(&r->text, ",")) {
		l->comma = true;
		return NEXT;
	}
	return pyliteral_peek(&r->text) == closing(l) && close_bracket(r) ? CLOSED : FAILED;
}

/* The end of the text, after a value that is in no container. */
static bool
at_end(const struct reader *r)
{
	return r->text.at == r->text.end && !r->text.odd;
}

static bool
read_all(struct reader *r)
{
	enum step step;

	for (;;) {
		const struct level *l = r->depth > 0 ? &r->level[r->depth - 1] : NULL;

		if (l != NULL)
			pyliteral_skip_space(&r->text);
		if (l != NULL && !l->value && pyliteral_peek(&r->text) == closing(l)) {
			if (!close_bracket(r))
				return false;
		} else {
			begin(r);
			if (pyliteral_is_next(&r->text, "([{")) {
				if (!open_bracket(r))
					return false;
				continue;
			}
			if (!pyliteral_scalar(&r->text))
				return false;
		}
		do {
			if (r->depth == 0)
				return at_end(r);
			step = separator(r);
		} while (step == CLOSED);
		if (step == FAILED)
			return false;
	}
}

bool
pyliteral_args(struct buf *out, const char *text, size_t len)
{
	struct reader r = {.text = {.at = text, .end = text + len, .out = out}};
	size_t before = out->len;

	if (read_all(&r))
		return true;
	out->len = before;
	return false;
}
