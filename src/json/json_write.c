#include "json/json.h"
#include "json/text.h"

void
json_write_characters(struct buf *out, const char *text, size_t len, bool strict)
{
	const char *at = text, *end = text + len, *run = text;
	char escape[TEXT_ESCAPE_MAX];

	while (at < end) {
		const char *here;
		uint32_t c;

		/* Eight at a time, which takes a third of the time of one by one. */
		while (end - at >= 8) {
			uint64_t word, special;

			memcpy(&word, at, 8);
			special = text_special_bytes(word) | text_delete_bytes(word);
			if (special != 0) {
				at += text_plain_bytes(special);
				break;
			}
			at += 8;
		}
		while (at < end && *at != 0x7f && text_is_plain((unsigned char)*at))
			at++;
		if (at == end)
			break;
		here = at;
		c = text_next(&at, end);

		if (c >= 0x20 && c != '"' && c != '\\' && !(strict && text_unsafe(c)))
			continue;
		buf_append(out, run, (size_t)(here - run));
		run = at;
		switch (c) {
		case '"': buf_puts(out, "\\\""); break;
		case '\\': buf_puts(out, "\\\\"); break;
		case '\b': buf_puts(out, "\\b"); break;
		case '\f': buf_puts(out, "\\f"); break;
		case '\n': buf_puts(out, "\\n"); break;
		case '\r': buf_puts(out, "\\r"); break;
		case '\t': buf_puts(out, "\\t"); break;
		default: buf_append(out, escape, text_escape_unsafe(escape, c, true));
		}
	}
	buf_append(out, run, (size_t)(end - run));
}

void
json_write_string(struct buf *out, const char *text, size_t len, bool strict)
{
	buf_putc(out, '"');
	json_write_characters(out, text, len, strict);
	buf_putc(out, '"');
}

/* False: as a string. */
static bool
write_number(struct buf *out, struct value v, bool strict)
{
	char last = v.text[v.len - 1];

	/* NaN and (-)Infinity are the only ones that end in a letter. */
	if (strict && (last == 'N' || last == 'y')) {
		json_write_string(out, v.text, v.len, strict);
		return false;
	}
	buf_append(out, v.text, v.len);
	return true;
}

bool
json_write(struct buf *out, struct value v, bool strict)
{
	const struct json_node *node;
	const char *separator = "";
	bool same = true;

	switch (v.type) {
	case VALUE_ABSENT:
	case VALUE_NULL: buf_puts(out, "null"); break;
	case VALUE_FALSE: buf_puts(out, "false"); break;
	case VALUE_TRUE: buf_puts(out, "true"); break;
	case VALUE_NUMBER: return write_number(out, v, strict);
	case VALUE_STRING:
	case VALUE_LITERAL: json_write_string(out, v.text, v.len, strict); break;
	case VALUE_ARRAY:
	case VALUE_OBJECT:
		buf_putc(out, v.type == VALUE_ARRAY ? '[' : '{');
		for (node = json_first(v); node != NULL; node = json_next(node)) {
			buf_puts(out, separator);
			separator = ",";
			if (v.type == VALUE_OBJECT) {
				struct value name = json_name(node);

				json_write_string(out, name.text, name.len, strict);
				buf_putc(out, ':');
			}
			if (!json_write(out, json_value(node), strict))
				same = false;
		}
		buf_putc(out, v.type == VALUE_ARRAY ? ']' : '}');
		break;
	}
	return same;
}
