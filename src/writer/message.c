#include "writer/message.h"

#include "base/civil.h"
#include "base/clock.h"
#include "record/record.h"
#include "record/render.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>

/* What a message of n bytes may grow to and cost; as a body's (doc/design.md, "Memory and work").
 */
#define DECODED_MAX   ((size_t)1024 * 1024 * 1024)
#define ENTRY_LEAST   ((size_t)1024 * 1024)
#define MESSAGE_LEAST ((size_t)256 * 1024)
#define TEXT_LEAST    ((size_t)512 * 1024)
#define WORK_LEAST    ((size_t)1024 * 1024)
#define ENTRY_FACTOR  8
#define TEXT_FACTOR   3
#define WORK_FACTOR   32

#define KEEP_BYTES    ((size_t)64 * 1024)

/* 2026-11-24T08:21:46.035Z, and what of it is the second. */
#define RECEIVED_LEN ((size_t)24)
#define SECOND_LEN   ((size_t)19)

struct message_intake {
	const struct message_settings *settings;
	struct json_decoder *decoder;
	struct record_wanted wanted;
	bool wants_addr; /* LOG_FORMAT shows remote_addr */
	struct render render;
	struct buf numbers; /* a line with the numbers that JSON has not */
	/* of the message that is being taken: the text of its `received` */
	const char *received;
	size_t received_len;
	/* the last second that was read: */
	char second[SECOND_LEN];
	int64_t second_ns;
};

/* Of each member, at the scan. */
static bool
skip(void *context, const char *name, size_t name_len, const struct value *v, bool plain)
{
	struct message_intake *in = context;

	if (name_len == 8 && memcmp(name, "received", 8) == 0) {
		in->received = v->type == VALUE_STRING ? v->text : NULL;
		in->received_len = v->len;
		return true;
	}
	if (name_len == 11 && memcmp(name, "remote_addr", 11) == 0)
		return !in->wants_addr;
	return record_skip(&in->wanted, name, name_len, v, plain);
}

struct message_intake *
message_intake_new(const struct message_settings *settings)
{
	struct message_intake *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return NULL;
	in->settings = settings;
	in->decoder = json_decoder_new(DECODED_MAX, NULL);
	if (in->decoder == NULL) {
		free(in);
		return NULL;
	}
	in->wanted = formatter_wanted(settings->formatter);
	in->wants_addr = (in->wanted.fields & RECORD_BIT(FIELD_REMOTE_ADDR)) != 0;
	json_decoder_skip(in->decoder, skip, in);
	render_init(&in->render, settings->formatter, NULL);
	return in;
}

void
message_intake_free(struct message_intake *in)
{
	if (in == NULL)
		return;
	json_decoder_free(in->decoder);
	render_free(&in->render);
	buf_free(&in->numbers);
	free(in);
}

/* --- when it arrived --- */

/* Digits at text, as a number; -1: they are none. */
static int
digits(const char *text, size_t n)
{
	int number = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		number = number * 10 + (text[i] - '0');
	}
	return number;
}

static bool
read_second(struct message_intake *in, const char *t)
{
	struct civil c = {.year = digits(t, 4),
	    .month = digits(t + 5, 2),
	    .day = digits(t + 8, 2),
	    .hour = digits(t + 11, 2),
	    .minute = digits(t + 14, 2),
	    .second = digits(t + 17, 2)};

	if (t[4] != '-' || t[7] != '-' || t[10] != 'T' || t[13] != ':' || t[16] != ':' ||
	    c.year < 1 || c.month < 1 || c.month > 12 || c.day < 1 || c.day > 31 || c.hour < 0 ||
	    c.hour > 23 || c.minute < 0 || c.minute > 59 || c.second < 0 || c.second > 60)
		return false;
	/* Within what nanoseconds since the epoch can be. */
	if (c.year < 1700 || c.year > 2250)
		return false;
	in->second_ns = civil_as_utc(&c) * 1000000;
	memcpy(in->second, t, SECOND_LEN);
	return true;
}

/* As the server wrote it; else when the topic got it. */
static int64_t
arrival_of(struct message_intake *in, const struct message *m)
{
	const char *t = in->received;
	int ms = t != NULL && in->received_len == RECEIVED_LEN && t[SECOND_LEN] == '.' &&
			 t[RECEIVED_LEN - 1] == 'Z'
		     ? digits(t + SECOND_LEN + 1, 3)
		     : -1;

	/* Messages come in bunches of the same second. */
	if (ms >= 0 && (memcmp(t, in->second, SECOND_LEN) == 0 || read_second(in, t)))
		return in->second_ns + ms * INT64_C(1000000);
	return m->timestamp >= 0 && m->timestamp < INT64_MAX / 1000000 ? m->timestamp * 1000000
								       : clock_now_ns();
}

/* --- numbers that JSON has not --- */

static size_t
number_at(const char *p, size_t left)
{
	static const char *const texts[] = {"\"NaN\"", "\"Infinity\"", "\"-Infinity\""};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t len = strlen(texts[i]);

		if (left >= len && memcmp(p, texts[i], len) == 0)
			return len;
	}
	return 0;
}

/*
 * The line with NaN in place of "NaN", as the record had it. A string begins after one of `:,[`,
 * and a quote within one has a backslash before it.
 */
