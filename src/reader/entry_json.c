#include "reader/entry_json.h"

#include "reader/cursor_servers.h"
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
entry_json_show(
    struct entry_json *j, struct buf *out, const struct entry_shown *entry, struct civil_zone *zone)
{
	struct cursor cursor = {.levels = LEVEL_BIT(entry->level)};
	char time[CIVIL_ISO_SIZE];

	if (entry->ms == INT64_MIN) {
		buf_puts(out, "{\"ts\": null");
	} else {
		civil_iso(zone, entry->ms, time);
		buf_puts(out, "{\"ts\": \"");
		buf_puts(out, time);
		buf_putc(out, '"');
	}
	append_member(j, out, ", \"level\": ", entry->fields.level);
	append_member(j, out, ", \"logger\": ", entry->fields.logger);
	append_member(j, out, ", \"message\": ", entry->fields.message);
	append_member(j, out, ", \"text\": ", entry->text);
	buf_puts(out, ", \"cursor\": \"");
	cursor.at[entry->level] = entry->at;
	if (entry->server == NULL) {
		cursor_print(out, &cursor);
		buf_puts(out, "\"}");
		return;
	}
	cursor_servers_print(out, entry->id, &cursor);
	buf_puts(out, "\", \"server\": ");
	entry_json_string(j, out, entry->server, strlen(entry->server));
	buf_putc(out, '}');
}

void
entry_json_append(
    struct entry_json *j, struct buf *out, const struct walk_entry *entry, struct civil_zone *zone)
{
	struct entry_shown shown = {.text = {entry->text, entry->len},
	    .ms = entry->ms,
	    .level = entry->level,
	    .at = entry->at};

	entry_parse(j->parser, &j->parse, entry->text, entry->len, &shown.fields);
	entry_json_show(j, out, &shown, zone);
}

void
entry_json_free(struct entry_json *j)
{
	entry_parse_free(&j->parse);
	buf_free(&j->text);
}
