#include "server/intake.h"

#include "base/clock.h"
#include "base/gunzip.h"
#include "record/record.h"
#include "record/record_line.h"
#include "record/render.h"
#include "server/form.h"
#include "json/json.h"
#include "json/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Memory that is kept between bodies: that of the entries of a hundred usual records. */
#define KEEP_ENTRIES (16 * 1024)

/* And that of the text of a hundred. */
#define KEEP_UNPACKED (64 * 1024)

/* What a body may grow to and cost; doc/design.md ("Memory and work") explains it. */
#define DECODED_FACTOR 8
#define DECODED_LEAST  ((size_t)64 * 1024)
#define ENTRIES_FACTOR 8
#define ENTRIES_LEAST  ((size_t)1024 * 1024)
#define MESSAGE_FACTOR 1
#define MESSAGE_LEAST  ((size_t)256 * 1024)
#define TEXT_FACTOR    3
#define TEXT_LEAST     ((size_t)512 * 1024)
#define WORK_FACTOR    32
#define WORK_LEAST     ((size_t)1024 * 1024)

struct intake {
	const struct intake_settings *settings;
	struct json_decoder *decoder;
	struct record_wanted wanted;
	struct record_line line; /* with LOG_FORMAT=json, of what came as JSON */
	struct form form;
	struct render render;
	struct buf remote_addr;
	struct gunzip *gunzip; /* once there was something to unpack */
	struct buf unpacked;
	size_t entries_left; /* bytes that the entries of this body may still take */
};

/* least + factor * len, as far as a size_t goes. */
static size_t
bound(size_t least, size_t factor, size_t len)
{
	return len > (SIZE_MAX - least) / factor ? SIZE_MAX : least + factor * len;
}

struct intake *
intake_new(const struct intake_settings *settings)
{
	struct intake *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return NULL;
	in->settings = settings;
	in->decoder = json_decoder_new(
	    bound(DECODED_LEAST, DECODED_FACTOR, settings->max_body), settings->budget);
	if (in->decoder == NULL) {
		free(in);
		return NULL;
	}
	in->wanted = formatter_wanted(settings->formatter);
	record_line_init(&in->line, settings->budget);
	if (settings->formatter->json)
		json_decoder_skip(in->decoder, record_line_skip, &in->line);
	else
		json_decoder_skip(in->decoder, record_skip, &in->wanted);
	form_init(&in->form, settings->budget);
	render_init(&in->render, settings->formatter, settings->budget);
	in->remote_addr.budget = settings->budget;
	in->unpacked.budget = settings->budget;
	in->unpacked.max = settings->max_body;
	return in;
}

void
intake_free(struct intake *in)
{
	if (in == NULL)
		return;
	json_decoder_free(in->decoder);
	record_line_free(&in->line);
	form_free(&in->form);
	render_free(&in->render);
	buf_free(&in->remote_addr);
	buf_free(&in->unpacked);
	gunzip_free(in->gunzip);
	free(in);
}

void
intake_clear(struct entries *entries)
{
	for (int i = 0; i < LEVEL_COUNT; i++) {
		buf_clear(&entries->level[i], KEEP_ENTRIES);
		entries->records[i] = 0;
	}
	buf_clear(&entries->marks, KEEP_ENTRIES);
	buf_clear(&entries->keys, KEEP_ENTRIES);
}

void
intake_free_entries(struct entries *entries)
{
	for (int i = 0; i < LEVEL_COUNT; i++)
		buf_free(&entries->level[i]);
	buf_free(&entries->marks);
	buf_free(&entries->keys);
}

/* Puts into words what is wrong, after "record 3: " where there are several. */
static enum intake_status refuse(struct intake *in, struct intake_result *r,
    enum intake_status status, const char *format, ...) __attribute__((format(printf, 4, 5)));

static enum intake_status
refuse(
    struct intake *in, struct intake_result *r, enum intake_status status, const char *format, ...)
{
	int n = 0;
	va_list ap;

	if (json_is_batch(in->decoder))
		n = snprintf(r->what, sizeof(r->what), "record %zu: ", r->counts.records);
	va_start(ap, format);
	vsnprintf(r->what + n, sizeof(r->what) - (size_t)n, format, ap);
	va_end(ap);
	return status;
}

static enum intake_status
no_memory(struct intake_result *r)
{
	snprintf(r->what, sizeof(r->what), "the server is busy; send it again");
	return INTAKE_NO_MEMORY;
}

/*
 * Reads a record; of structlog's all members are shown, also those that were left out. Else false:
 * *status tells why, and r in words.
 */
