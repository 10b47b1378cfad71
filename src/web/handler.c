#include "web/handler.h"

#include "record/json.h"
#include "record/render.h"
#include "record/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Memory that a connection keeps between requests: that of a batch of a hundred usual records. */
#define KEEP_BODY    (64 * 1024)
#define KEEP_ENTRIES (16 * 1024)

/*
 * What a body may grow to: decoded, a node takes 64 bytes and a one-digit number two; rendered,
 * a format can repeat a large argument any number of times. Beyond it the answer is 413.
 */
#define DECODED_MAX_FACTOR  8
#define RENDERED_MAX_FACTOR 8

#define JSON_TYPE	    "application/json"
#define METRICS_TYPE	    "text/plain; version=0.0.4; charset=utf-8"

struct handler_worker {
	const struct handler *handler;
	struct json_decoder *decoder;
	struct record_skipping skipping;
	struct render render;
	struct buf remote_addr;
};

struct handler_worker *
handler_worker_new(const struct handler *h)
{
	struct handler_worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->handler = h;
	w->decoder = json_decoder_new(h->options->max_body * DECODED_MAX_FACTOR);
	if (w->decoder == NULL) {
		free(w);
		return NULL;
	}
	w->skipping.wanted = formatter_wanted(h->formatter);
	json_decoder_skip(w->decoder, record_skip, &w->skipping);
	render_init(&w->render, h->formatter, h->options->max_body);
	return w;
}

void
handler_worker_free(struct handler_worker *w)
{
	if (w == NULL)
		return;
	json_decoder_free(w->decoder);
	render_free(&w->render);
	buf_free(&w->remote_addr);
	free(w);
}

void
handler_job_free(struct handler_job *job)
{
	for (int i = 0; i < LEVEL_COUNT; i++)
		buf_free(&job->entries.level[i]);
	buf_free(&job->body);
}

/* --- answers --- */

static void
begin_error(struct http_response *r, int status)
{
	r->status = status;
	r->content_type = JSON_TYPE;
	r->body.len = 0;
	buf_puts(&r->body, "{\"status\": false, \"error\": ");
}

/* An answer in printf's words, which may quote what a client sent. */
static void error(struct http_response *r, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
error(struct http_response *r, int status, const char *format, ...)
{
	char words[512];
	struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof(words), format, ap);
	va_end(ap);
	text_from_bytes(&text, words, strlen(words));
	begin_error(r, status);
	json_write_string(&r->body, text.data, text.len, true);
	buf_putc(&r->body, '}');
	buf_free(&text);
	if (status == 503)
		r->retry_after = 1;
}

static void
success(struct http_response *r)
{
	r->status = 200;
	r->content_type = JSON_TYPE;
	buf_puts(&r->body, "{\"status\": true}");
}

/* --- the head of a request --- */

static bool
is_json(const char *content_type)
{
	size_t len;

	if (content_type == NULL)
		return false;
	content_type += strspn(content_type, " \t");
	len = strcspn(content_type, "; \t");
	return len == strlen(JSON_TYPE) && strncasecmp(content_type, JSON_TYPE, len) == 0;
}

/* The announced length of the body; false, and the answer, when it can't be taken. */
static bool
announced_length(const struct handler *h, const char *text, size_t *length, struct http_response *r)
{
	size_t digits;

	if (text == NULL || *text == '\0') {
		error(r, 411, "Content-Length is missing: send the body's length in bytes");
		return false;
	}
	digits = strspn(text, "0123456789");
	if (text[digits] != '\0') {
		error(r, 400, "Content-Length is not a number: %.40s", text);
		return false;
	}
	if (digits > 18 || strtoull(text, NULL, 10) > h->options->max_body) {
		error(r, 413, "the body has %.40s bytes, and %llu is the most (MAX_BODY_BYTES)",
		    text, (unsigned long long)h->options->max_body);
		return false;
	}
	*length = (size_t)strtoull(text, NULL, 10);
	return true;
}

