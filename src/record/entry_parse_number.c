#include "record/entry_parse_number.h"

#include "base/civil.h"
#include "base/level.h"
#include "record/entry.h"

#include <math.h>
#include <stdlib.h>

/* Seconds of the year 9999, and more. */
#define DIGITS_MAX 12

static void
set_ms(struct entry_number *n, int64_t ms)
{
	n->ms = civil_is_known(ms) ? ms : 0;
}

/* 1.795e9: seldom, so that strtod() will do. */
static const char *
read_exponent(const char *start, const char *at, const char *end, struct entry_number *n)
{
	const char *digits = at + 1;
	char text[64];
	double d;

	if (digits < end && (*digits == '+' || *digits == '-'))
		digits++;
	at = digits;
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	*n = (struct entry_number){.decimals = 3};
	if (at == digits)
		return NULL;
	if ((size_t)(at - start) >= sizeof(text))
		return at;
	memcpy(text, start, (size_t)(at - start));
	text[at - start] = '\0';
	d = strtod(text, NULL);
	if (fabs(d) < 1e12) {
		n->whole = (int64_t)d;
		set_ms(n, (int64_t)floor(d * 1000));
	}
	return at;
}

const char *
entry_parse_number(const char *at, const char *end, struct entry_number *n)
{
	const char *start = at, *digits;
	bool negative = at < end && *at == '-', more = false;
	int64_t ms = 0;

	*n = (struct entry_number){0};
	if (at < end && (*at == '-' || *at == '+'))
		at++;
	for (digits = at; at < end && *at >= '0' && *at <= '9'; at++)
		n->whole = at - digits < DIGITS_MAX ? n->whole * 10 + (*at - '0') : 0;
	if (at == digits)
		return NULL;
	if (at < end && *at == '.') {
		for (digits = ++at; at < end && *at >= '0' && *at <= '9'; at++) {
			if (at - digits < 3)
				ms = ms * 10 + (*at - '0');
			else
				more = more || *at != '0';
		}
		n->decimals = (int)(at - digits < 100 ? at - digits : 100);
		for (int i = n->decimals; i < 3; i++)
			ms *= 10;
	}
	if (at < end && (*at == 'e' || *at == 'E'))
		return read_exponent(start, at, end, n);
	ms += n->whole * 1000;
	if (negative)
		n->whole = -n->whole;
	set_ms(n, negative ? -ms - more : ms);
	return at;
}

struct entry_span
entry_level(struct entry_parse *t, int64_t levelno)
{
	char text[ENTRY_LEVEL_MAX];
	const char *name = level_name_of((long)levelno, text, sizeof(text));
	size_t start = t->scratch.len;

	buf_puts(&t->scratch, name);
	if (t->scratch.failed)
		return (struct entry_span){NULL, 0};
	return (struct entry_span){t->scratch.data + start, t->scratch.len - start};
}

void
entry_parse_literal(struct buf *out, const char *text, size_t len, bool first)
{
	struct buf whole = BUF_INIT;
	struct entry e;

	/* Between two characters it is written as it is in the midst of an entry. */
	entry_begin(&e, &whole);
	if (!first)
		entry_text(&e, "-", 1);
	entry_text(&e, text, len);
	entry_text(&e, "-", 1);
	if (whole.failed)
		out->failed = true;
	else
		buf_append(out, whole.data + !first, whole.len - !first - 1);
	buf_free(&whole);
}
