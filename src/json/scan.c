#include "json/scan.h"

#include "json/text.h"

#include <stdint.h>

static bool
fail(struct scan *p, const char *what)
{
	p->what = what;
	return false;
}

/* The code unit of the escape \uXXXX at `at`, or -1. */
static long
code_unit(const struct scan *p, size_t at)
{
	long unit = 0;

	if (p->len - at < 6 || p->body[at] != '\\' || p->body[at + 1] != 'u')
		return -1;
	for (size_t i = at + 2; i < at + 6; i++) {
		int digit = text_hex_digit(p->body[i]);

		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

/* An escape, copied for cJSON to decode, or decoded here where cJSON can not. */
static bool
copy_escape(struct scan *p, struct buf *out)
{
	long unit, low;

	p->escapes++;
	if (p->len - p->at < 2) {
		p->at = p->len;
		return fail(p, "the text ends within a string");
	}
	if (p->body[p->at + 1] != 'u') {
		if (strchr("\"\\/bfnrt", p->body[p->at + 1]) == NULL || p->body[p->at + 1] == '\0')
			return fail(p, "no such escape in a string");
		p->odd += p->body[p->at + 1] == '/';
		buf_append(out, p->body + p->at, 2);
		p->at += 2;
		return true;
	}
	p->odd++;
	unit = code_unit(p, p->at);
	if (unit < 0)
		return fail(p, "\\u must be followed by four hexadecimal digits");
	if (unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
		text_put(out, (uint32_t)unit);
	} else if (unit >= 0xd800 && unit <= 0xdbff) {
		low = code_unit(p, p->at + 6);
		if (low >= 0xdc00 && low <= 0xdfff) {
			buf_append(out, p->body + p->at, 12);
			p->at += 12;
			return true;
		}
		text_put(out, (uint32_t)unit);
	} else {
		buf_append(out, p->body + p->at, 6);
	}
	p->at += 6;
	return true;
}

/* Copies the bytes of a string that stand for themselves, from p->at on: eight at a time, which
 * saves a tenth of the instructions from a body to its entries. */
static void
copy_plain(struct scan *p, struct buf *out)
{
	const char *at = p->body + p->at, *end = p->body + p->len;
	char *to = out->data + out->len, *limit = out->data + out->cap;

	while (end - at >= 8) {
		uint64_t word, special;

		if (limit - to < 8) {
			out->len = (size_t)(to - out->data);
			if (!buf_reserve(out, 4096))
				return;
			to = out->data + out->len;
			limit = out->data + out->cap;
		}
		memcpy(&word, at, 8);
		memcpy(to, &word, 8);
		special = text_special_bytes(word);
		if (special != 0) {
			size_t n = text_plain_bytes(special);

			at += n;
			to += n;
			break;
		}
		at += 8;
		to += 8;
	}
	out->len = (size_t)(to - out->data);
	/* What is left of less than a word; nothing, mostly. */
	while (at < end && text_is_plain((unsigned char)*at))
		buf_putc(out, *at++);
	p->at = (size_t)(at - p->body);
}

static bool
is_unsafe(const char *sequence, size_t len)
{
	return text_unsafe(text_next(&sequence, sequence + len));
}

static bool
copy_string(struct scan *p, struct buf *out)
{
	const unsigned char *body = (const unsigned char *)p->body;

	buf_putc(out, '"');
	p->at++;
	for (;;) {
		size_t n;

		copy_plain(p, out);
		if (out->failed)
			return fail(p, NULL);
		if (p->at >= p->len)
			return fail(p, "the text ends within a string");
		if (body[p->at] == '"')
			break;
		if (body[p->at] == '\\') {
			if (!copy_escape(p, out))
				return false;
			continue;
		}
		if (body[p->at] < 0x20)
			return fail(p, "a control character in a string must be escaped");
		n = text_utf8_sequence(body + p->at, p->len - p->at, true);
		if (n == 0)
			return fail(p, "not UTF-8");
		p->odd += is_unsafe(p->body + p->at, n);
		buf_append(out, p->body + p->at, n);
		p->at += n;
	}
	buf_putc(out, '"');
	p->at++;
	return true;
}

static size_t
digits(struct scan *p)
{
	size_t start = p->at;

	while (p->at < p->len && p->body[p->at] >= '0' && p->body[p->at] <= '9')
		p->at++;
	return p->at - start;
}

/* Moves over `word` if it stands there. */
static bool
word(struct scan *p, const char *w)
{
	size_t n = strlen(w);

	if (p->len - p->at < n || memcmp(p->body + p->at, w, n) != 0)
		return false;
	p->at += n;
	return true;
}

static bool
scan_number(struct scan *p)
{
	size_t integer_at;

	if (word(p, "NaN") || word(p, "Infinity") || word(p, "-Infinity")) {
		p->odd++;
		return true;
	}
	if (p->body[p->at] == '-')
		p->at++;
	integer_at = p->at;
	if (digits(p) == 0)
		return fail(p, "expected a value");
	if (p->body[integer_at] == '0' && p->at - integer_at > 1) {
		p->at = integer_at;
		return fail(p, "a number with a leading zero");
	}
	if (p->at < p->len && p->body[p->at] == '.') {
		p->at++;
		if (digits(p) == 0)
			return fail(p, "a digit must follow the decimal point");
	}
	if (p->at < p->len && (p->body[p->at] == 'e' || p->body[p->at] == 'E')) {
		p->at++;
		if (p->at < p->len && (p->body[p->at] == '+' || p->body[p->at] == '-'))
			p->at++;
		if (digits(p) == 0)
			return fail(p, "a digit must follow the exponent");
	}
	return true;
}

static bool
copy_number(struct scan *p, struct buf *out)
{
	static const char opening[] = {'"', SCAN_NUMBER};
	size_t start = p->at;

	if (!scan_number(p))
		return false;
	buf_append(out, opening, sizeof(opening));
	buf_append(out, p->body + start, p->at - start);
	buf_putc(out, '"');
	return true;
}

/* A value that is no container. */
static bool
copy_scalar(struct scan *p, struct buf *out, int c)
{
	size_t start = p->at;

	switch (c) {
	case '"': return copy_string(p, out);
	case 't':
	case 'f':
	case 'n':
		if (!word(p, "true") && !word(p, "false") && !word(p, "null"))
			return fail(p, "expected a value");
		buf_append(out, p->body + start, p->at - start);
		return true;
	case -1: return fail(p, "the text ends where a value is expected");
	case '-':
	case 'N':
	case 'I': return copy_number(p, out);
	default:
		if (c < '0' || c > '9')
			return fail(p, "expected a value");
		return copy_number(p, out);
	}
}

/* A member of the outermost object on its way. */
struct member {
	size_t start;	       /* in the output, of its comma or its name */
	size_t name, name_len; /* in the body, without the quotes */
	size_t escapes;	       /* in the name */
	size_t odd;	       /* before the name */
	size_t value;	       /* in the body */
};

/* The name of a member and its colon; and the comma before it, unless it is the first. */
static bool
copy_name(struct scan *p, struct buf *out, struct member *m)
{
	m->start = out->len;
	if (scan_peek(p) != '"')
		return fail(p, "expected a name in double quotes");
	if (out->len > 0 && out->data[out->len - 1] != '{')
		buf_putc(out, ',');
	m->name = p->at + 1;
	m->escapes = p->escapes;
	m->odd = p->odd;
	if (!copy_string(p, out))
		return false;
	m->escapes = p->escapes - m->escapes;
	m->name_len = p->at - m->name - 1;
	if (scan_peek(p) != ':')
		return fail(p, "expected ':'");
	buf_putc(out, ':');
	p->at++;
	scan_peek(p);
	m->value = p->at;
	return true;
}

/* After the value of a member of the outermost object: takes it back if it can be left out. */
static void
end_member(const struct scan *p, struct buf *out, const struct member *m)
{
	struct value v = {VALUE_NUMBER, p->body + m->value, p->at - m->value, NULL};

	/* A number's text needs an end; where the body has none, it is refused anyway. */
	if (p->skip == NULL || p->at == p->len)
		return;
	switch (*v.text) {
	case '"':
		v.type = VALUE_STRING;
		v.text++;
		v.len -= 2;
		break;
	case '{': v.type = VALUE_OBJECT; break;
	case '[': v.type = VALUE_ARRAY; break;
	case 'n': v.type = VALUE_NULL; break;
	case 't': v.type = VALUE_TRUE; break;
	case 'f': v.type = VALUE_FALSE; break;
	default: break;
	}
	if (p->skip(p->context, p->body + m->name, m->name_len, &v, p->odd == m->odd) &&
	    m->escapes == 0)
		out->len = m->start;
}

enum scan_step
scan_next(struct scan *p, char closing)
{
	int c = scan_peek(p);

	if (c == closing || c == ',') {
		p->at++;
		return c == ',' ? SCAN_ELEMENT : SCAN_CLOSED;
	}
	p->what = c < 0		   ? "the text ends within a container"
		  : closing == '}' ? "expected ',' or '}'"
				   : "expected ',' or ']'";
	return SCAN_FAILED;
}

bool
scan_value(struct scan *p, struct buf *out)
{
	char closing[JSON_DEPTH_MAX]; /* the bracket that ends each open container */
	struct member outer = {0}, inner, *m;
	size_t depth = 0;
	enum scan_step step;
	int c;

	for (;;) {
		c = scan_peek(p);
		if (c == '{' || c == '[') {
			if (depth == JSON_DEPTH_MAX)
				return fail(p, "nested too deeply (more than 1000 levels)");
			closing[depth++] = c == '{' ? '}' : ']';
			buf_putc(out, (char)c);
			p->at++;
			m = depth == 1 ? &outer : &inner;
			if (scan_peek(p) != closing[depth - 1]) {
				if (c == '{' && !copy_name(p, out, m))
					return false;
				continue;
			}
		} else if (!copy_scalar(p, out, c)) {
			return false;
		} else if (depth == 1 && outer.value > 0) {
			end_member(p, out, &outer);
		}
		/* After a value: close containers until a comma asks for another value. */
		step = SCAN_CLOSED;
		while (depth > 0 && (step = scan_next(p, closing[depth - 1])) == SCAN_CLOSED) {
			buf_putc(out, closing[--depth]);
			if (depth == 1 && outer.value > 0)
				end_member(p, out, &outer);
		}
		if (step == SCAN_FAILED)
			return false;
		if (depth == 0)
			break;
		if (closing[depth - 1] == ']')
			buf_putc(out, ',');
		else if (!copy_name(p, out, depth == 1 ? &outer : &inner))
			return false;
	}
	if (out->failed)
		return fail(p, NULL);
	return true;
}
