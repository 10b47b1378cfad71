#include "record/render.h"

#include "base/clock.h"
#include "base/level.h"
#include "python/pybool.h"
#include "python/pyvalue.h"
#include "record/entry.h"
#include "record/record_line.h"
#include "record/render_exception.h"
#include "json/json.h"

#include <stdio.h>

/* Buffers larger than this are given back after the record that needed them. */
#define KEEP_BYTES (64 * 1024)

void
render_init(struct render *r, const struct formatter *formatter, struct budget *budget)
{
	*r = (struct render){.formatter = formatter, .bounds = {SIZE_MAX, SIZE_MAX, SIZE_MAX}};
	r->message.budget = r->field.budget = r->converted.budget = budget;
}

void
render_begin(struct render *r, const struct render_bounds *bounds)
{
	r->bounds = *bounds;
	r->message.max = r->field.max = r->converted.max = bounds->text;
}

void
render_free(struct render *r)
{
	buf_free(&r->seconds.text);
	buf_free(&r->received);
	buf_free(&r->message);
	buf_free(&r->field);
	buf_free(&r->converted);
}

/* Empties a buffer for its next use; that it failed must not be forgotten with it. */
static void
reuse(struct render *r, struct buf *b)
{
	r->failed = r->failed || b->failed;
	r->over_max = r->over_max || b->over_max;
	buf_clear(b, KEEP_BYTES);
}

static struct value
text_of(const struct buf *b)
{
	return (struct value){VALUE_STRING, b->len > 0 ? b->data : "", b->len, NULL};
}

/* --- the message: LogRecord.getMessage() --- */

/* str(v), in b unless v is a string already. */
static struct value
str(struct buf *b, struct value v)
{
	if (v.type == VALUE_STRING)
		return v;
	pyvalue_str(b, v);
	return text_of(b);
}

/* Whether LOG_FORMAT shows a member, or the entry does elsewhere. */
static bool
is_shown(const struct render *r, const struct record *record, struct value name)
{
	static const record_fields elsewhere =
	    RECORD_ALWAYS_TYPED | RECORD_BIT(FIELD_MSG) | RECORD_BIT(FIELD_MESSAGE) |
	    RECORD_BIT(FIELD_TRACE) | RECORD_BIT(FIELD_REMOTE_ADDR) | RECORD_BIT(FIELD_RECEIVED);
	int field = record_field(name.text, name.len);

	if (field >= 0 && ((elsewhere | record->spent | record->not_sent) & RECORD_BIT(field)) != 0)
		return true;
	for (size_t i = 0; i < r->formatter->parts; i++) {
		const struct formatter_part *part = &r->formatter->part[i];

		if (part->literal || part->field != field)
			continue;
		if (field >= 0 ||
		    (part->len == name.len && memcmp(part->text, name.text, name.len) == 0))
			return true;
	}
	return false;
}

/*
 * structlog's `event`, and after it its key-value pairs, which are the half of what it says, as its
 * ConsoleRenderer prints them: key=value, by repr() where a string would not be one word.
 */
static struct value
event(struct render *r, const struct record *record)
{
	const struct json_node *node = json_first(record->object);

	pyvalue_str(&r->message, record->field[FIELD_MESSAGE]);
	for (; node != NULL; node = json_next(node)) {
		struct value name = json_name(node), v = json_value(node);
		bool word = v.type == VALUE_STRING && strpbrk(v.text, " \t=\r\n\"'") == NULL;

		/* What says only that there was an exception to be formatted. */
		if (v.type != VALUE_STRING && v.type != VALUE_ARRAY && v.type != VALUE_OBJECT &&
		    record_field(name.text, name.len) == FIELD_EXC_INFO)
			continue;
		if (is_shown(r, record, name))
			continue;
		buf_putc(&r->message, ' ');
		buf_append(&r->message, name.text, name.len);
		buf_putc(&r->message, '=');
		pyvalue_bounded(&r->message, v, word ? 's' : 'r', SIZE_MAX);
	}
	return text_of(&r->message);
}

