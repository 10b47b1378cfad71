#include "record/render.h"

#include "base/clock.h"
#include "base/level.h"
#include "python/pybool.h"
#include "python/pyvalue.h"
#include "record/entry.h"
#include "record/render_exception.h"
#include "record/render_inside.h"
#include "json/json.h"

#include <stdio.h>

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

/* --- the message --- */

/* LogRecord.getMessage(); *formatted tells whether Python would have made it too. */
static struct value
message(struct render *r, const struct record *record, bool *formatted)
{
	struct value args = record->field[FIELD_ARGS], msg;

	*formatted = true;
	if (record->event && !r->formatter->json)
		return render_event(r, record);
	if (record->field[FIELD_MESSAGE].type != VALUE_ABSENT)
		return render_str(&r->message, record->field[FIELD_MESSAGE]);
	if (!pybool(args))
		return render_str(&r->message, record->field[FIELD_MSG]);
	msg = render_str(&r->field, record->field[FIELD_MSG]);
	if (pyformat_percent(&r->message, msg, args, r->bounds.message, &r->bounds.work) !=
	    PYFORMAT_OK) {
		*formatted = false;
		render_reuse(r, &r->message);
		buf_append(&r->message, msg.text, msg.len);
		buf_puts(&r->message, " args=");
		if (args.type == VALUE_LITERAL)
			buf_append(&r->message, args.text, args.len);
		else
			json_write(&r->message, args, false);
	}
	return render_text_of(&r->message);
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
		return render_text_of(&r->field);
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
	render_reuse(r, &r->field);
	if (part->field == FIELD_ASCTIME) {
		write_asctime(r, record, arrival, &r->field);
		return render_text_of(&r->field);
	}
	if (part->field == FIELD_RECEIVED) {
		timestamp_utc(&r->field, arrival->time);
		return render_text_of(&r->field);
	}
	v = record->field[part->field];
	if (v.type == VALUE_ABSENT)
		return default_value(r, record, arrival, part->field);
	if (part->field == FIELD_ARGS && v.type == VALUE_ARRAY) {
		write_tuple(&r->field, v, spec->conversion);
		if (spec->conversion == 'a' || spec->conversion == 'r')
			spec->conversion = 's'; /* which it is already */
		return render_text_of(&r->field);
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
	render_reuse(r, &r->converted);
	/* Once a field and record: its work is bounded by what was sent. */
	if (pyformat_convert(&r->converted, &spec, v, r->bounds.text) != PYFORMAT_OK) {
		/* Python would have lost the record over this field: show it as it is. */
		spec.conversion = 's';
		spec.precision = -1;
		render_reuse(r, &r->converted);
		pyformat_convert(&r->converted, &spec, v, r->bounds.text);
	}
	entry_text(e, r->converted.data, r->converted.len);
}

/* --- what follows the line --- */

static void
write_block(struct render *r, struct entry *e, struct value v)
{
	render_reuse(r, &r->field);
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

		render_reuse(r, &r->field);
		line = render_str(&r->field, json_value(node));
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
		render_json(r, record, arrival, msg, out);
	else
		write_text(r, record, arrival, msg, out);
	render_reuse(r, &r->message);
	render_reuse(r, &r->field);
	render_reuse(r, &r->converted);
	out->failed = out->failed || r->failed;
	out->over_max = out->over_max || r->over_max;
	return formatted;
}