static bool
read_record(struct intake *in, struct value object, struct record *record, struct intake_result *r,
    enum intake_status *status)
{
	bool json = in->settings->formatter->json, line = record_line_is_whole(&in->line);
	enum json_status whole = JSON_RECORD;
	struct record_error e;
	bool good;

	if (json && !line)
		whole = json_whole_record(in->decoder, &object);
	good = whole == JSON_RECORD &&
	       record_read(record, object, line ? &in->line.wanted : &in->wanted, &e);
	if (good && record->event && !json) {
		whole = json_whole_record(in->decoder, &object);
		good = whole == JSON_RECORD && record_read(record, object, &in->wanted, &e);
	}
	record->line = line ? &in->line : NULL;
	if (whole == JSON_TOO_LARGE)
		*status = refuse(in, r, INTAKE_TOO_LARGE, "too many values in one record");
	else if (whole != JSON_RECORD)
		*status = no_memory(r);
	else if (!good)
		*status = refuse(in, r, INTAKE_BAD, "\"%s\" %s", e.field, e.what);
	return good;
}

/* Notes an entry for who wants each by itself. Python's logger without a name is called root. */
static bool
mark(struct intake *in, struct entries *entries, const struct record *record, size_t index,
    enum level level, size_t len)
{
	struct value name = record->field[FIELD_NAME];
	struct entry_mark m = {.len = len, .index = (uint32_t)index, .level = level};
	char added[RENDER_ADDED_SIZE];

	if (name.type != VALUE_STRING || name.len == 0)
		name = value_string("root");
	m.key_len = (uint32_t)name.len;
	m.added_len = (uint32_t)render_added_put(&in->render.added, added);
	buf_append(&entries->keys, name.text, name.len);
	buf_append(&entries->keys, added, m.added_len);
	buf_append(&entries->marks, &m, sizeof(m));
	return !entries->keys.failed && !entries->marks.failed;
}

/* Renders one record. */
static enum intake_status
take_record(struct intake *in, struct value object, const struct render_arrival *arrival,
    struct entries *entries, struct intake_result *r)
{
	enum intake_status status = INTAKE_GOOD;
	struct record record;
	enum json_status whole;
	struct buf *out;
	size_t before;
	int level;

	if (!read_record(in, object, &record, r, &status))
		return status;
	level = level_route(in->settings->levels, record.levelno);
	if (level < 0) {
		r->counts.dropped++;
		return INTAKE_GOOD;
	}
	if (in->settings->marks)
		level = level_route(~0U, record.levelno);
	out = &entries->level[level];
	before = out->len;
	out->max = before + in->entries_left;
	if (!render_record(&in->render, &record, arrival, out))
		r->counts.unformatted++;
	entries->records[level]++;
	whole = json_record_status(in->decoder);
	if (whole == JSON_TOO_LARGE)
		return refuse(in, r, INTAKE_TOO_LARGE, "too many values in one record");
	if (out->over_max || out->len - before >= in->entries_left)
		return refuse(in, r, INTAKE_TOO_LARGE, "the entries would be too large");
	in->entries_left -= out->len - before;
	if (in->settings->marks &&
	    !mark(in, entries, &record, r->counts.records, (enum level)level, out->len - before))
		return no_memory(r);
	return out->failed || whole != JSON_RECORD ? no_memory(r) : INTAKE_GOOD;
}

static enum intake_status
take_records(struct intake *in, const struct render_arrival *arrival, struct entries *entries,
    struct intake_result *r)
{
	enum intake_status status = INTAKE_GOOD;
	const char *what = NULL;
	size_t offset = 0;

	for (; status == INTAKE_GOOD; r->counts.records++) {
		struct value object;

		record_line_begin(&in->line);
		switch (json_next_record(in->decoder, &object, &what, &offset)) {
		case JSON_RECORD: break;
		case JSON_END: return INTAKE_GOOD;
		case JSON_SYNTAX:
			return refuse(in, r, INTAKE_BAD, "not JSON: %s, at byte %zu", what, offset);
		case JSON_NOT_RECORD:
			return refuse(in, r, INTAKE_BAD,
			    "not a record but another JSON value, at byte %zu", offset);
		case JSON_TOO_LARGE:
			return refuse(in, r, INTAKE_TOO_LARGE, "too many values in one record");
		case JSON_NO_MEMORY: return no_memory(r);
		}
		status = take_record(in, object, arrival, entries, r);
	}
	return status;
}

/* A form is one record. */
static enum intake_status
take_form(struct intake *in, const char *text, size_t len, const struct render_arrival *arrival,
    struct entries *entries, struct intake_result *r)
{
	struct value object;
	const char *what;
	size_t offset;

