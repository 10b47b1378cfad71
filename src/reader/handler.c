#include "reader/handler.h"

#include "base/clock.h"
#include "reader/handler_job.h"
#include "reader/handler_login.h"
#include "reader/handler_query.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes that a body may take decoded. */
#define DECODED_MAX ((size_t)64 * 1024)

/* A path that is answered; their table is below. */
struct route {
	const char *path;
	const char *method;
	const char *allow; /* all that it takes, as the Allow header lists them */
	bool readers;	   /* it is for those who may read */
	handler_head *head;
	answer *answer; /* of a query, in a thread of a pool; NULL: head() answers, or the tail */
};

static void *
thread_new(void *self)
{
	struct handler_thread *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->handler = self;
	t->decoder = json_decoder_new(DECODED_MAX, NULL);
	if (t->decoder == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

static void
thread_free(void *thread)
{
	struct handler_thread *t = thread;

	json_decoder_free(t->decoder);
	free(t);
}

static struct app_job *
job_new(void *self)
{
	struct handler_job *job = calloc(1, sizeof(*job));

	(void)self;
	// cppcheck-suppress memleak; it is the app's from here on, and job_free() frees it
	return job == NULL ? NULL : &job->app;
}

static void
job_free(struct app_job *app)
{
	struct handler_job *job = handler_job_of(app);

	handler_query_forget(job);
	free(job);
}

/* --- how it is --- */

static enum app_verdict
login_check(struct handler_thread *t, struct handler_job *job, const struct http_request *q,
    struct http_response *r)
{
	const char *separator = "";

	(void)job;
	(void)q;
	r->status = STATUS_200;
	r->content_type = REPLY_JSON;
	buf_puts(&r->body, "{\"logLevels\": [");
	for (int i = 0; i < LEVEL_COUNT; i++) {
		if ((t->handler->reading.levels & LEVEL_BIT(i)) == 0)
			continue;
		buf_printf(&r->body, "%s\"%s\"", separator, level_name((enum level)i));
		separator = ", ";
	}
	buf_puts(&r->body, "]}");
	return APP_ANSWER;
}

/* A folder that is not there yet will be made by the server. */
static enum app_verdict
health(struct handler_thread *t, struct handler_job *job, const struct http_request *q,
    struct http_response *r)
{
	int fd = open(t->handler->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)job;
	(void)q;
	if (fd < 0 && errno != ENOENT)
		return reply_error(
		    r, STATUS_503, "the log folder cannot be read: %s", diag_reason(errno));
	if (fd >= 0)
		close(fd);
	return reply_success(r);
}

static enum app_verdict
show_metrics(struct handler_thread *t, struct handler_job *job, const struct http_request *q,
    struct http_response *r)
{
	(void)job;
	(void)q;
	r->status = STATUS_200;
	r->content_type = REPLY_METRICS;
	reader_metrics_write(
	    t->handler->reading.metrics, t->handler->metrics, t->handler->reading.peers, &r->body);
	return APP_ANSWER;
}

/* --- routes --- */

/* Every path that is answered. To add one is a line here. */
static const struct route routes[] = {
    {"/api/login", "POST", "POST", false, handler_login_head, NULL},
    {"/api/login-check", "GET", "GET, HEAD", true, login_check, NULL},
    {"/api/logout", "POST", "POST", false, handler_logout, NULL},
    {"/api/log/context", "GET", "GET, HEAD", true, handler_query_head, answer_context},
    {"/api/log/files", "GET", "GET, HEAD", true, handler_query_head, answer_files},
    {"/api/log/health", "GET", "GET, HEAD", false, health, NULL},
    {"/api/log/hits", "GET", "GET, HEAD", true, handler_query_head, answer_hits},
    {"/api/log/messages", "GET", "GET, HEAD", true, handler_query_head, answer_messages},
    {"/api/log/query", "GET", "GET, HEAD", true, handler_query_head, answer_query},
    {"/api/log/raw", "GET", "GET, HEAD", true, handler_query_head, answer_raw},
    {"/api/log/tail", "GET", "GET, HEAD", true, handler_query_head, NULL},
    {"/metrics/reader", "GET", "GET, HEAD", false, show_metrics, NULL},
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
	enum access_verdict verdict;
	struct handler_job *job = handler_job_of(app);
	struct handler_thread *t = thread;

	job->answer = route != NULL ? route->answer : NULL;
	job->remote_addr = q->remote_addr;
	job->https = q->https != NULL && strcmp(q->https, "on") == 0;
	if (route == NULL)
		return reply_error(r, STATUS_404, "there is nothing at %.200s", q->path);
	if (!http_takes(route->method, q->method)) {
		r->allow = route->allow;
		return reply_error(
		    r, STATUS_405, "%s takes %s, not %.40s", q->path, route->method, q->method);
	}
	if (route->readers) {
		verdict =
		    access_check(&t->handler->access, q, clock_now_ns() / CLOCK_NS_PER_SECOND);
		if (verdict != ACCESS_GRANTED)
			return handler_refuse(r, verdict);
	}
	return route->head(t, job, q, r);
}

/* Nothing is ever submitted. */
static struct app_job *
resume(void *thread, bool last)
{
	(void)thread;
	(void)last;
	return NULL;
}

static void
wake_by(void *self, app_wake *wake, void *context)
{
	(void)self;
	(void)wake;
	(void)context;
}

static void
sent(void *thread, struct app_job *app, const struct http_response *r)
{
	const struct handler_job *job = handler_job_of(app);
	struct handler_thread *t = thread;

	metrics_count_status(t->handler->metrics, r->status);
	if (r->status != STATUS_200)
		reply_log_refused(t->handler->refused, r, job->remote_addr);
}

struct app
reader_app(struct reader_handler *h)
{
	return (struct app){
	    .self = h,
	    .max_body = HANDLER_BODY_MAX,
	    .metrics = h->metrics,
	    .thread_new = thread_new,
	    .thread_free = thread_free,
	    .job_new = job_new,
	    .job_free = job_free,
	    .wake_by = wake_by,
	    .head = head,
	    .body = handler_login_body,
	    .resume = resume,
	    .stream = handler_query_stream,
	    .sent = sent,
	};
}
