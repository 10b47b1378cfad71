#include "record/record.h"

#include "level.h"
#include "record/json.h"
#include "record/timestamp.h"

#include <stdint.h>
#include <stdlib.h>

/* What a field may be. Every kind but ANY and LINES may be null. */
enum kind { ANY, STRING, INTEGER, NUMBER, LINES, OURS };

static const struct {
	const char *name;
	enum kind kind;
	bool null_is_absent;
} fields[FIELD_COUNT] = {
    [FIELD_NAME] = {"name", STRING, true},
    [FIELD_MSG] = {"msg", ANY, false},
    [FIELD_ARGS] = {"args", ANY, false},
    [FIELD_LEVELNAME] = {"levelname", STRING, true},
    [FIELD_LEVELNO] = {"levelno", INTEGER, true},
    [FIELD_PATHNAME] = {"pathname", STRING, false},
    [FIELD_FILENAME] = {"filename", STRING, false},
    [FIELD_MODULE] = {"module", STRING, false},
    [FIELD_EXC_INFO] = {"exc_info", ANY, false},
    [FIELD_EXC_TEXT] = {"exc_text", STRING, false},
    [FIELD_STACK_INFO] = {"stack_info", STRING, false},
    [FIELD_LINENO] = {"lineno", INTEGER, false},
    [FIELD_FUNCNAME] = {"funcName", STRING, false},
    [FIELD_CREATED] = {"created", NUMBER, true},
    [FIELD_MSECS] = {"msecs", NUMBER, true},
    [FIELD_RELATIVECREATED] = {"relativeCreated", NUMBER, false},
    [FIELD_THREAD] = {"thread", INTEGER, false},
    [FIELD_THREADNAME] = {"threadName", STRING, false},
    [FIELD_PROCESSNAME] = {"processName", STRING, false},
    [FIELD_PROCESS] = {"process", INTEGER, false},
    [FIELD_TASKNAME] = {"taskName", STRING, false},
    [FIELD_MESSAGE] = {"message", ANY, true},
    [FIELD_ASCTIME] = {"asctime", ANY, false},
    [FIELD_TRACE] = {"trace", LINES, false},
    [FIELD_REMOTE_ADDR] = {"remote_addr", OURS, false},
    [FIELD_RECEIVED] = {"received", OURS, false},
};

/* By the length, so that each comparison is of a constant length: an instruction or two. */
int
record_field(const char *name, size_t len)
{
#define NAMED(literal, field)                                                                      \
	if (memcmp(name, literal, sizeof(literal) - 1) == 0)                                       \
	return field

	switch (len) {
	case 3: NAMED("msg", FIELD_MSG); break;
	case 4:
		NAMED("name", FIELD_NAME);
		NAMED("args", FIELD_ARGS);
		break;
	case 5:
		NAMED("msecs", FIELD_MSECS);
		NAMED("trace", FIELD_TRACE);
		break;
	case 6:
		NAMED("module", FIELD_MODULE);
		NAMED("lineno", FIELD_LINENO);
		NAMED("thread", FIELD_THREAD);
		break;
	case 7:
		NAMED("levelno", FIELD_LEVELNO);
		NAMED("created", FIELD_CREATED);
		NAMED("process", FIELD_PROCESS);
		NAMED("message", FIELD_MESSAGE);
		NAMED("asctime", FIELD_ASCTIME);
		break;
	case 8:
		NAMED("pathname", FIELD_PATHNAME);
		NAMED("filename", FIELD_FILENAME);
		NAMED("exc_info", FIELD_EXC_INFO);
		NAMED("exc_text", FIELD_EXC_TEXT);
		NAMED("funcName", FIELD_FUNCNAME);
		NAMED("taskName", FIELD_TASKNAME);
		NAMED("received", FIELD_RECEIVED);
		break;
	case 9: NAMED("levelname", FIELD_LEVELNAME); break;
	case 10:
		NAMED("stack_info", FIELD_STACK_INFO);
		NAMED("threadName", FIELD_THREADNAME);
		break;
	case 11:
		NAMED("processName", FIELD_PROCESSNAME);
		NAMED("remote_addr", FIELD_REMOTE_ADDR);
		break;
	case 15: NAMED("relativeCreated", FIELD_RELATIVECREATED); break;
	default: break;
	}
#undef NAMED
	return -1;
}