	if (!form_read(&in->form, text, len, &what, &offset)) {
		if (what == NULL)
			return no_memory(r);
		return refuse(in, r, INTAKE_BAD, "not a form: %s, at byte %zu", what, offset);
	}
	switch (json_decode(in->decoder, &in->form.record, &object)) {
	case JSON_RECORD: break;
	case JSON_TOO_LARGE:
		return refuse(in, r, INTAKE_TOO_LARGE, "too many values in one record");
	default: return no_memory(r);
	}
	record_line_begin(&in->line);
	r->counts.records = 1;
	return take_record(in, object, arrival, entries, r);
}

/* The text of a packed body, into in->unpacked. */
static enum intake_status
unpack(struct intake *in, const struct intake_body *body, struct intake_result *r)
{
	const char *what = NULL;
	size_t offset = 0;

	buf_clear(&in->unpacked, KEEP_UNPACKED);
	if (in->gunzip == NULL)
		in->gunzip = gunzip_new();
	if (in->gunzip == NULL)
		return no_memory(r);
	switch (gunzip_text(in->gunzip, body->bytes, body->len, &in->unpacked, &what, &offset)) {
	case GUNZIP_GOOD: return INTAKE_GOOD;
	case GUNZIP_NO_MEMORY: return no_memory(r);
	case GUNZIP_BROKEN:
		snprintf(r->what, sizeof(r->what), "not gzip: %s, at byte %zu", what, offset);
		return INTAKE_BAD;
	case GUNZIP_TOO_LARGE:
		snprintf(r->what, sizeof(r->what),
		    "the body unpacks to more than %zu bytes, which is the most (MAX_BODY_BYTES)",
		    in->settings->max_body);
		return INTAKE_TOO_LARGE;
	}
	return INTAKE_BAD;
}

/* What the entries of a text of len bytes may take and cost. */
static void
set_bounds(struct intake *in, size_t len)
{
	in->entries_left = bound(ENTRIES_LEAST, ENTRIES_FACTOR, len);
	render_begin(&in->render, &(struct render_bounds){
				      .message = bound(MESSAGE_LEAST, MESSAGE_FACTOR, len),
				      .text = bound(TEXT_LEAST, TEXT_FACTOR, len),
				      .work = bound(WORK_LEAST, WORK_FACTOR, len),
				  });
}

/* The records of a text. */
static enum intake_status
take_text(struct intake *in, const struct intake_body *body, const char *text, size_t len,
    struct entries *entries, struct intake_result *r)
{
	struct render_arrival arrival = {.remote_addr = value_absent};
	const char *remote_addr = body->remote_addr;
	bool lines = body->format == INTAKE_LINES;
	enum intake_status status;

	set_bounds(in, len);
	if (remote_addr != NULL && *remote_addr != '\0') {
		buf_clear(&in->remote_addr, KEEP_ENTRIES);
		text_from_bytes(&in->remote_addr, remote_addr, strlen(remote_addr));
		if (in->remote_addr.failed)
			return no_memory(r);
		arrival.remote_addr =
		    (struct value){VALUE_STRING, in->remote_addr.data, in->remote_addr.len, NULL};
	}
	arrival.time = entries->arrival = clock_now_ns();
	if (lines)
		json_begin_lines(in->decoder, text, len);
	else
		json_begin(in->decoder, text, len);
	if (body->format == INTAKE_FORM)
		status = take_form(in, text, len, &arrival, entries, r);
	else
		status = take_records(in, &arrival, entries, r);
	r->counts.batch = json_is_batch(in->decoder);
	json_end(in->decoder);
	if (status == INTAKE_GOOD && lines && r->counts.records == 0) {
		snprintf(r->what, sizeof(r->what), "there is no record in the body");
		return INTAKE_BAD;
	}
	return status;
}

enum intake_status
intake_take(struct intake *in, const struct intake_body *body, struct entries *entries,
    struct intake_result *r)
{
	enum intake_status status = INTAKE_GOOD;

	intake_clear(entries);
	for (int i = 0; i < LEVEL_COUNT; i++)
		entries->level[i].budget = in->settings->budget;
	entries->marks.budget = entries->keys.budget = in->settings->budget;
	r->counts = (struct intake_counts){0};
	if (!body->gzip) {
		status = take_text(in, body, body->bytes, body->len, entries, r);
	} else {
		status = unpack(in, body, r);
		if (status == INTAKE_GOOD)
			status =
			    take_text(in, body, in->unpacked.data, in->unpacked.len, entries, r);
		buf_clear(&in->unpacked, KEEP_UNPACKED);
	}
	if (status != INTAKE_GOOD)
		intake_clear(entries);
	return status;
}