/* The message of a record; *formatted tells whether Python would have made it too. */
static struct value
message(struct render *r, const struct record *record, bool *formatted)
{
	struct value args = record->field[FIELD_ARGS], msg;

	*formatted = true;
	if (record->event && !r->formatter->json)
		return event(r, record);
	if (record->field[FIELD_MESSAGE].type != VALUE_ABSENT)
		return str(&r->message, record->field[FIELD_MESSAGE]);
	if (!pybool(args))
		return str(&r->message, record->field[FIELD_MSG]);
	msg = str(&r->field, record->field[FIELD_MSG]);
	if (pyformat_percent(&r->message, msg, args, r->bounds.message, &r->bounds.work) !=
	    PYFORMAT_OK) {
		*formatted = false;
		reuse(r, &r->message);
		buf_append(&r->message, msg.text, msg.len);
		buf_puts(&r->message, " args=");
		if (args.type == VALUE_LITERAL)
			buf_append(&r->message, args.text, args.len);
		else
			json_write(&r->message, args, false);
	}
	return text_of(&r->message);
}

/* --- the fields of the line --- */

static void
write_asctime(struct render *r, const struct record *record, const struct render_arrival *arrival,
    struct buf *out)
{
	static const struct pyformat_spec three_digits = {PYFORMAT_ZERO, 3, -1, 'd'};
	bool sent = record->field[FIELD_CREATED].type != VALUE_ABSENT;
	struct value msecs = record->field[FIELD_MSECS];
	char number[16];

	timestamp_local(out, &r->seconds, r->formatter->date_format,
	    sent ? record->created : (time_t)(arrival->time / CLOCK_NS_PER_SECOND));
	if (r->formatter->date_format != NULL)
		return;
	if (msecs.type == VALUE_ABSENT) {
		snprintf(number, sizeof(number), "%d",
		    sent ? timestamp_msecs(record->field[FIELD_CREATED])
			 : (int)(arrival->time % CLOCK_NS_PER_SECOND / 1000000));
		msecs = value_number(number);
	}
	buf_putc(out, ',');
	pyformat_convert(out, &three_digits, msecs, r->bounds.text);
}

/* record.args is a tuple where JSON has a list: its repr(), or ascii(), as the conversion says. */
static void
write_tuple(struct buf *out, struct value list, char conversion)
{
	const struct json_node *node = json_first(list);
	size_t n = 0;

	buf_putc(out, '(');
	for (; node != NULL; node = json_next(node)) {
		if (n++ > 0)
			buf_puts(out, ", ");
		pyvalue_bounded(out, json_value(node), conversion == 'a' ? 'a' : 'r', SIZE_MAX);
	}
	buf_puts(out, n == 1 ? ",)" : ")");
}

/* The value of a field that was not sent and has a default, in r->field. */
static struct value
default_value(
    struct render *r, const struct record *record, const struct render_arrival *arrival, int field)
{
	long long micros = (long long)(arrival->time % CLOCK_NS_PER_SECOND / 1000);
	char name[64];

	switch (field) {
	case FIELD_NAME: return value_string("root");
	case FIELD_LEVELNAME:
		buf_puts(&r->field, level_name_of(record->levelno, name, sizeof(name)));
		return text_of(&r->field);
	case FIELD_LEVELNO: buf_printf(&r->field, "%ld", record->levelno); break;
	case FIELD_CREATED:
		buf_printf(&r->field, "%lld.%06lld",
		    (long long)(arrival->time / CLOCK_NS_PER_SECOND), micros);
		/* As Python prints a float. */
		while (r->field.len > 2 && r->field.data[r->field.len - 1] == '0' &&
		       r->field.data[r->field.len - 2] != '.')
			r->field.len--;
		break;
	case FIELD_MSECS:
		buf_printf(&r->field, "%d.0",
		    record->field[FIELD_CREATED].type != VALUE_ABSENT
			? timestamp_msecs(record->field[FIELD_CREATED])
			: (int)(micros / 1000));
		break;
	default: return value_absent;
	}
	/* A number's text is read with strtod(), which wants its end marked. */
	buf_putc(&r->field, '\0');
	if (r->field.failed)
		return value_absent;
	return value_number(r->field.data);
}

