#include "server/handler.h"

#include "server/handler_submit.h"
#include "web/reply.h"

#include <stdio.h>
#include <stdlib.h>

struct thread {
	struct handler *handler;
	struct intake *intake;
};

static void *
thread_new(void *self)
{
	struct thread *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->handler = self;
	t->intake = intake_new(&t->handler->intake);
	if (t->intake == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

static void
thread_free(void *thread)
{
	struct thread *t = thread;

	intake_free(t->intake);
	free(t);
}

static struct app_job *
job_new(void *self)
{
	struct handler_job *job = calloc(1, sizeof(*job));

	(void)self;
	if (job == NULL)
		return NULL;
	job->ticket.owner = job;
	job->ticket.entries = &job->entries;
	job->claim.owner = job;
	return &job->app;
}

static struct handler_job *
job_of(struct app_job *app)
{
	return (struct handler_job *)app; /* which it begins with */
}

static void
job_free(struct app_job *app)
{
	struct handler_job *job = job_of(app);

	intake_free_entries(&job->entries);
	free(job);
}

/* --- POST /api/log --- */

/* The types of a body that is taken. To add one is a line here. */
static const struct {
	const char *name;
	enum intake_format format;
} types[] = {
    {REPLY_JSON, INTAKE_JSON},
    {"application/x-ndjson", INTAKE_LINES},
    {"application/jsonl", INTAKE_LINES},
    {"application/x-www-form-urlencoded", INTAKE_FORM},
};

#define TYPES (sizeof(types) / sizeof(types[0]))

static enum app_verdict
refuse_type(struct http_response *r)
{
	char names[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < TYPES; i++) {
		const char *before = i == 0 ? "" : i < TYPES - 1 ? ", " : " or ";

		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", before, types[i].name);
	}
	return reply_error(r, STATUS_415, "Content-Type must be %s", names);
}

static bool
set_type(struct handler_job *job, const char *content_type)
{
	for (size_t i = 0; i < TYPES; i++) {
		if (http_is_type(content_type, types[i].name)) {
			job->format = types[i].format;
			return true;
		}
	}
	return false;
}

/* RFC 9110, 8.4.1: x-gzip is gzip. What comes as it is has no such header, mostly. */
static bool
set_encoding(struct handler_job *job, const char *encoding)
{
	job->gzip = false;
	if (encoding == NULL || *encoding == '\0')
		return true;
	job->gzip = http_is_token(encoding, "gzip") || http_is_token(encoding, "x-gzip");
	return job->gzip || http_is_token(encoding, "identity");
}

static enum app_verdict
log_head(struct thread *t, struct handler_job *job, const struct http_request *q,
    struct http_response *r)
{
	unsigned long long most = t->handler->intake.max_body, bytes;
	const char *length = q->content_length;
	size_t digits;

	if (!set_type(job, q->content_type))
		return refuse_type(r);
	if (!set_encoding(job, q->content_encoding)) {
		r->headers = "Accept-Encoding: gzip, identity\r\n"; /* RFC 9110, 15.5.16 */
		return reply_error(r, STATUS_415,
		    "Content-Encoding must be gzip (once) or identity, not %.40s",
		    q->content_encoding);
	}
	if (length == NULL || *length == '\0')
		return reply_error(
		    r, STATUS_411, "Content-Length is missing: send the body's length in bytes");
	digits = strspn(length, "0123456789");
	if (length[digits] != '\0')
		return reply_error(r, STATUS_400, "Content-Length is not a number: %.40s", length);
	/* What is too long becomes ULLONG_MAX. */
	bytes = strtoull(length, NULL, 10);
	if (bytes > most)
		return reply_error(r, STATUS_413,
		    "the body has %.40s bytes, and %llu is the most (MAX_BODY_BYTES)", length,
		    most);
	if (q->idempotency_key != NULL && *q->idempotency_key != '\0' &&
	    !repeats_parse(q->idempotency_key, &job->claim.key))
		return reply_error(r, STATUS_400, "Idempotency-Key must be " REPEATS_FORM);
	job->ticket.batch =
	    (struct ticket_batch){job->claim.key.id, job->claim.key.len, job->claim.key.number};
	job->announced = (size_t)bytes;
	return APP_BODY;
}

static enum app_verdict
log_body(void *thread, struct app_job *app, const struct http_body *body, struct http_response *r)
{
	struct handler_job *job = job_of(app);
	const struct thread *t = thread;
	struct intake_result result;
	enum intake_status status;

	if (body->len != job->announced)
		return reply_error(r, STATUS_400,
		    "the body has %zu bytes where Content-Length says %zu", body->len,
		    job->announced);
	if (!body->kept)
		return reply_error(r, STATUS_503, "the server is busy; send it again");
	job->received = body->len;
	status = intake_take(t->intake,
	    &(struct intake_body){.bytes = body->data,
		.len = body->len,
		.format = job->format,
		.gzip = job->gzip,
		.remote_addr = job->remote_addr},
	    &job->entries, &result);
	job->counts = result.counts;
	job->ticket.bytes = body->memory;
	for (int i = 0; i < LEVEL_COUNT; i++)
		job->ticket.bytes += job->entries.level[i].cap;
	job->ticket.bytes += job->entries.marks.cap + job->entries.keys.cap;
	/* A late one, which was good before, and may have others that wait for it: the commit
	 * refuses entries that failed, and submit() all of these. */
	if (status != INTAKE_GOOD && job->claimed) {
		job->entries.level[0].failed = true;
		return APP_LATER;
	}
	switch (status) {
	case INTAKE_GOOD: break;
	case INTAKE_BAD: return reply_error(r, STATUS_400, "%s", result.what);
	case INTAKE_TOO_LARGE: return reply_error(r, STATUS_413, "%s", result.what);
	case INTAKE_NO_MEMORY: return reply_error(r, STATUS_503, "%s", result.what);
	}
	return APP_LATER;
}

static struct app_job *
submit(void *thread, struct app_job *app)
{
	const struct thread *t = thread;

	return handler_submit(t->handler, job_of(app));
}

static struct app_job *
resume(void *thread, bool last)
{
	const struct thread *t = thread;

	return handler_resume(t->handler, last);
}

static void
wake_by(void *self, app_wake *wake, void *context)
{
	const struct handler *h = self;

	h->sink.wake_by(h->sink.self, wake, context);
}

static enum app_verdict
answer(void *thread, struct app_job *app, struct http_response *r)
{
	const struct handler_job *job = job_of(app);
	const struct thread *t = thread;
	struct metrics *m = t->handler->metrics;

	if (job->ticket.result == TICKET_LATE)
		return APP_BODY;
	if (job->ticket.result == TICKET_TOO_LARGE)
		return reply_error(
		    r, STATUS_413, "record %zu: %s", job->ticket.which, job->ticket.why);
	if (job->ticket.result == TICKET_FAILED)
		return reply_error(r, STATUS_503, "%s",
		    job->ticket.why != NULL ? job->ticket.why
					    : "the record could not be written now; send it again");
	if (job->repeated) {
		metrics_add(&m->repeated, 1);
	} else {
		metrics_add(&m->dropped, job->counts.dropped);
		metrics_add(&m->unformatted, job->counts.unformatted);
	}
	reply_success(r);
	if (job->counts.batch) {
		r->body.len--; /* the brace */
		buf_printf(&r->body, ", \"records\": %zu}", job->counts.records);
	}
	return APP_ANSWER;
}

/* --- the other paths --- */

static enum app_verdict
health(struct thread *t, struct handler_job *job, const struct http_request *q,
    struct http_response *r)
{
	char why[512];

	(void)job;
	(void)q;
	if (t->handler->sink.ready(t->handler->sink.self, why, sizeof(why)))
		return reply_success(r);
	return reply_error(r, STATUS_503, "%s", why);
}

static enum app_verdict
show_metrics(struct thread *t, struct handler_job *job, const struct http_request *q,
    struct http_response *r)
{
	(void)job;
	(void)q;
	r->status = STATUS_200;
	r->content_type = REPLY_METRICS;
	metrics_write(t->handler->metrics, &r->body);
	return APP_ANSWER;
}

/* The token was good: nginx asks (auth_request) before it receives a large body, and passes on no
 * body, whatever the client's method is. Clients are kept from it by nginx. */
static enum app_verdict
authorized(struct thread *t, struct handler_job *job, const struct http_request *q,
    struct http_response *r)
{
	(void)t;
	(void)job;
	(void)q;
	return reply_success(r);
}

/* Every path that is answered. To add one is a line here. */
static const struct route {
	const char *path;
	const char *method; /* NULL: any */
	const char *allow;  /* all that it takes, as the Allow header lists them */
	bool token;	    /* it needs one */
	const char *hint;   /* what a 405 says beside that, or "" */
	enum app_verdict (*head)(struct thread *t, struct handler_job *job,
	    const struct http_request *q, struct http_response *r);
} routes[] = {
    {"/api/log", "POST", "POST", true, ": with logging.handlers.HTTPHandler, say method=\"POST\"",
	log_head},
    {"/api/health", "GET", "GET, HEAD", false, "", health},
    {"/metrics", "GET", "GET, HEAD", false, "", show_metrics},
    {"/_pbu_log_auth", NULL, NULL, true, "", authorized},
};

static const struct route *
find_route(const char *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(path, routes[i].path) == 0)
			return &routes[i];
	}
	return NULL;
}

