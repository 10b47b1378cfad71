#include "python/pyliteral_scalar.h"

#include "json/scan.h"
#include "json/text.h"

void
pyliteral_put(struct pyliteral_text *t, const char *json)
{
	if (!t->odd)
		buf_puts(t->out, json);
}

static void
put_characters(struct pyliteral_text *t, const char *text, size_t len)
{
	if (!t->odd)
		scan_put_characters(t->out, text, len);
}

bool
pyliteral_be_odd(struct pyliteral_text *t)
{
	if (!t->odd)
		t->out->len = t->item_out;
	t->odd = true;
	return true;
}

bool
pyliteral_word(struct pyliteral_text *t, const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(t->end - t->at) < n || memcmp(t->at, w, n) != 0)
		return false;
	t->at += n;
	return true;
}

/* --- strings and bytes --- */

/* A character by its number in `count` digits, of which the first `least` must be there. */
static bool
numbered(struct pyliteral_text *t, int bits, int least, int count)
{
	uint32_t c = 0;
	char text[4];
	int n = 0;

	for (; n < count && t->at < t->end; n++, t->at++) {
		int digit = text_hex_digit(*t->at);

		if (digit < 0 || digit >= 1 << bits)
			break;
		c = c << bits | (uint32_t)digit;
	}
	if (n < least || c > 0x10ffff)
		return false;
	put_characters(t, text, text_encode(text, c));
	return true;
}

/* After a backslash (CPython, "String and Bytes literals"). */
static bool
escape(struct pyliteral_text *t, bool bytes)
{
	static const char letters[] = "abfnrtv'\"\\", meaning[] = "\a\b\f\n\r\t\v'\"\\";
	int c = pyliteral_peek(t);
	const char *letter = c > 0 ? strchr(letters, c) : NULL;

	if (c >= '0' && c <= '7')
		return numbered(t, 3, 1, 3);
	if (letter != NULL) {
		put_characters(t, &meaning[letter - letters], 1);
		t->at++;
		return true;
	}
	if (c == 'x' || (!bytes && (c == 'u' || c == 'U'))) {
		int digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;

		t->at++;
		return numbered(t, 4, digits, digits);
	}
	if (c == 'N' && !bytes)
		return false;
	/* Of what is no escape the backslash stays. */
	put_characters(t, "\\", 1);
	return true;
}

/* Whether a byte of a string stands for itself. */
static bool
is_plain(unsigned char c, bool bytes)
{
	/* C0 begins U+0000 (value.h), which no source may hold. */
	return c != '\n' && c != '\r' && c != 0xc0 && (c < 0x80 || !bytes);
}

/* From its quote on. */
static bool
quoted(struct pyliteral_text *t, bool raw, bool bytes)
{
	const char *run;
	char quote = *t->at++;

	if (bytes)
		pyliteral_be_odd(t);
	pyliteral_put(t, "\"");
	if (pyliteral_peek(t) == quote && t->end - t->at > 1 && t->at[1] == quote)
		return false;
	for (run = t->at; t->at < t->end && *t->at != quote;) {
		if (!is_plain((unsigned char)*t->at, bytes))
			return false;
		if (*t->at != '\\') {
			t->at++;
			continue;
		}
		if (raw) {
			/* It keeps the quote after it from being the end, and stays. */
			if (t->end - ++t->at > 0 && is_plain((unsigned char)*t->at, bytes))
				t->at++;
			continue;
		}
		put_characters(t, run, (size_t)(t->at - run));
		t->at++;
		if (!escape(t, bytes))
			return false;
		run = t->at;
	}
	put_characters(t, run, (size_t)(t->at - run));
	pyliteral_put(t, "\"");
	t->string = !bytes;
	if (t->at == t->end)
		return false;
	t->at++;
	return true;
}

/* A string with or without prefix; false and t->at where it was, unless there is one. */
static bool
is_string(struct pyliteral_text *t, bool *raw, bool *bytes)
{
	const char *at = t->at;
	bool unicode = false;

	*raw = *bytes = false;
	for (; at < t->end; at++) {
		int c = *at | 0x20;
		bool *prefix = c == 'r' ? raw : c == 'b' ? bytes : c == 'u' ? &unicode : NULL;

		if (prefix == NULL || *prefix || unicode || (c == 'u' && at > t->at))
			break;
		*prefix = true;
	}
	if (at == t->end || (*at != '\'' && *at != '"'))
		return false;
	t->at = at;
	return true;
}