/* The value of a field; *spec becomes how it is to be converted. */
static struct value
field_value(struct render *r, const struct record *record, const struct render_arrival *arrival,
    const struct formatter_part *part, struct value msg, struct pyformat_spec *spec)
{
	struct value v;

	switch (part->field) {
	case -1:
		v = json_member(record->object, part->text, part->len);
		if (v.type == VALUE_ABSENT && record->extra.type == VALUE_OBJECT)
			v = json_member(record->extra, part->text, part->len);
		return v;
	case FIELD_MESSAGE: return msg;
	case FIELD_REMOTE_ADDR: return arrival->remote_addr;
	default: break;
	}
	reuse(r, &r->field);
	if (part->field == FIELD_ASCTIME) {
		write_asctime(r, record, arrival, &r->field);
		return text_of(&r->field);
	}
	if (part->field == FIELD_RECEIVED) {
		timestamp_utc(&r->field, arrival->time);
		return text_of(&r->field);
	}
	v = record->field[part->field];
	if (v.type == VALUE_ABSENT)
		return default_value(r, record, arrival, part->field);
	if (part->field == FIELD_ARGS && v.type == VALUE_ARRAY) {
		write_tuple(&r->field, v, spec->conversion);
		if (spec->conversion == 'a' || spec->conversion == 'r')
			spec->conversion = 's'; /* which it is already */
		return text_of(&r->field);
	}
	return v;
}

static void
write_field(struct render *r, const struct record *record, const struct render_arrival *arrival,
    const struct formatter_part *part, struct value msg, struct entry *e)
{
	struct pyformat_spec spec = part->spec;
	struct value v = field_value(r, record, arrival, part, msg, &spec);

	if (v.type == VALUE_ABSENT) {
		v = value_string("-");
		spec.conversion = 's';
	}
	if (v.type == VALUE_STRING && spec.conversion == 's' && spec.width <= 0 &&
	    spec.precision < 0) {
		entry_text(e, v.text, v.len);
		return;
	}
	reuse(r, &r->converted);
	/* Once a field and record: its work is bounded by what was sent. */
	if (pyformat_convert(&r->converted, &spec, v, r->bounds.text) != PYFORMAT_OK) {
		/* Python would have lost the record over this field: show it as it is. */
		spec.conversion = 's';
		spec.precision = -1;
		reuse(r, &r->converted);
		pyformat_convert(&r->converted, &spec, v, r->bounds.text);
	}
	entry_text(e, r->converted.data, r->converted.len);
}

/* --- what follows the line --- */

static void
write_block(struct render *r, struct entry *e, struct value v)
{
	reuse(r, &r->field);
	render_exception(e, v, &r->field);
}

/* `trace`, from the pbu client: a list of lines. Of another type it is somebody's own field. */
static void
write_trace(struct render *r, struct entry *e, struct value trace)
{
	const struct json_node *node;

	if (trace.type != VALUE_ARRAY) {
		if (trace.type == VALUE_STRING)
			write_block(r, e, trace);
		return;
	}
	node = json_first(trace);
	if (node != NULL)
		entry_break(e);
	while (node != NULL) {
		struct value line;

		reuse(r, &r->field);
		line = str(&r->field, json_value(node));
		entry_text(e, line.text, line.len);
		node = json_next(node);
		if (node != NULL)
			entry_text(e, "\n", 1);
	}
}

static void
write_text(struct render *r, const struct record *record, const struct render_arrival *arrival,
    struct value msg, struct buf *out)
{
	const struct formatter *f = r->formatter;
	struct entry e;

	entry_begin(&e, out);
	for (size_t i = 0; i < f->parts; i++) {
		const struct formatter_part *part = &f->part[i];

		if (part->literal)
			entry_text(&e, part->text, part->len);
		else
			write_field(r, record, arrival, part, msg, &e);
	}
	write_trace(r, &e, record->field[FIELD_TRACE]);
	if (record->exception.type != VALUE_ABSENT)
		write_block(r, &e, record->exception);
	if (record->stack.type != VALUE_ABSENT)
		write_block(r, &e, record->stack);
	entry_end(&e);
}

/* --- LOG_FORMAT=json --- */

static void
write_member(struct render *r, struct buf *out, const char *name, size_t len, struct value v)
{
	if (out->len > 0 && out->data[out->len - 1] != '{')
		buf_putc(out, ',');
	json_write_string(out, name, len, true);
	buf_putc(out, ':');
	if (!json_write(out, v, true))
		r->added.strings = true;
}

static struct value
received(struct render *r, int64_t time)
{
	if (r->received.len == 0 || r->received_at != time) {
		buf_clear(&r->received, KEEP_BYTES);
		timestamp_utc(&r->received, time);
		r->received_at = time;
		r->failed = r->failed || r->received.failed;
	}
	return text_of(&r->received);
}

