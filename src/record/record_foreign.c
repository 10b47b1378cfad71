#include "record/record_foreign.h"

#include "record/record_level.h"
#include "record/record_time.h"
#include "json/json.h"

/*
 * Which fields may stand for which, the first that fits. A member: that of the object which the
 * field is. Names before ids: the field that they are had from is overwritten by the latter.
 */
static const struct source {
	enum field to, from;
	const char *member;
} sources[] = {
    {FIELD_NAME, FIELD_LOGGER, NULL},
    {FIELD_NAME, FIELD_LOGGER_NAME, NULL},
    {FIELD_NAME, FIELD_EXTRA, "logger_name"},
    {FIELD_NAME, FIELD_LOG, "logger"},
    {FIELD_FUNCNAME, FIELD_FUNC_NAME, NULL},
    {FIELD_FUNCNAME, FIELD_FUNCTION, NULL},
    {FIELD_FUNCNAME, FIELD_EXTRA, "func_name"},
    {FIELD_LINENO, FIELD_LINE, NULL},
    {FIELD_LINENO, FIELD_EXTRA, "line"},
    {FIELD_PATHNAME, FIELD_PATH, NULL},
    {FIELD_PATHNAME, FIELD_FILE, "path"},
    {FIELD_PATHNAME, FIELD_EXTRA, "path"},
    {FIELD_FILENAME, FIELD_FILE, "name"},
    {FIELD_THREADNAME, FIELD_THREAD, "name"},
    {FIELD_THREADNAME, FIELD_THREAD_NAME, NULL},
    {FIELD_THREADNAME, FIELD_EXTRA, "thread_name"},
    {FIELD_THREAD, FIELD_THREAD, "id"},
    {FIELD_PROCESSNAME, FIELD_PROCESS, "name"},
    {FIELD_PROCESSNAME, FIELD_PROCESS_NAME, NULL},
    {FIELD_PROCESSNAME, FIELD_EXTRA, "process_name"},
    {FIELD_PROCESS, FIELD_PROCESS, "id"},
    {FIELD_PROCESS, FIELD_PROCESS, "pid"},
    {FIELD_PROCESS, FIELD_PID, NULL},
};

/* What may be the level, the time, the exception: as above. */
static const struct source levels[] = {
    {FIELD_LEVELNAME, FIELD_LEVEL, NULL},
    {FIELD_LEVELNAME, FIELD_SEVERITY, NULL},
    {FIELD_LEVELNAME, FIELD_LOG, "level"},
};

static const struct source times[] = {
    {FIELD_CREATED, FIELD_TIMESTAMP, NULL},
    {FIELD_CREATED, FIELD_AT_TIMESTAMP, NULL},
    {FIELD_CREATED, FIELD_TIME, NULL},
    {FIELD_CREATED, FIELD_ASCTIME, NULL},
};

