#include "record/record.h"

#include "base/level.h"
#include "record/record_foreign.h"
#include "record/timestamp.h"
#include "json/json.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* What a field may be; any may be null. LINES: a string, a list of lines, or a boolean, that only
 * says whether there are some. OURS: the server's own, what a client sends is ignored. */
enum kind { ANY, STRING, LINES, INTEGER, NUMBER, OURS };

static const char *const must_be[] = {
    [STRING] = "must be a string",
    [LINES] = "must be a string or a list of lines",
    [INTEGER] = "must be an integer",
    [NUMBER] = "must be a finite number",
};

static const struct {
	const char *name;
	enum kind kind;
	bool null_is_absent;
} fields[FIELD_COUNT] = {
#define ROW(field, name, kind, null_is_absent) {name, kind, null_is_absent},
    RECORD_FIELDS(ROW)
#undef ROW
};

_Static_assert(FIELD_COUNT <= 64, "record_fields has a bit for each");

/* Lengths first: all of them are constants, so that this takes some 3 ns a name. */
int
record_field(const char *name, size_t len)
{
#define FIND(field, text, kind, null_is_absent)                                                    \
	if (len == sizeof(text) - 1 && memcmp(name, text, len) == 0)                               \
		return FIELD_##field;
	RECORD_FIELDS(FIND)
#undef FIND
	return -1;
}

/*
 * Whether CPython reads a NUMBER as an int, or as a float that is finite: 1e400 is not, no more
 * than Infinity, and logging could not print it.
 */
static bool
is_finite(struct value v)
{
	char last = v.text[v.len - 1];
	const char *exponent;

	if (last == 'N' || last == 'y') /* NaN, Infinity */
		return false;
	exponent = memchr(v.text, 'e', v.len);
	if (exponent == NULL)
		exponent = memchr(v.text, 'E', v.len);
	/* So short, only an exponent makes it larger than a double. */
	if (v.len < DBL_MAX_10_EXP && (exponent == NULL || exponent[1] == '-'))
		return true;
	return value_is_integer(v) || isfinite(strtod(v.text, NULL));
}

/* Whether the value can be that of such a field. */
static bool
fits(enum kind kind, const struct value *v)
{
	if (v->type == VALUE_NULL)
		return true;
	switch (kind) {
	case STRING: return v->type == VALUE_STRING;
	case LINES: return v->type != VALUE_NUMBER && v->type != VALUE_OBJECT;
	case INTEGER: return value_is_integer(*v);
	case NUMBER: return v->type == VALUE_NUMBER && is_finite(*v);
	default: return true;
	}
}

bool
record_fits(enum field field, const struct value *v)
{
	return fits(fields[field].kind, v);
}

const char *
record_field_name(enum field field)
{
	return fields[field].name;
}

bool
record_skip(void *context, const char *name, size_t name_len, const struct value *v, bool plain)
{
	const struct record_wanted *wanted = context;
	int f = record_field(name, name_len);

	(void)v;
	(void)plain;
	return f < 0 ? !wanted->others : (wanted->fields & RECORD_BIT(f)) == 0;
}

static bool
refuse(struct record_error *e, int field)
{
	e->field = fields[field].name;
	e->what = must_be[fields[field].kind];
	return false;
}

/* Fills the fields in from the members of an object, but for those that are not sent; those of
 * `typed` whose type is wrong come into *wrong, or, where every entry needs them, are refused. */
static bool
read_members(struct record *r, struct value object, record_fields not_sent, record_fields typed,
    record_fields *wrong, struct record_error *e)
{
	const struct json_node *node = json_as_sent(object);
	struct value name, v;

	while (node != NULL) {
		int f;

		name = json_name(node);
		v = json_value(node);
		node = json_next(node);
		f = record_field(name.text, name.len);
		if (f < 0 || fields[f].kind == OURS || (not_sent & RECORD_BIT(f)) != 0)
			continue;
		if ((typed & RECORD_BIT(f)) != 0 && !fits(fields[f].kind, &v)) {
			if ((RECORD_ALWAYS_TYPED & RECORD_BIT(f)) != 0)
				return refuse(e, f);
			*wrong |= RECORD_BIT(f);
		}
		if (v.type == VALUE_NULL && fields[f].null_is_absent)
			v.type = VALUE_ABSENT;
		r->field[f] = v; /* the last of a name counts */
	}
	return true;
}

/* The object whose members are the record's: in what loguru's serialize=True makes, one inside. */
static bool
read_object(struct record *r, record_fields typed, record_fields *wrong, struct record_error *e)
{
	struct value text;

	if (!read_members(r, r->object, r->not_sent, typed, wrong, e))
		return false;
	if (!record_is_wrapped(r))
		return true;
	text = r->field[FIELD_TEXT];
	r->object = r->field[FIELD_RECORD];
	memset(r->field, 0, sizeof(r->field));
	if (!read_members(r, r->object, 0, typed, wrong, e))
		return false;
	r->field[FIELD_TEXT] = text; /* which the object has not */
	return true;
}

/* As strtol, but beyond its range the nearest it has. */
static long
integer(struct value v)
{
	return strtol(v.text, NULL, 10);
}

static bool
has(const struct record *r, enum field field)
{
	return r->field[field].type != VALUE_ABSENT;
}

/* The number of the level, unless it is another logger's, and known already. */
static void
find_levelno(struct record *r)
{
	const struct value *levelname = &r->field[FIELD_LEVELNAME];

	if (has(r, FIELD_LEVELNO)) {
		r->levelno = integer(r->field[FIELD_LEVELNO]);
		return;
	}
	r->levelno =
	    has(r, FIELD_LEVELNAME) ? level_number_of(levelname->text, levelname->len) : -1;
	if (r->levelno < 0)
		r->levelno = 20;
}

bool
record_read(struct record *r, struct value object, const struct record_wanted *wanted,
    struct record_error *e)
{
	record_fields wrong = 0;

	memset(r, 0, offsetof(struct record, made)); /* every field VALUE_ABSENT */
	r->object = r->sent = object;
	r->not_sent = wanted->not_sent;
	if (!read_object(r, wanted->typed, &wrong, e))
		return false;
	find_levelno(r);
	if (has(r, FIELD_MSG) && has(r, FIELD_LEVELNO) && has(r, FIELD_CREATED))
		record_own(r);
	else
		record_foreign(r, wanted->fields);
	wrong &= ~r->derived;
	if (wrong != 0)
		return refuse(e, __builtin_ctzll(wrong));
	if (!has(r, FIELD_MSG) && !has(r, FIELD_MESSAGE)) {
		*e = (struct record_error){"msg", "is missing, and so is \"message\""};
		return false;
	}
	if (has(r, FIELD_CREATED) && !timestamp_created(r->field[FIELD_CREATED], &r->created)) {
		*e = (struct record_error){"created", "must be within the years 1 to 9999"};
		return false;
	}
	/* Made of it already; but for structlog's, of which only a text has the pairs. */
	if ((r->not_sent & RECORD_BIT(FIELD_MESSAGE)) != 0 && !r->event)
		r->field[FIELD_MESSAGE] = json_member(r->sent, "message", 7);
	return true;
}
