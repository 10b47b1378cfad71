#include "reader/entry_json.h"

#include "json/json.h"
#include "json/text.h"

/* A long string is written in such pieces. */
#define PIECE ((size_t)16 * 1024)

/* The end of a piece that begins with `at`, of len bytes in all, so that no character is cut. */
static size_t
piece_end(const char *bytes, size_t at, size_t len)
{
	size_t end = at + PIECE;

	if (len - at <= PIECE)
		return len;
	for (int i = 0; i < 3 && ((unsigned char)bytes[end] & 0xc0) == 0x80; i++)
		end--;
	return end;
}

void
entry_json_string(struct entry_json *j, struct buf *out, const char *bytes, size_t len)
{
	size_t end;

	buf_putc(out, '"');
	for (size_t at = 0; at < len; at = end) {
		end = piece_end(bytes, at, len);
		j->text.len = 0;
		text_from_bytes(&j->text, bytes + at, end - at);
		if (j->text.failed) {
			out->failed = true;
			buf_free(&j->text);
		} else {
			json_write_characters(out, j->text.data, j->text.len, true);
		}
		if (end < len && j->drain != NULL && !j->drain(j->context, out))
			break;
	}
	buf_putc(out, '"');
}

/* A member after the first; null where the format does not hold it. */
static void
append_member(struct entry_json *j, struct buf *out, const char *name, struct entry_span value)
{
	buf_puts(out, name);
	if (value.data == NULL)
		buf_puts(out, "null");
	else
		entry_json_string(j, out, value.data, value.len);
}

void
entry_json_append(
    struct entry_json *j, struct buf *out, const struct walk_entry *entry, struct civil_zone *zone)
{
	const struct entry_span text = {entry->text, entry->len};
	struct cursor cursor = {.levels = LEVEL_BIT(entry->level)};
	struct entry_fields fields = {0};
	char time[CIVIL_ISO_SIZE];

	entry_parse(j->parser, &j->parse, entry->text, entry->len, &fields);
	if (entry->ms == INT64_MIN) {
		buf_puts(out, "{\"ts\": null");
	} else {
		civil_iso(zone, entry->ms, time);
		buf_puts(out, "{\"ts\": \"");
		buf_puts(out, time);
		buf_putc(out, '"');
	}
	append_member(j, out, ", \"level\": ", fields.level);
	append_member(j, out, ", \"logger\": ", fields.logger);
	append_member(j, out, ", \"message\": ", fields.message);
	append_member(j, out, ", \"text\": ", text);
	buf_puts(out, ", \"cursor\": \"");
	cursor.at[entry->level] = entry->at;
	cursor_print(out, &cursor);
	buf_puts(out, "\"}");
}

void
entry_json_free(struct entry_json *j)
{
	entry_parse_free(&j->parse);
	buf_free(&j->text);
}
