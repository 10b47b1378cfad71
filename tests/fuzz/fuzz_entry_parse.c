/*
 * Lines with LOG_FORMAT and LOG_DATE_FORMAT (empty: Python's default), then an entry: what it says
 * of its record.
 */
#include "fuzz.h"
#include "record/entry_parse.h"

#include <time.h>

/* The text lies in the entry, or in what was decoded of it. */
static void
check_span(const struct entry_span *span, const struct buf *entry, const struct entry_parse *t)
{
	const char *end;

	if (span->data == NULL) {
		require(span->len == 0);
		return;
	}
	end = span->data + span->len;
	require((span->data >= entry->data && end <= entry->data + entry->len) ||
		(t->scratch.len > 0 && span->data >= t->scratch.data &&
		    end <= t->scratch.data + t->scratch.len));
}

/* What is remembered of one entry changes nothing of the next. */
static void
check_afresh(
    const struct entry_parser *p, const struct buf *entry, const struct entry_fields *before)
{
	struct entry_parse t = {.second_len = 0};
	struct entry_fields f;
	int64_t ms = 0;

	require(entry_parse_time(p, &t, entry->data, entry->len, &ms) == before->timed);
	require(!before->timed || ms == before->ms);
	entry_parse(p, &t, entry->data, entry->len, &f);
	require(f.fits == before->fits && f.timed == before->timed && f.ms == before->ms);
	require(f.message.len == before->message.len && f.level.len == before->level.len);
	entry_parse_free(&t);
}

static void
parse(const struct entry_parser *p, const struct buf *entry)
{
	struct entry_parse t = {.second_len = 0};
	struct entry_fields f;
	int64_t ms = 0;

	entry_parse(p, &t, entry->data, entry->len, &f);
	require(f.fits || !f.timed);
	check_span(&f.level, entry, &t);
	check_span(&f.logger, entry, &t);
	check_span(&f.message, entry, &t);
	require(entry_parse_time(p, &t, entry->data, entry->len, &ms) == f.timed);
	require(!f.timed || ms == f.ms);
	check_afresh(p, entry, &f);
	entry_parse_free(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf format = fuzz_line(&data, &size), date = fuzz_line(&data, &size);
	struct buf why = BUF_INIT, entry = BUF_INIT;
	struct entry_parser *p;

	if (getenv("FUZZ_ZONE") == NULL) {
		setenv("TZ", "Europe/Berlin", 1);
		setenv("FUZZ_ZONE", "", 1);
		tzset();
	}
	/* An environment variable holds no zero byte. */
	buf_putc(&format, '\0');
	buf_putc(&date, '\0');
	p = entry_parser_new(format.data, *date.data != '\0' ? date.data : NULL, &why);
	require((p == NULL) == (why.len > 0));
	if (p != NULL) {
		/* Exactly as large as it is, so that a sanitizer sees a byte too many. */
		entry.data = malloc(size > 0 ? size : 1);
		require(entry.data != NULL);
		if (size > 0)
			memcpy(entry.data, data, size);
		entry.len = entry.cap = size;
		parse(p, &entry);
		entry_parser_free(p);
	}
	buf_free(&entry);
	buf_free(&format);
	buf_free(&date);
	buf_free(&why);
	return 0;
}
