#include "record/record_line.h"
#include "record/render_inside.h"
#include "json/json.h"

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
		buf_clear(&r->received, RENDER_KEEP);
		timestamp_utc(&r->received, time);
		r->received_at = time;
		r->failed = r->failed || r->received.failed;
	}
	return render_text_of(&r->received);
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

void
render_json(struct render *r, const struct record *record, const struct render_arrival *arrival,
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