static bool
log_head(
    const struct handler *h, const struct http_request *q, size_t *length, struct http_response *r)
{
	if (strcmp(q->method, "POST") != 0) {
		r->allow = "POST";
		error(r, 405, "/api/log takes POST, not %.40s", q->method);
		return false;
	}
	if (!auth_allows(h->auth, q->authorization, q->authentication)) {
		r->authenticate = true;
		error(r, 401, "a valid token is needed: send it as \"Authorization: <token>\"");
		return false;
	}
	if (!is_json(q->content_type)) {
		error(r, 415, "Content-Type must be application/json");
		return false;
	}
	return announced_length(h, q->content_length, length, r);
}

static void
health(const struct handler *h, struct http_response *r)
{
	char why[512];

	if (commit_writable(h->commit, why, sizeof(why)))
		success(r);
	else
		error(r, 503, "%s", why);
}

bool
handler_head(struct handler_worker *w, struct handler_job *job, const struct http_request *q,
    size_t *body_length, struct http_response *r)
{
	const struct handler *h = w->handler;
	bool is_health = strcmp(q->path, "/api/health") == 0;

	/* Whatever became of the request before: its bytes must never be part of this one. */
	buf_clear(&job->body, KEEP_BODY);
	job->remote_addr = q->remote_addr;

	if (strcmp(q->path, "/api/log") == 0)
		return log_head(h, q, body_length, r);
	if (!is_health && strcmp(q->path, "/metrics") != 0) {
		error(r, 404, "there is nothing at %.200s", q->path);
	} else if (strcmp(q->method, "GET") != 0 && strcmp(q->method, "HEAD") != 0) {
		r->allow = "GET, HEAD";
		error(r, 405, "%s takes GET, not %.40s", q->path, q->method);
	} else if (is_health) {
		health(h, r);
	} else {
		r->status = 200;
		r->content_type = METRICS_TYPE;
		metrics_write(h->metrics, &r->body);
	}
	return false;
}

void
handler_wrong_length(struct http_response *r, size_t got, size_t expected)
{
	error(r, 400, "the body has %zu bytes where Content-Length says %zu", got, expected);
}

void
handler_no_memory(struct http_response *r)
{
	error(r, 503, "out of memory");
}

/* --- records --- */

static void
clear_entries(struct handler_job *job)
{
	for (int i = 0; i < LEVEL_COUNT; i++) {
		buf_clear(&job->entries.level[i], KEEP_ENTRIES);
		job->entries.records[i] = 0;
	}
	job->records = 0;
	job->dropped = 0;
	job->unformatted = 0;
}

/* "record 3: " where there are several. */
static const char *
where(const struct handler_worker *w, const struct handler_job *job, char *text, size_t size)
{
	if (!json_is_batch(w->decoder))
		return "";
	snprintf(text, size, "record %zu: ", job->records);
	return text;
}

/* Renders one record; false, and the answer, when it is none. */
static bool
take_record(struct handler_worker *w, struct handler_job *job, struct value object,
    const struct render_arrival *arrival, struct http_response *r)
{
	struct record_error e;
	struct record record;
	char text[40];
	int level;

	w->skipping.kept = 0;
	if (!record_read(&record, object, &e)) {
		error(r, 400, "%s\"%s\" %s", where(w, job, text, sizeof(text)), e.field, e.what);
		return false;
	}
	level = level_route(w->handler->options->levels, record.levelno);
	if (level < 0) {
		job->dropped++;
		return true;
	}
	if (!render_record(&w->render, &record, arrival, &job->entries.level[level]))
		job->unformatted++;
	job->entries.records[level]++;
	return true;
}