static bool
is_finite(struct value v)
{
	char last = v.text[v.len - 1];

	return last != 'N' && last != 'y'; /* NaN, Infinity */
}

/* Why the value can't be that field's, or NULL. */
static const char *
check(enum kind kind, struct value v)
{
	if (v.type == VALUE_NULL)
		return NULL;
	switch (kind) {
	case STRING: return v.type == VALUE_STRING ? NULL : "must be a string";
	case INTEGER:
		return v.type == VALUE_NUMBER && value_is_integer(v) ? NULL : "must be an integer";
	case NUMBER: return v.type == VALUE_NUMBER && is_finite(v) ? NULL : "must be a number";
	default: return NULL;
	}
}

/* Whether a value as it was sent can be that field's. */
static bool
can_be(enum kind kind, const char *text, size_t len)
{
	bool digit = (text[0] >= '0' && text[0] <= '9') ||
		     (text[0] == '-' && len > 1 && text[1] >= '0' && text[1] <= '9');

	if (text[0] == 'n') /* null */
		return true;
	switch (kind) {
	case STRING: return text[0] == '"';
	case INTEGER:
		for (size_t i = 1; digit && i < len; i++)
			digit = text[i] >= '0' && text[i] <= '9';
		return digit;
	case NUMBER: return digit;
	default: return true;
	}
}

bool
record_skip(void *context, const char *name, size_t name_len, const char *value, size_t value_len)
{
	struct record_skipping *s = context;
	int f;

	if (name == NULL) {
		s->kept = ~0U; /* it may be any of them */
		return false;
	}
	f = record_field(name, name_len);
	if (f < 0)
		return !s->wanted.others;
	if (!can_be(fields[f].kind, value, value_len))
		s->kept |= 1U << f;
	return ((s->wanted.fields | s->kept) & 1U << f) == 0;
}

static bool
refuse(struct record_error *e, const char *field, const char *what)
{
	e->field = field;
	e->what = what;
	return false;
}

static bool
read_members(struct record *r, struct record_error *e)
{
	const struct json_node *node = json_as_sent(r->object);
	uint32_t seen = 0; /* a bit for each field */
	struct value name, v;

	while (node != NULL) {
		int f;

		node = json_read_member(node, &name, &v);
		f = record_field(name.text, name.len);
		if (f >= 0) {
			r->field[f] = v; /* the last of a name counts */
			seen |= (uint32_t)1 << f;
		}
	}
	for (; seen != 0; seen &= seen - 1) {
		int f = __builtin_ctz(seen);
		struct value *sent = &r->field[f];
		const char *what = check(fields[f].kind, *sent);

		if (what != NULL)
			return refuse(e, fields[f].name, what);
		if (fields[f].kind == OURS ||
		    (sent->type == VALUE_NULL && fields[f].null_is_absent))
			sent->type = VALUE_ABSENT;
	}
	return true;
}

/* As strtol, but beyond its range the nearest it has. */
static long
integer(struct value v)
{
	return strtol(v.text, NULL, 10);
}

bool
record_read(struct record *r, struct value object, struct record_error *e)
{
	const struct value *levelname = &r->field[FIELD_LEVELNAME];

	memset(r, 0, sizeof(*r)); /* every field VALUE_ABSENT */
	r->object = object;
	if (!read_members(r, e))
		return false;
	if (r->field[FIELD_MSG].type == VALUE_ABSENT &&
	    r->field[FIELD_MESSAGE].type == VALUE_ABSENT)
		return refuse(e, "msg", "is missing, and so is \"message\"");
	if (r->field[FIELD_CREATED].type != VALUE_ABSENT &&
	    !timestamp_created(r->field[FIELD_CREATED], &r->created))
		return refuse(e, "created", "must be within the years 1 to 9999");
	r->levelno = -1;
	if (r->field[FIELD_LEVELNO].type != VALUE_ABSENT)
		r->levelno = integer(r->field[FIELD_LEVELNO]);
	else if (levelname->type != VALUE_ABSENT)
		r->levelno = level_number_of(levelname->text, levelname->len);
	if (r->levelno < 0 && r->field[FIELD_LEVELNO].type == VALUE_ABSENT)
		r->levelno = 20;
	return true;
}