static const struct source exceptions[] = {
    {FIELD_EXC_TEXT, FIELD_EXCEPTION, NULL},
    {FIELD_EXC_TEXT, FIELD_STACK_TRACE, NULL},
    {FIELD_EXC_TEXT, FIELD_EXTRA, "stack_trace"},
    {FIELD_EXC_TEXT, FIELD_ERROR, "stack_trace"},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

record_fields
record_foreign_sources(record_fields fields)
{
	record_fields from = 0;

	for (size_t i = 0; i < COUNT(sources); i++) {
		if ((fields & RECORD_BIT(sources[i].to)) != 0)
			from |= RECORD_BIT(sources[i].from);
	}
	return from;
}

static bool
has(const struct record *r, enum field field)
{
	return r->field[field].type != VALUE_ABSENT;
}

bool
record_is_wrapped(const struct record *r)
{
	return r->field[FIELD_RECORD].type == VALUE_OBJECT &&
	       r->field[FIELD_TEXT].type == VALUE_STRING && !has(r, FIELD_MSG) &&
	       !has(r, FIELD_MESSAGE) && !has(r, FIELD_EVENT);
}

static struct value
source_value(const struct record *r, const struct source *s)
{
	struct value v = r->field[s->from];

	if (s->member == NULL)
		return v;
	return v.type == VALUE_OBJECT ? json_member(v, s->member, strlen(s->member)) : value_absent;
}

static void
spend(struct record *r, const struct source *s)
{
	r->derived |= RECORD_BIT(s->to);
	if (s->member == NULL)
		r->spent |= RECORD_BIT(s->from);
}

/* --- what follows the line --- */

/* A text, or a list of nothing but texts. True, false and 1 say only that there was something; so
 * does the text None. */
static bool
is_lines(struct value v)
{
	const struct json_node *node;

	if (v.type == VALUE_STRING)
		return v.len > 0 && strcmp(v.text, "None") != 0;
	if (v.type != VALUE_ARRAY)
		return false;
	node = json_first(v);
	if (node == NULL)
		return false;
	for (; node != NULL; node = json_next(node)) {
		if (json_value(node).type != VALUE_STRING)
			return false;
	}
	return true;
}

void
record_own(struct record *r)
{
	struct value text = r->field[FIELD_EXC_TEXT], stack = r->field[FIELD_STACK_INFO];

	if (text.type == VALUE_STRING && text.len > 0) {
		r->exception = text;
	} else if (is_lines(r->field[FIELD_EXC_INFO])) {
		r->exception = r->field[FIELD_EXC_INFO];
		r->spent |= RECORD_BIT(FIELD_EXC_INFO);
	}
	if (stack.type == VALUE_STRING || stack.type == VALUE_ARRAY)
		r->stack = stack;
}

/* structlog's dict_tracebacks: [{"exc_type": ..., "frames": [...]}, ...]. */
static bool
is_traceback(struct value v)
{
	const struct json_node *node = v.type == VALUE_ARRAY ? json_first(v) : NULL;
	struct value first = node != NULL ? json_value(node) : value_absent;

	return first.type == VALUE_OBJECT && json_member(first, "exc_type", 8).type == VALUE_STRING;
}

/*
 * loguru's {"type": ..., "value": ..., "traceback": true}, whose traceback is in `text` alone,
 * after the line that the message ends. A sink of somebody's may have put it in the place of the
 * true.
 */
static struct value
loguru_exception(const struct record *r, struct value exception)
{
	struct value text = r->field[FIELD_TEXT], message = r->field[FIELD_MESSAGE];
	struct value traceback = json_member(exception, "traceback", 9);
	const char *at = NULL;

	if (is_lines(traceback))
		return traceback;
	if (text.type == VALUE_STRING && message.type == VALUE_STRING)
		at = strstr(text.text, message.text);
	at = at != NULL ? strchr(at + message.len, '\n') : NULL;
	if (at == NULL || at[1] == '\0')
		return exception;
	return (struct value){VALUE_STRING, at + 1, text.len - (size_t)(at + 1 - text.text), NULL};
}

static void
find_exception(struct record *r)
{
	for (size_t i = 0; i < COUNT(exceptions); i++) {
		struct value v = source_value(r, &exceptions[i]);

		if (v.type == VALUE_OBJECT && json_member(v, "type", 4).type == VALUE_STRING &&
		    json_member(v, "value", 5).type != VALUE_ABSENT)
			v = loguru_exception(r, v);
		else if (!is_lines(v) && !is_traceback(v))
			continue;
		r->exception = v;
		spend(r, &exceptions[i]);
		return;
	}
}

/* --- the fields --- */

static void
find_level(struct record *r)
{
	for (size_t i = 0; i < COUNT(levels); i++) {
		enum record_scale scale =
		    levels[i].from == FIELD_SEVERITY ? SCALE_SEVERITY : SCALE_PYTHON;

		if (record_level(source_value(r, &levels[i]), scale, &r->levelno,
			&r->field[FIELD_LEVELNAME], r->made.levelname, sizeof(r->made.levelname))) {
			spend(r, &levels[i]);
			return;
		}
	}
	r->field[FIELD_LEVELNAME] = value_absent;
}

static void
find_time(struct record *r)
{
	for (size_t i = 0; i < COUNT(times); i++) {
		struct value msecs;

		if (!record_time(
			source_value(r, &times[i]), &r->field[FIELD_CREATED], &msecs, &r->made))
			continue;
		if (!has(r, FIELD_MSECS))
			r->field[FIELD_MSECS] = msecs;
		spend(r, &times[i]);
		return;
	}
	r->field[FIELD_CREATED] = value_absent;
}

static void
find_fields(struct record *r, record_fields wanted)
{
	for (size_t i = 0; i < COUNT(sources); i++) {
		const struct source *s = &sources[i];
		struct value *to = &r->field[s->to], v;

		if ((wanted & RECORD_BIT(s->to)) == 0 ||
		    (to->type != VALUE_ABSENT && record_fits(s->to, to)))
			continue;
		v = source_value(r, s);
		if ((v.type == VALUE_STRING || v.type == VALUE_NUMBER) && record_fits(s->to, &v)) {
			*to = v;
			spend(r, s);
		}
	}
}

void
record_foreign(struct record *r, record_fields wanted)
{
	record_own(r);
	if (r->exception.type == VALUE_ABSENT)
		find_exception(r);
	if (r->stack.type == VALUE_ABSENT && is_lines(r->field[FIELD_STACK])) {
		r->stack = r->field[FIELD_STACK];
		r->spent |= RECORD_BIT(FIELD_STACK);
	}
	if (!has(r, FIELD_LEVELNO) && !has(r, FIELD_LEVELNAME))
		find_level(r);
	if (!has(r, FIELD_CREATED))
		find_time(r);
	if (r->field[FIELD_EXTRA].type == VALUE_OBJECT)
		r->extra = r->field[FIELD_EXTRA];
	find_fields(r, wanted);
	if (r->object.node != r->sent.node) {
		/* What was sent has them further inside. */
		r->derived |= RECORD_BIT(FIELD_LEVELNAME) | RECORD_BIT(FIELD_NAME) |
			      RECORD_BIT(FIELD_CREATED);
	}
	if (!has(r, FIELD_MSG) && !has(r, FIELD_MESSAGE) && has(r, FIELD_EVENT)) {
		r->field[FIELD_MESSAGE] = r->field[FIELD_EVENT];
		r->spent |= RECORD_BIT(FIELD_EVENT);
		r->event = true;
	}
}