static enum app_verdict
head(void *thread, struct app_job *app, const struct http_request *q, struct http_response *r)
{
	const struct route *route = find_route(q->path);
	struct handler_job *job = job_of(app);
	struct thread *t = thread;

	job->remote_addr = q->remote_addr;
	job->received = 0;
	job->claim.key.id = NULL;
	job->ticket.batch.id = NULL;
	job->repeated = false;
	if (route == NULL)
		return reply_error(r, STATUS_404, "there is nothing at %.200s", q->path);
	if (!http_takes(route->method, q->method)) {
		r->allow = route->allow;
		return reply_error(r, STATUS_405, "%s takes %s, not %.40s%s", q->path,
		    route->method, q->method, route->hint);
	}
	if (route->token && !auth_allows(t->handler->auth, q))
		return reply_error(r, STATUS_401,
		    "a valid token is needed: send it as \"Authorization: <token>\"");
	return route->head(t, job, q, r);
}

static void
sent(void *thread, struct app_job *app, const struct http_response *r)
{
	struct handler_job *job = job_of(app);
	struct thread *t = thread;

	metrics_count_status(t->handler->metrics, r->status);
	metrics_add(&t->handler->metrics->body_bytes, job->received);
	if (r->status != STATUS_200)
		reply_log_refused(t->handler->refused, r, job->remote_addr);
	intake_clear(&job->entries);
}

struct app
handler_app(struct handler *h)
{
	return (struct app){
	    .self = h,
	    .max_body = h->intake.max_body,
	    .budget = h->budget,
	    .metrics = h->metrics,
	    .thread_new = thread_new,
	    .thread_free = thread_free,
	    .job_new = job_new,
	    .job_free = job_free,
	    .wake_by = wake_by,
	    .head = head,
	    .body = log_body,
	    .submit = submit,
	    .resume = resume,
	    .answer = answer,
	    .sent = sent,
	};
}
