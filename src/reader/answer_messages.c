#include "reader/answering_peers.h"
#include "reader/moment.h"

#include <time.h>

/*
 * GET /api/log/messages?date=&level=&timezone=, as the seed's newest server has it: a day of one
 * level as [{"ts": ..., "name": ..., "msg": ..., "detail": [...]}], the lines after an entry's
 * first as its detail. Oldest first.
 */

/* The day, of the client's zone: today, unless it says. False: there is no such day. */
static bool
find_day(struct selection *s)
{
	struct civil day;

	if (s->date[0] == '\0') {
		civil_from_ms(&s->zone, (int64_t)time(NULL) * 1000, &day);
		day = (struct civil){.year = day.year, .month = day.month, .day = day.day};
		s->start = civil_to_ms(&s->zone, &day);
	} else if (!moment_parse(s->date, &s->zone, 0, &s->start)) {
		return false;
	}
	/* 36 hours later it is the next day, whatever the clocks do at night. */
	civil_from_ms(&s->zone, s->start + INT64_C(36) * 3600 * 1000, &day);
	day = (struct civil){.year = day.year, .month = day.month, .day = day.day};
	s->end = civil_to_ms(&s->zone, &day);
	return true;
}

static void
append_detail(struct answering *a, const struct walk_entry *entry)
{
	const char *end = entry->text + entry->len, *line = memchr(entry->text, '\n', entry->len);
	bool first = true;

	buf_puts(&a->buf, ", \"detail\": [");
	while (line != NULL) {
		const char *from = line + 1, *next;

		/* The tab is the file's. */
		if (from < end && *from == '\t')
			from++;
		next = memchr(from, '\n', (size_t)(end - from));
		if (!first)
			buf_puts(&a->buf, ", ");
		entry_json_string(
		    &a->json, &a->buf, from, (size_t)((next != NULL ? next : end) - from));
		first = false;
		line = next;
		/* A line may be empty, and there may be millions of them. */
		if (!a->json.drain(a->json.context, &a->buf))
			break;
	}
	buf_puts(&a->buf, "]}");
}

static void
append_message(
    struct answering *a, const struct walk_entry *entry, const struct entry_fields *given)
{
	const char *line_end = memchr(entry->text, '\n', entry->len);
	struct entry_fields fields = {0};
	char time[CIVIL_ISO_SIZE];

	if (given != NULL)
		fields = *given;
	else
		entry_parse(a->json.parser, &a->json.parse, entry->text, entry->len, &fields);
	if (fields.message.data == NULL)
		fields.message = (struct entry_span){
		    entry->text, line_end != NULL ? (size_t)(line_end - entry->text) : entry->len};
	if (fields.logger.data == NULL)
		fields.logger = (struct entry_span){"", 0};
	civil_iso(&a->selection->zone, entry->ms, time);
	buf_puts(&a->buf, a->matched == 0 ? "\n" : ",\n");
	buf_printf(&a->buf, "{\"ts\": \"%s\", \"name\": ", time);
	entry_json_string(&a->json, &a->buf, fields.logger.data, fields.logger.len);
	buf_puts(&a->buf, ", \"msg\": ");
	entry_json_string(&a->json, &a->buf, fields.message.data, fields.message.len);
	append_detail(a, entry);
}

void
answer_messages(const struct reading *r, struct selection *s, struct stream *out)
{
	static const struct answering_whole whole = {.content_type = "application/json",
	    .forward = true,
	    .limit = UINT64_MAX,
	    .before = "[",
	    .after = "\n]\n",
	    .append = append_message};
	struct answering a;

	if (reading_is_along(r, s) && find_day(s)) {
		answering_peers_whole(r, s, out, &whole);
		return;
	}
	answering_init(&a, r, s, out);
	if (find_day(s))
		answering_whole(&a, &whole);
	else
		answering_refuse(&a, 400, "date: must be a day, such as 2026-11-24");
	answering_end(&a);
}
