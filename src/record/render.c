#include "record/render.h"

#include "level.h"
#include "python/pyvalue.h"
#include "record/entry.h"
#include "record/json.h"

#include <stdio.h>

/* Buffers larger than this are given back after the record that needed them. */
#define KEEP_BYTES (64 * 1024)

static const struct value absent = {VALUE_ABSENT, NULL, 0, NULL};

void
render_init(struct render *r, const struct formatter *formatter, size_t message_max)
{
	*r = (struct render){.formatter = formatter, .message_max = message_max};
}

void
render_free(struct render *r)
{
	buf_free(&r->seconds.text);
	buf_free(&r->message);
	buf_free(&r->field);
	buf_free(&r->converted);
}

/* Empties a buffer for its next use; that it failed must not be forgotten with it. */
static void
reuse(struct render *r, struct buf *b)
{
	r->failed = r->failed || b->failed;
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

/* The message of a record; *formatted tells whether Python would have made it too. */
static struct value
message(struct render *r, const struct record *record, bool *formatted)
{
	struct value args = record->field[FIELD_ARGS], msg;

	reuse(r, &r->message);
	reuse(r, &r->field);
	*formatted = true;
	if (record->field[FIELD_MESSAGE].type != VALUE_ABSENT)
		return str(&r->message, record->field[FIELD_MESSAGE]);
	if (!value_truthy(args))
		return str(&r->message, record->field[FIELD_MSG]);
	msg = str(&r->field, record->field[FIELD_MSG]);
	if (pyformat_percent(&r->message, msg, args, r->message_max) != PYFORMAT_OK) {
		*formatted = false;
		reuse(r, &r->message);
		buf_append(&r->message, msg.text, msg.len);
		buf_puts(&r->message, " args=");
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
	    sent ? record->created : (time_t)(arrival->time / TIMESTAMP_NS));
	if (r->formatter->date_format != NULL)
		return;
	if (msecs.type == VALUE_ABSENT) {
		snprintf(number, sizeof(number), "%d",
		    sent ? timestamp_msecs(record->field[FIELD_CREATED])
			 : (int)(arrival->time % TIMESTAMP_NS / 1000000));
		msecs = value_number(number);
	}
	buf_putc(out, ',');
	pyformat_convert(out, &three_digits, msecs, r->message_max);
}

/* A tuple's repr(): record.args is a tuple where JSON has a list. */
static void
write_tuple(struct buf *out, struct value list)
{
	const struct json_node *node = json_first(list);
	size_t n = 0;

	buf_putc(out, '(');
	for (; node != NULL; node = json_next(node)) {
		if (n++ > 0)
			buf_puts(out, ", ");
		pyvalue_repr(out, json_value(node));
	}
	buf_puts(out, n == 1 ? ",)" : ")");
}

/* The value of a field that was not sent and has a default, in r->field. */
static struct value
default_value(
    struct render *r, const struct record *record, const struct render_arrival *arrival, int field)
{
	long long micros = (long long)(arrival->time % TIMESTAMP_NS / 1000);
	char name[64];

	switch (field) {
	case FIELD_NAME: return value_string("root");
	case FIELD_LEVELNAME:
		buf_puts(&r->field, level_name_of(record->levelno, name, sizeof(name)));
		return text_of(&r->field);
	case FIELD_LEVELNO: buf_printf(&r->field, "%ld", record->levelno); break;
	case FIELD_CREATED:
		buf_printf(
		    &r->field, "%lld.%06lld", (long long)(arrival->time / TIMESTAMP_NS), micros);
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
	default: return absent;
	}
	/* A number's text is read with strtod(), which wants its end marked. */
	buf_putc(&r->field, '\0');
	if (r->field.failed)
		return absent;
	return value_number(r->field.data);
}

static struct value
field_value(struct render *r, const struct record *record, const struct render_arrival *arrival,
    const struct formatter_part *part, struct value msg)
{
	struct value v;

	switch (part->field) {
	case -1: return json_member(record->object, part->text, part->len);
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
		write_tuple(&r->field, v);
		return text_of(&r->field);
	}
	return v;
}

static void
write_part(struct render *r, const struct formatter_part *part, struct value v, struct entry *e)
{
	struct pyformat_spec spec = part->spec;

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
	if (pyformat_convert(&r->converted, &spec, v, r->message_max) != PYFORMAT_OK) {
		/* Python would have lost the record over this field: show it as it is. */
		spec.conversion = 's';
		spec.precision = -1;
		reuse(r, &r->converted);
		pyformat_convert(&r->converted, &spec, v, r->message_max);
	}
	if (r->converted.failed)
		e->out->failed = true;
	entry_text(e, r->converted.data, r->converted.len);
}

/* --- what follows the line --- */

static void
write_block(struct entry *e, struct value text)
{
	if (text.type != VALUE_STRING || text.len == 0)
		return;
	entry_break(e);
	entry_text(e, text.text, text.len);
}

/* `trace`, from the pbu client: a list of lines. Of another type it is somebody's own field. */
static void
write_trace(struct render *r, struct entry *e, struct value trace)
{
	const struct json_node *node;

	if (trace.type != VALUE_ARRAY) {
		write_block(e, trace);
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
			write_part(r, part, field_value(r, record, arrival, part, msg), &e);
	}
	write_trace(r, &e, record->field[FIELD_TRACE]);
	write_block(&e, record->field[FIELD_EXC_TEXT]);
	write_block(&e, record->field[FIELD_STACK_INFO]);
	entry_end(&e);
}

/* --- LOG_FORMAT=json --- */

static void
write_member(struct buf *out, const char *name, size_t len, struct value v)
{
	if (out->len > 0 && out->data[out->len - 1] != '{')
		buf_putc(out, ',');
	json_write_string(out, name, len, true);
	buf_putc(out, ':');
	json_write(out, v, true);
}

static void
write_json(struct render *r, const struct record *record, const struct render_arrival *arrival,
    struct value msg, struct buf *out)
{
	const struct json_node *node;
	bool message_written = false;

	buf_putc(out, '{');
	for (node = json_first(record->object); node != NULL; node = json_next(node)) {
		struct value name = json_name(node), v = json_value(node);
		int f = record_field(name.text, name.len);

		if (f == FIELD_REMOTE_ADDR || f == FIELD_RECEIVED)
			continue;
		if (f == FIELD_MESSAGE) {
			message_written = true;
			v = msg;
		}
		write_member(out, name.text, name.len, v);
	}
	if (!message_written)
		write_member(out, "message", 7, msg);
	if (arrival->remote_addr.type == VALUE_STRING)
		write_member(out, "remote_addr", 11, arrival->remote_addr);
	reuse(r, &r->field);
	timestamp_utc(&r->field, arrival->time);
	write_member(out, "received", 8, text_of(&r->field));
	buf_puts(out, "}\n");
}

bool
render_record(struct render *r, const struct record *record, const struct render_arrival *arrival,
    struct buf *out)
{
	struct value msg;
	bool formatted;

	reuse(r, &r->converted);
	reuse(r, &r->field);
	reuse(r, &r->message);
	r->failed = false;
	msg = message(r, record, &formatted);

	if (r->formatter->json)
		write_json(r, record, arrival, msg, out);
	else
		write_text(r, record, arrival, msg, out);
	if (r->failed || r->message.failed || r->field.failed || r->converted.failed)
		out->failed = true;
	return formatted;
}