/* Whether the entries are more than may be, or than memory can hold; then *r is the answer. */
static bool
overflows(struct handler_worker *w, const struct handler_job *job, struct http_response *r)
{
	bool failed = false;
	size_t total = 0;
	char text[40];

	for (int i = 0; i < LEVEL_COUNT; i++) {
		total += job->entries.level[i].len;
		failed = failed || job->entries.level[i].failed;
	}
	if (failed)
		handler_no_memory(r);
	else if (total > w->handler->options->max_body * RENDERED_MAX_FACTOR)
		error(
		    r, 413, "%sthe entries would be too large", where(w, job, text, sizeof(text)));
	else
		return false;
	return true;
}

/* Decodes and renders the whole body; false, and the answer, when it can't be taken. */
static bool
take_body(struct handler_worker *w, struct handler_job *job, const struct render_arrival *arrival,
    struct http_response *r)
{
	const char *what = NULL;
	size_t offset = 0;
	char text[40];

	json_begin(w->decoder, job->body.data, job->body.len);
	for (;; job->records++) {
		struct value object;

		switch (json_next_record(w->decoder, &object, &what, &offset)) {
		case JSON_RECORD: break;
		case JSON_END: return true;
		case JSON_SYNTAX:
			error(r, 400, "%snot JSON: %s, at byte %zu",
			    where(w, job, text, sizeof(text)), what, offset);
			return false;
		case JSON_NOT_RECORD:
			error(r, 400, "%snot a record but another JSON value, at byte %zu",
			    where(w, job, text, sizeof(text)), offset);
			return false;
		case JSON_TOO_LARGE:
			error(r, 413, "%stoo many values in one record",
			    where(w, job, text, sizeof(text)));
			return false;
		case JSON_NO_MEMORY: handler_no_memory(r); return false;
		}
		if (!take_record(w, job, object, arrival, r) || overflows(w, job, r))
			return false;
	}
}

bool
handler_take(struct handler_worker *w, struct handler_job *job, struct http_response *r)
{
	struct render_arrival arrival = {.remote_addr = {VALUE_ABSENT, NULL, 0, NULL}};
	const char *address = job->remote_addr;
	bool taken;

	clear_entries(job);
	if (address != NULL && *address != '\0') {
		buf_clear(&w->remote_addr, KEEP_ENTRIES);
		text_from_bytes(&w->remote_addr, address, strlen(address));
		if (w->remote_addr.failed) {
			handler_no_memory(r);
			return false;
		}
		arrival.remote_addr =
		    (struct value){VALUE_STRING, w->remote_addr.data, w->remote_addr.len, NULL};
	}
	w->skipping.kept = 0;
	arrival.time = job->entries.arrival = timestamp_now();
	taken = take_body(w, job, &arrival, r);
	job->batch = json_is_batch(w->decoder);
	json_end(w->decoder);
	job->ticket.entries = &job->entries;
	job->ticket.bytes = job->body.cap;
	for (int i = 0; i < LEVEL_COUNT; i++)
		job->ticket.bytes += job->entries.level[i].cap;
	return taken;
}

bool
handler_finish(struct handler_worker *w, struct handler_job *job, struct http_response *r)
{
	struct metrics *m = w->handler->metrics;

	switch (job->ticket.result) {
	case COMMIT_LATE: return false;
	case COMMIT_FAILED:
		error(r, 503, "the record could not be written now; send it again");
		break;
	case COMMIT_DONE:
		metrics_add(&m->dropped, job->dropped);
		metrics_add(&m->unformatted, job->unformatted);
		success(r);
		if (job->batch) {
			r->body.len--; /* the brace */
			buf_printf(&r->body, ", \"records\": %zu}", job->records);
		}
		break;
	}
	return true;
}

void
handler_done(
    struct handler_worker *w, struct handler_job *job, const struct http_response *response)
{
	metrics_count_status(w->handler->metrics, response->status);
	metrics_add(&w->handler->metrics->body_bytes, job->body.len);
	clear_entries(job);
	buf_clear(&job->body, KEEP_BODY);
}