/* --- numbers --- */

/* Digits, with single underscores between them; false when there are none. */
static bool
digits(struct pyliteral_text *t, int base)
{
	const char *start = t->at;

	while (t->at < t->end) {
		const char *at = t->at;
		int digit;

		if (*at == '_' && at > start && t->end - at > 1)
			at++;
		digit = text_hex_digit(*at);
		if (digit < 0 || digit >= base)
			break;
		t->at = at + 1;
	}
	return t->at > start;
}

/* A decimal number; one that begins with a zero and is an integer has zeros only. */
static bool
decimal(struct pyliteral_text *t, bool *imaginary)
{
	const char *start = t->at;
	bool whole = digits(t, 10), integer = true;

	if (pyliteral_peek(t) == '.') {
		integer = false;
		t->at++;
		if (!digits(t, 10) && !whole)
			return false;
	}
	if (t->at == start)
		return false;
	if (pyliteral_is_next(t, "eE")) {
		integer = false;
		t->at++;
		if (pyliteral_is_next(t, "+-"))
			t->at++;
		if (!digits(t, 10))
			return false;
	}
	*imaginary = pyliteral_is_next(t, "jJ");
	if (*imaginary)
		t->at++;
	if (!integer || *imaginary || *start != '0')
		return true;
	while (start < t->at && (*start == '0' || *start == '_'))
		start++;
	return start == t->at;
}

/* A number without sign. */
static bool
magnitude(struct pyliteral_text *t, bool *imaginary)
{
	int base = 0;

	*imaginary = false;
	if (pyliteral_word(t, "inf") || pyliteral_word(t, "nan")) {
		*imaginary = pyliteral_word(t, "j");
		return true;
	}
	if (pyliteral_peek(t) == '0' && t->end - t->at > 1) {
		int c = t->at[1] | 0x20;

		base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
	}
	if (base == 0)
		return decimal(t, imaginary);
	t->at += 2;
	if (pyliteral_peek(t) == '_')
		t->at++;
	return digits(t, base);
}

/* Writes a number if JSON, or Python's json, has it. */
static bool
put_number(struct pyliteral_text *t, const char *text, size_t len)
{
	struct scan p = {.body = text, .len = len};

	if (len == 3 && memcmp(text, "nan", 3) == 0)
		p = (struct scan){.body = "NaN", .len = 3};
	else if (len == 3 && memcmp(text, "inf", 3) == 0)
		p = (struct scan){.body = "Infinity", .len = 8};
	else if (len == 4 && memcmp(text, "-inf", 4) == 0)
		p = (struct scan){.body = "-Infinity", .len = 9};
	return t->odd || (scan_value(&p, t->out) && p.at == p.len) || pyliteral_be_odd(t);
}

/* A number with its sign, or a complex one in two parts. */
static bool
number(struct pyliteral_text *t)
{
	const char *start = t->at, *after;
	bool imaginary;

	if (pyliteral_is_next(t, "+-")) {
		t->at++;
		pyliteral_skip_space(t);
	}
	if (!magnitude(t, &imaginary))
		return false;
	if (imaginary)
		return pyliteral_be_odd(t);
	after = t->at;
	pyliteral_skip_space(t);
	if (!pyliteral_is_next(t, "+-")) {
		t->at = after;
		return put_number(t, start, (size_t)(after - start));
	}
	t->at++;
	pyliteral_skip_space(t);
	return magnitude(t, &imaginary) && imaginary && pyliteral_be_odd(t);
}

/* --- values --- */

bool
pyliteral_scalar(struct pyliteral_text *t)
{
	bool raw, bytes;

	t->string = t->unhashable = false;
	if (is_string(t, &raw, &bytes))
		return quoted(t, raw, bytes);
	if (pyliteral_word(t, "None"))
		pyliteral_put(t, "null");
	else if (pyliteral_word(t, "True"))
		pyliteral_put(t, "true");
	else if (pyliteral_word(t, "False"))
		pyliteral_put(t, "false");
	else if (pyliteral_word(t, "..."))
		pyliteral_be_odd(t); /* a list within itself: [[...]] */
	else if (pyliteral_word(t, "set")) {
		pyliteral_be_odd(t);
		t->unhashable = true;
		pyliteral_skip_space(t);
		if (!pyliteral_word(t, "("))
			return false;
		pyliteral_skip_space(t);
		return pyliteral_word(t, ")");
	} else {
		return number(t);
	}
	return true;
}
