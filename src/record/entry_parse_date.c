#include "record/entry_parse_number.h"
#include "record/entry_parse_time.h"
#include "json/text.h"

#include <stdlib.h>

static const struct {
	int letter;
	enum entry_time_kind kind;
	int least, most;
	bool padded;
} conversions[] = {
    {'Y', TIME_YEAR, 4, 4, false},
    {'y', TIME_YEAR_OF_CENTURY, 2, 2, false},
    {'m', TIME_MONTH, 2, 2, false},
    {'d', TIME_DAY, 2, 2, false},
    {'e', TIME_DAY, 1, 2, true},
    {'j', TIME_DAY_OF_YEAR, 3, 3, false},
    {'H', TIME_HOUR, 2, 2, false},
    {'k', TIME_HOUR, 1, 2, true},
    {'I', TIME_HOUR_12, 2, 2, false},
    {'l', TIME_HOUR_12, 1, 2, true},
    {'M', TIME_MINUTE, 2, 2, false},
    {'S', TIME_SECOND, 2, 2, false},
    {'s', TIME_EPOCH, 1, 18, false},
    {'b', TIME_MONTH_NAME, 0, 0, false},
    {'B', TIME_MONTH_NAME, 0, 0, false},
    {'h', TIME_MONTH_NAME, 0, 0, false},
    {'p', TIME_AM_PM, 0, 0, false},
    {'P', TIME_AM_PM, 0, 0, false},
    {'z', TIME_OFFSET, 0, 0, false},
    {'a', TIME_OTHER_WORD, 0, 0, false},
    {'A', TIME_OTHER_WORD, 0, 0, false},
    {'Z', TIME_OTHER_WORD, 0, 0, false},
    {'U', TIME_OTHER_NUMBER, 2, 2, false},
    {'V', TIME_OTHER_NUMBER, 2, 2, false},
    {'W', TIME_OTHER_NUMBER, 2, 2, false},
    {'u', TIME_OTHER_NUMBER, 1, 1, false},
    {'w', TIME_OTHER_NUMBER, 1, 1, false},
    {'C', TIME_OTHER_NUMBER, 2, 2, false},
    {'g', TIME_OTHER_NUMBER, 2, 2, false},
    {'G', TIME_OTHER_NUMBER, 4, 4, false},
};

/* What is short for others, in the C locale. */
static const struct {
	char letter;
	const char *format;
} shorthands[] = {
    {'D', "%m/%d/%y"},
    {'F', "%Y-%m-%d"},
    {'R', "%H:%M"},
    {'T', "%H:%M:%S"},
    {'c', "%a %b %e %H:%M:%S %Y"},
    {'r', "%I:%M:%S %p"},
    {'x', "%m/%d/%y"},
    {'X', "%H:%M:%S"},
};

static struct entry_time_op *
add_op(struct entry_time *e, enum entry_time_kind kind)
{
	struct entry_time_op *grown = realloc(e->op, (e->ops + 1) * sizeof(*grown));

	if (grown == NULL) {
		e->text.failed = true;
		return NULL;
	}
	e->op = grown;
	grown[e->ops] = (struct entry_time_op){.kind = kind};
	return &grown[e->ops++];
}

/* Text of the format that stands for itself; in an entry it may look otherwise (entry.h). */
static bool
add_literal(struct entry_time *e, const char *bytes, size_t len, bool first)
{
	struct buf text = BUF_INIT;
	size_t at = e->text.len;
	struct entry_time_op *op;

	text_from_bytes(&text, bytes, len);
	entry_parse_literal(&e->text, text.data, text.len, first && e->ops == 0);
	e->text.failed = e->text.failed || text.failed;
	buf_free(&text);
	op = e->text.failed ? NULL : add_op(e, TIME_LITERAL);
	if (op == NULL)
		return false;
	op->at = at;
	op->len = e->text.len - at;
	return true;
}

static bool
add_conversion(struct entry_time *e, char letter, bool unpadded)
{
	for (size_t i = 0; i < sizeof(conversions) / sizeof(conversions[0]); i++) {
		struct entry_time_op *op;

		if (conversions[i].letter != letter)
			continue;
		op = add_op(e, conversions[i].kind);
		if (op == NULL)
			return false;
		op->least = unpadded && conversions[i].least > 0 ? 1 : conversions[i].least;
		op->most = conversions[i].most;
		op->padded = conversions[i].padded;
		if (unpadded && op->least > 0)
			op->padded = true;
		return true;
	}
	return false;
}

static bool compile(struct entry_time *e, const char *format, bool first);

/* What stands after a `%`. */
static bool
compile_conversion(struct entry_time *e, const char **at, bool first)
{
	bool unpadded = false;

	for (; **at != '\0' && strchr("-_0^#EO", **at) != NULL; ++*at)
		unpadded = unpadded || **at == '-' || **at == '_';
	switch (**at) {
	case '\0': return false;
	case '%': return add_literal(e, "%", 1, first);
	case 't': return add_literal(e, "\t", 1, first);
	default: break;
	}
	for (size_t i = 0; i < sizeof(shorthands) / sizeof(shorthands[0]); i++) {
		if (shorthands[i].letter == **at)
			return compile(e, shorthands[i].format, false);
	}
	return add_conversion(e, **at, unpadded);
}

static bool
compile(struct entry_time *e, const char *format, bool first)
{
	for (const char *at = format; *at != '\0'; at++) {
		const char *text = at;

		if (*at == '%') {
			at++;
			if (!compile_conversion(e, &at, first))
				return false;
			continue;
		}
		while (at[1] != '\0' && at[1] != '%')
			at++;
		if (!add_literal(e, text, (size_t)(at + 1 - text), first))
			return false;
	}
	return true;
}

/* Whether there are a day and an hour, or the seconds since the epoch. */
static bool
is_time(const struct entry_time *e)
{
	bool has[TIME_KINDS] = {false};
	bool year, day, hour;

	for (size_t i = 0; i < e->ops; i++)
		has[e->op[i].kind] = true;
	year = has[TIME_YEAR] || has[TIME_YEAR_OF_CENTURY];
	day = has[TIME_DAY_OF_YEAR] || (has[TIME_DAY] && (has[TIME_MONTH] || has[TIME_MONTH_NAME]));
	hour = has[TIME_HOUR] || (has[TIME_HOUR_12] && has[TIME_AM_PM]);
	return has[TIME_EPOCH] || (year && day && hour);
}

static size_t
fixed_length(const struct entry_time *e)
{
	size_t len = 0;

	for (size_t i = 0; i < e->ops; i++) {
		const struct entry_time_op *op = &e->op[i];

		if (op->kind == TIME_LITERAL)
			len += op->len;
		else if (op->kind == TIME_AM_PM)
			len += 2;
		else if (op->kind == TIME_OFFSET)
			len += 5;
		else if (op->least > 0 && op->least == op->most)
			len += (size_t)op->least;
		else
			return 0;
	}
	return len;
}

bool
entry_time_compile(struct entry_time *e, const char *date_format, bool first, bool *tells)
{
	bool good;

	*e = (struct entry_time){.python = date_format == NULL};
	if (date_format == NULL)
		date_format = "%Y-%m-%d %H:%M:%S";
	good = strpbrk(date_format, "\r\n") == NULL && compile(e, date_format, first);
	*tells = e->text.failed || (good && is_time(e));
	e->fixed = fixed_length(e);
	return good && *tells;
}

void
entry_time_free(struct entry_time *e)
{
	free(e->op);
	buf_free(&e->text);
	*e = (struct entry_time){0};
}
