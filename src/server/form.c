#include "server/form.h"

#include "python/pyliteral.h"
#include "record/record.h"
#include "json/scan.h"
#include "json/text.h"

#include <stdint.h>

/* Memory that is kept between bodies. */
#define KEEP_BYTES (16 * 1024)

/* --- the encoding --- */

struct decoder {
	const char *body;
	size_t len;
	size_t at;
	const char *what; /* after a failure, in words; NULL: out of memory */
};

/* The byte at d->at, which is moved to the next; -1 where a `%` is none. */
static int
next_byte(struct decoder *d)
{
	char c = d->body[d->at++];
	int high, low;

	if (c != '%')
		return c == '+' ? ' ' : (unsigned char)c;
	high = d->at < d->len ? text_hex_digit(d->body[d->at]) : -1;
	low = d->len - d->at > 1 ? text_hex_digit(d->body[d->at + 1]) : -1;
	if (high < 0 || low < 0) {
		d->at--;
		return -1;
	}
	d->at += 2;
	return high * 16 + low;
}

/*
 * How many of len bytes are text (value.h) from the first on: len when all are. They hold no zero
 * byte; C0 80 is one that came.
 */
static size_t
good_text(const char *bytes, size_t len)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t at = 0, n;

	while (at < len) {
		n = p[at] < 0x80    ? 1
		    : p[at] == 0xc0 ? 2
				    : text_utf8_sequence(p + at, len - at, true);
		if (n == 0)
			break;
		at += n;
	}
	return at;
}

static bool
fail(struct decoder *d, size_t at, const char *what)
{
	d->at = at;
	d->what = what;
	return false;
}

/* Decodes up to the next `&`, or `=` in a name, or the end, into *out. */
static bool
decode(struct decoder *d, bool name, struct buf *out)
{
	size_t start = d->at, good;

	buf_clear(out, KEEP_BYTES);
	while (d->at < d->len && d->body[d->at] != '&' && !(name && d->body[d->at] == '=')) {
		size_t here = d->at;
		int byte = next_byte(d);

		if (byte < 0)
			return fail(d, here, "two hexadecimal digits must follow the %");
		if (byte == 0xc0) /* which is in no UTF-8, but begins U+0000 in a text */
			return fail(d, here, "not UTF-8");
		if (byte == 0)
			buf_append(out, "\xc0\x80", 2);
		else
			buf_putc(out, (char)byte);
	}
	/* A number's text is read with strtod(), which wants its end marked. */
	buf_putc(out, '\0');
	if (out->failed)
		return fail(d, d->at, NULL);
	out->len--;
	good = good_text(out->data, out->len);
	if (good == out->len)
		return true;
	/* Where it came: each byte was one, or `%` and two digits; C0 80 was one byte. */
	d->at = start;
	for (size_t i = 0; i < good; i++) {
		if ((unsigned char)out->data[i] == 0xc0)
			i++;
		next_byte(d);
	}
	return fail(d, d->at, "not UTF-8");
}

/* --- fields --- */

/* What a LogRecord has in a field, beside text. */
enum kind { TEXT, NULLABLE, NUMERIC, ARGUMENTS, EXCEPTION };

static enum kind
kind_of(int field)
{
	switch (field) {
	case FIELD_LEVELNO:
	case FIELD_LINENO:
	case FIELD_CREATED:
	case FIELD_MSECS:
	case FIELD_RELATIVECREATED:
	case FIELD_THREAD:
	case FIELD_PROCESS: return NUMERIC;
	case FIELD_EXC_TEXT:
	case FIELD_STACK_INFO:
	case FIELD_FUNCNAME:
	case FIELD_THREADNAME:
	case FIELD_PROCESSNAME:
	case FIELD_TASKNAME: return NULLABLE;
	case FIELD_ARGS: return ARGUMENTS;
	case FIELD_EXC_INFO: return EXCEPTION;
	default: return TEXT;
	}
}

static bool
is(const struct buf *text, const char *word)
{
	return text->len == strlen(word) && memcmp(text->data, word, text->len) == 0;
}

/* A number, unless it is none: then record_read() says so where it has to be one. */
static bool
put_number(struct buf *out, const struct buf *text)
{
	struct scan p = {.body = text->data, .len = text->len};
	size_t before = out->len;

	if (text->len > 0 && (*text->data == '-' || (*text->data >= '0' && *text->data <= '9')) &&
	    scan_value(&p, out) && p.at == p.len)
		return true;
	out->len = before;
	return false;
}

/* Whether logging takes exc_info for none, as far as that can be told from its str(). */
static bool
is_no_exception(const struct buf *text)
{
	static const char *const none[] = {"", "None", "False", "0", "()"};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		if (is(text, none[i]))
			return true;
	}
	return false;
}

/* Appends a value as what it was; false, and nothing is: a text. */
static bool
put_typed(struct buf *out, enum kind kind, const struct buf *text)
{
	switch (kind) {
	case NUMERIC:
		if (!is(text, "None"))
			return put_number(out, text);
		break;
	case NULLABLE:
		if (!is(text, "None"))
			return false;
		break;
	case EXCEPTION:
		if (!is_no_exception(text))
			return false;
		break;
	case ARGUMENTS:
		if (text->len == 0)
			break;
		if (!pyliteral_args(out, text->data, text->len))
			scan_put_literal(out, text->data, text->len);
		return true;
	case TEXT: return false;
	}
	buf_puts(out, "null");
	return true;
}

static void
put_member(struct form *f)
{
	struct buf *out = &f->record;
	enum kind kind;

	if (out->len > 1)
		buf_putc(out, ',');
	scan_put_string(out, f->name.data, f->name.len);
	buf_putc(out, ':');
	kind = kind_of(record_field(f->name.data, f->name.len));
	if (put_typed(out, kind, &f->value))
		return;
	/* What Formatter.formatException() makes of no exception. */
	if (kind == EXCEPTION && is(&f->value, "(None, None, None)"))
		buf_puts(out, "\"NoneType: None\"");
	else
		scan_put_string(out, f->value.data, f->value.len);
}

/* --- the form --- */

void
form_init(struct form *f, struct budget *budget)
{
	*f = (struct form){BUF_INIT, BUF_INIT, BUF_INIT};
	f->name.budget = f->value.budget = f->record.budget = budget;
}

void
form_free(struct form *f)
{
	buf_free(&f->name);
	buf_free(&f->value);
	buf_free(&f->record);
}

void
form_clear(struct form *f)
{
	buf_clear(&f->name, KEEP_BYTES);
	buf_clear(&f->value, KEEP_BYTES);
	buf_clear(&f->record, KEEP_BYTES);
}

bool
form_read(struct form *f, const char *body, size_t len, const char **what, size_t *offset)
{
	struct decoder d = {body, len, 0, NULL};
	bool good = true;

	buf_clear(&f->record, KEEP_BYTES);
	buf_putc(&f->record, '{');
	while (good && d.at < len) {
		size_t start = d.at;

		good = decode(&d, true, &f->name);
		if (good && d.at < len && body[d.at] == '=')
			d.at++;
		good = good && decode(&d, false, &f->value);
		if (!good)
			break;
		if (d.at > start)
			put_member(f);
		d.at++; /* the & */
		good = !f->record.failed;
	}
	buf_putc(&f->record, '}');
	if (good && !f->record.failed) {
		buf_clear(&f->name, KEEP_BYTES);
		buf_clear(&f->value, KEEP_BYTES);
		return true;
	}
	*what = d.what;
	*offset = d.at;
	return false;
}