static void
restore_numbers(struct buf *out, const char *line, size_t len)
{
	const char *end = line + len, *run = line, *p = line;

	buf_clear(out, KEEP_BYTES);
	while ((p = memchr(p, '"', (size_t)(end - p))) != NULL) {
		size_t n = p > line && strchr(":,[", p[-1]) != NULL && p[-1] != '\0'
			       ? number_at(p, (size_t)(end - p))
			       : 0;

		/* Not where it is a name. */
		if (n > 0 && p + n < end && p[n] != ':') {
			buf_append(out, run, (size_t)(p - run));
			buf_append(out, p + 1, n - 2);
			run = p + n;
		}
		p += n > 0 ? n : 1;
	}
	buf_append(out, run, (size_t)(end - run));
}

/* --- the record --- */

/* Puts into words why there is none. */
static enum message_status
refuse(enum json_status status, const char *what, size_t offset, char *why, size_t size)
{
	switch (status) {
	case JSON_SYNTAX:
		snprintf(why, size, "not JSON: %s, at byte %zu", what, offset);
		return MESSAGE_REJECTED;
	case JSON_NOT_RECORD:
		snprintf(why, size, "not a record but another JSON value, at byte %zu", offset);
		return MESSAGE_REJECTED;
	case JSON_END: snprintf(why, size, "there is no record in it"); return MESSAGE_REJECTED;
	case JSON_TOO_LARGE:
		snprintf(why, size, "too many values in one record");
		return MESSAGE_REJECTED;
	default: return MESSAGE_NO_MEMORY;
	}
}

/* Appends the entry of the record. */
static enum message_status
render(struct message_intake *in, const struct message *m, const struct record *record,
    struct buf *out, char *why, size_t size)
{
	struct render_arrival arrival = {.time = arrival_of(in, m), .remote_addr = value_absent};
	size_t before = out->len;
	enum json_status whole;

	if (in->wants_addr)
		arrival.remote_addr = json_member(record->sent, "remote_addr", 11);
	if (arrival.remote_addr.type != VALUE_STRING)
		arrival.remote_addr = value_absent;
	out->max = before + ENTRY_LEAST + ENTRY_FACTOR * m->len;
	render_record(&in->render, record, &arrival, out);
	whole = json_record_status(in->decoder);
	if (!out->failed && whole == JSON_RECORD)
		return MESSAGE_GOOD;
	if (out->over_max)
		snprintf(why, size, "the entry would be too large");
	else if (whole == JSON_TOO_LARGE)
		snprintf(why, size, "too many values in one record");
	return out->over_max || whole == JSON_TOO_LARGE ? MESSAGE_REJECTED : MESSAGE_NO_MEMORY;
}

/* Reads the record; of structlog's all members are shown, also those that were left out. */
static enum message_status
read_record(
    struct message_intake *in, struct value object, struct record *record, char *why, size_t size)
{
	struct record_error e;
	enum json_status whole;
	bool good = record_read(record, object, &in->wanted, &e);

	if (good && record->event && !in->settings->formatter->json) {
		whole = json_whole_record(in->decoder, &object);
		if (whole != JSON_RECORD)
			return refuse(whole, "", 0, why, size);
		good = record_read(record, object, &in->wanted, &e);
	}
	if (good)
		return MESSAGE_GOOD;
	snprintf(why, size, "\"%s\" %s", e.field, e.what);
	return MESSAGE_REJECTED;
}

/* The one record of the line. */
static enum message_status
take(struct message_intake *in, const struct message *m, struct entries *entries, enum level *level,
    char *why, size_t size)
{
	enum message_status status;
	const char *what = NULL;
	struct value object;
	enum json_status next;
	struct record record;
	size_t offset = 0, before;
	int routed;

	next = json_next_record(in->decoder, &object, &what, &offset);
	if (next != JSON_RECORD)
		return refuse(next, what, offset, why, size);
	if (json_is_batch(in->decoder)) {
		snprintf(why, size, "not a record but an array of them");
		return MESSAGE_REJECTED;
	}
	status = read_record(in, object, &record, why, size);
	if (status != MESSAGE_GOOD)
		return status;
	routed = level_route(in->settings->levels, record.levelno);
	if (routed < 0)
		return MESSAGE_DROPPED;
	*level = (enum level)routed;
	before = entries->level[routed].len;
	status = render(in, m, &record, &entries->level[routed], why, size);
	/* Whether the line ends here is known only now. */
	if (status == MESSAGE_GOOD) {
		next = json_next_record(in->decoder, &object, &what, &offset);
		if (next != JSON_END)
			status = refuse(next, what, offset, why, size);
	}
	if (status == MESSAGE_GOOD) {
		entries->records[routed]++;
		return status;
	}
	entries->level[routed].len = before;
	entries->level[routed].failed = entries->level[routed].over_max = false;
	return status;
}

enum message_status
message_take(struct message_intake *in, const struct message *m, struct entries *entries,
    enum level *level, char *why, size_t size)
{
	struct render_added added = render_added_parse(m->added, m->added_len);
	enum message_status status;
	const char *line = m->value;
	size_t len = m->len;

	if (added.strings) {
		restore_numbers(&in->numbers, line, len);
		if (in->numbers.failed)
			return MESSAGE_NO_MEMORY;
		line = in->numbers.data;
		len = in->numbers.len;
	}
	in->wanted.not_sent = added.fields;
	in->received = NULL;
	render_begin(&in->render, &(struct render_bounds){
				      .message = MESSAGE_LEAST + m->len,
				      .text = TEXT_LEAST + TEXT_FACTOR * m->len,
				      .work = WORK_LEAST + WORK_FACTOR * m->len,
				  });
	json_begin(in->decoder, line, len);
	status = take(in, m, entries, level, why, size);
	json_end(in->decoder);
	return status;
}
