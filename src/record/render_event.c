#include "python/pyvalue.h"
#include "record/render_inside.h"
#include "json/json.h"

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

struct value
render_event(struct render *r, const struct record *record)
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
	return render_text_of(&r->message);
}