/* What of a line is not as it was sent. */
struct line {
	struct render *render;
	const struct record *record;
	struct value message;
	bool message_written;
	record_fields left; /* had from other loggers' fields, and not written yet */
};

/* A member that was sent. */
static void
write_sent(struct line *l, struct buf *out, struct value name, struct value v)
{
	int f = record_field(name.text, name.len);

	if (f == FIELD_REMOTE_ADDR || f == FIELD_RECEIVED)
		return;
	if (f == FIELD_MESSAGE) {
		l->message_written = true;
		v = l->message;
	}
	if (f == FIELD_LEVELNAME || f == FIELD_NAME || f == FIELD_CREATED) {
		if (v.type == VALUE_NULL && (l->left & RECORD_BIT(f)) != 0) {
			v = l->record->field[f];
			l->render->added.fields |= RECORD_BIT(f);
		}
		l->left &= ~RECORD_BIT(f);
	}
	write_member(l->render, out, name.text, name.len, v);
}

/* A part of a line that is made already, and begins with a comma. */
static void
copy_part(struct buf *out, const struct buf *line, size_t from, size_t to)
{
	if (from < to && out->len > 0 && out->data[out->len - 1] == '{')
		from++;
	if (from < to)
		buf_append(out, line->data + from, to - from);
}

/* What was sent, by the line that the scan has made of it: only its holes are to be filled. They
 * have nodes in the same order, and others are in between. */
static void
fill_line(struct line *l, const struct record_line *made, struct buf *out)
{
	const struct json_node *node = json_first(l->record->sent);
	size_t at = 0;

	for (size_t i = 0; i < made->holes; i++) {
		const struct record_line_hole *hole = &made->hole[i];
		struct value name = value_absent;

		copy_part(out, &made->text, at, hole->at);
		at = hole->at;
		for (; node != NULL; node = json_next(node)) {
			name = json_name(node);
			if (name.len == hole->name.len &&
			    memcmp(name.text, hole->name.text, name.len) == 0)
				break;
		}
		if (node == NULL)
			break;
		write_sent(l, out, name, json_value(node));
		node = json_next(node);
	}
	copy_part(out, &made->text, at, made->text.len);
	l->left &= ~made->sent;
}

static void
write_json(struct render *r, const struct record *record, const struct render_arrival *arrival,
    struct value msg, struct buf *out)
{
	/* Had from other loggers' fields, so that whoever reads the file finds them by one name. */
	static const enum field named[] = {FIELD_LEVELNAME, FIELD_NAME, FIELD_CREATED};
	struct line l = {r, record, msg, false, record->derived};
	const struct json_node *node;

	buf_putc(out, '{');
	if (record->line != NULL) {
		fill_line(&l, record->line, out);
	} else {
		for (node = json_first(record->sent); node != NULL; node = json_next(node))
			write_sent(&l, out, json_name(node), json_value(node));
	}
	if (!l.message_written) {
		write_member(r, out, "message", 7, msg);
		r->added.fields |= RECORD_BIT(FIELD_MESSAGE);
	}
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		const char *name = record_field_name(named[i]);

		if ((l.left & RECORD_BIT(named[i])) != 0 &&
		    record->field[named[i]].type != VALUE_ABSENT) {
			write_member(r, out, name, strlen(name), record->field[named[i]]);
			r->added.fields |= RECORD_BIT(named[i]);
		}
	}
	if (arrival->remote_addr.type == VALUE_STRING)
		write_member(r, out, "remote_addr", 11, arrival->remote_addr);
	write_member(r, out, "received", 8, received(r, arrival->time));
	buf_puts(out, "}\n");
}

bool
render_record(struct render *r, const struct record *record, const struct render_arrival *arrival,
    struct buf *out)
{
	struct value msg;
	bool formatted;

	r->failed = r->over_max = false;
	r->added = (struct render_added){0};
	msg = message(r, record, &formatted);

	if (r->formatter->json)
		write_json(r, record, arrival, msg, out);
	else
		write_text(r, record, arrival, msg, out);
	reuse(r, &r->message);
	reuse(r, &r->field);
	reuse(r, &r->converted);
	out->failed = out->failed || r->failed;
	out->over_max = out->over_max || r->over_max;
	return formatted;
}
