#include "web/fcgi.h"

#include "base/diag.h"
#include "web/fcgi_feed.h"
#include "web/fcgi_params.h"
#include "web/request.h"
#include "web/response.h"

#include <errno.h>
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>

/* Memory of a body that a connection keeps between requests: that of a hundred usual records. */
#define KEEP_BODY (64 * 1024)

/* And of a response. */
#define KEEP_RESPONSE 4096

/* Bytes that libfcgi, which counts with int, is given at once. */
#define PUT_MAX (1 << 20)

/* Not a descriptor: libfcgi must never accept by itself, and fails at once with EBADF. */
#define NO_LISTENER (-1)

struct fcgi_thread {
	const struct app *app;
	void *app_thread;
	struct fcgi_feed feed;
};

struct fcgi_connection {
	const struct app *app;
	int fd;
	FCGX_Request libfcgi;	/* its ipcFd is fd, but while it reads from a feed */
	struct request request; /* while it comes */
	struct app_job *job;
	struct http_body body; /* once it is there, until it is answered */
	struct buf body_bytes;
	struct buf response;
	struct buf output;
};

/* --- threads --- */

bool
fcgi_init(void)
{
	return FCGX_Init() == 0;
}

struct fcgi_thread *
fcgi_thread_new(const struct app *app, char *error, size_t size)
{
	struct fcgi_thread *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		snprintf(error, size, "no thread can work: %s", diag_reason(ENOMEM));
		return NULL;
	}
	t->app = app;
	if (!fcgi_feed_open(&t->feed, app->budget)) {
		snprintf(error, size,
		    "no thread can work: memfd_create(2), which Linux has since 3.17: %s",
		    diag_reason(errno));
		fcgi_thread_free(t);
		return NULL;
	}
	t->app_thread = app->thread_new(app->self);
	if (t->app_thread == NULL) {
		snprintf(error, size, "no thread can work: %s", diag_reason(ENOMEM));
		fcgi_thread_free(t);
		return NULL;
	}
	return t;
}

void
fcgi_thread_free(struct fcgi_thread *t)
{
	if (t == NULL)
		return;
	if (t->app_thread != NULL)
		t->app->thread_free(t->app_thread);
	fcgi_feed_close(&t->feed);
	free(t);
}

void *
fcgi_thread_app(struct fcgi_thread *t)
{
	return t->app_thread;
}

/* --- connections --- */

struct fcgi_connection *
fcgi_connection_new(int fd, const struct app *app, void *owner)
{
	struct fcgi_connection *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->job = app->job_new(app->self);
	if (c->job == NULL) {
		free(c);
		return NULL;
	}
	c->job->connection = owner;
	c->app = app;
	c->fd = fd;
	c->request.body_max = app->max_body;
	c->request.held.budget = c->body_bytes.budget = app->budget;
	c->response.budget = c->output.budget = app->budget;
	FCGX_InitRequest(&c->libfcgi, NO_LISTENER, 0);
	c->libfcgi.ipcFd = fd;
	/* FCGX_Accept_r() begins with the end of the request before, which would close it. */
	c->libfcgi.keepConnection = 1;
	/* Closing closes, also when libfcgi does it by itself: it would wait for 2 s, or as long as
	 * something comes, for a peer that keeps its side open. That is for TCP; what is sent on a
	 * unix socket can be read after its end, too. */
	FCGX_Detach(&c->libfcgi);
	return c;
}

void
fcgi_connection_free(struct fcgi_connection *c)
{
	/* With its memory; the socket goes too, unless libfcgi has closed it. */
	FCGX_Free(&c->libfcgi, 1);
	request_reset(&c->request);
	c->app->job_free(c->job);
	buf_free(&c->body_bytes);
	buf_free(&c->response);
	buf_free(&c->output);
	free(c);
}

struct app_job *
fcgi_job(struct fcgi_connection *c)
{
	return c->job;
}

/* --- requests --- */

/* Reads a body of len bytes, which are there; false when libfcgi or memory fails. */
static bool
read_bytes(FCGX_Stream *in, struct buf *bytes, size_t len)
{
	if (!buf_reserve(bytes, len))
		return false;
	while (bytes->len < len) {
		size_t left = len - bytes->len;
		int n = FCGX_GetStr(
		    bytes->data + bytes->len, left > 1024 * 1024 ? 1024 * 1024 : (int)left, in);

		if (n <= 0)
			return false;
		bytes->len += (size_t)n;
	}
	return true;
}

/* Has libfcgi take the request that the thread's feed holds. */
static bool
accept_request(struct fcgi_connection *c, struct fcgi_thread *t)
{
	bool accepted;

	c->libfcgi.ipcFd = t->feed.reading;
	accepted = FCGX_Accept_r(&c->libfcgi) == 0;
	c->libfcgi.ipcFd = c->fd;
	if (!accepted) {
		/* libfcgi closed what it read from, and has forgotten that it is detached. */
		t->feed.reading = -1;
		FCGX_Detach(&c->libfcgi);
	}
	/* It accepts as well when it could not read the parameters. */
	return accepted && FCGX_GetError(c->libfcgi.in) == 0;
}

static void
read_body(struct fcgi_connection *c, struct fcgi_thread *t)
{
	struct http_body *body = &c->body;

	if (body->kept) {
		c->libfcgi.ipcFd = t->feed.reading;
		body->kept = read_bytes(c->libfcgi.in, &c->body_bytes, body->len);
		c->libfcgi.ipcFd = c->fd;
	}
	if (!body->kept)
		buf_free(&c->body_bytes);
	body->data = c->body_bytes.data;
	body->memory = c->body_bytes.cap;
}

/* --- responses --- */

static bool
send_response(struct fcgi_connection *c, const struct http_response *r)
{
	struct buf *out = &c->output;

	buf_clear(out, KEEP_RESPONSE);
	response_head(out, r, true);
	buf_append(out, r->body.data, r->body.len);
	return !out->failed && !r->body.failed &&
	       FCGX_PutStr(out->data, (int)out->len, c->libfcgi.out) == (int)out->len;
}

/* Sends the response and ends the request. */
static enum fcgi_outcome
respond(struct fcgi_connection *c, struct fcgi_thread *t, const struct http_response *response)
{
	if (!send_response(c, response))
		return FCGI_OVER;
	c->app->sent(t->app_thread, c->job, response);
	FCGX_Finish_r(&c->libfcgi);
	/* Its bytes must never be part of the next. */
	c->body = (struct http_body){0};
	buf_clear(&c->body_bytes, KEEP_BODY);
	return c->libfcgi.ipcFd >= 0 ? FCGI_IDLE : FCGI_OVER;
}

/* Goes on as the app says. */
static enum fcgi_outcome
follow(struct fcgi_connection *c, struct fcgi_thread *t, enum app_verdict verdict,
    struct http_response *response)
{
	enum fcgi_outcome outcome = FCGI_SUBMIT;

	if (verdict == APP_BODY)
		verdict = c->app->body(t->app_thread, c->job, &c->body, response);
	if (verdict != APP_LATER)
		outcome = respond(c, t, response);
	c->response = response->body;
	buf_clear(&c->response, KEEP_RESPONSE);
	return outcome;
}

enum fcgi_outcome
fcgi_receive(struct fcgi_connection *c, struct fcgi_thread *t, bool large)
{
	switch (request_receive(&c->request, c->fd, t->feed.buffer, large)) {
	case REQUEST_NONE: return FCGI_IDLE;
	case REQUEST_PART: return FCGI_UNFINISHED;
	case REQUEST_LARGE: return FCGI_LARGE;
	case REQUEST_WHOLE: return FCGI_WHOLE;
	case REQUEST_NO_MEMORY: return FCGI_NO_MEMORY;
	case REQUEST_ENDED: break;
	}
	return FCGI_OVER;
}

bool
fcgi_keep(struct fcgi_connection *c, struct fcgi_thread *t)
{
	return request_keep(&c->request, t->feed.buffer);
}

enum fcgi_outcome
fcgi_begin(struct fcgi_connection *c, struct fcgi_thread *t)
{
	struct http_response response = {.body = c->response};
	struct request *r = &c->request;
	enum app_verdict verdict;
	struct http_request q;

	if (!fcgi_feed_fill(&t->feed, r) && !(request_drop_body(r) && fcgi_feed_fill(&t->feed, r)))
		return FCGI_NO_MEMORY;
	c->body = (struct http_body){.len = r->at.body, .kept = !r->dropped};
	request_reset(r);
	if (!accept_request(c, t)) {
		fcgi_feed_empty(&t->feed);
		return FCGI_OVER;
	}
	fcgi_params_read(&q, c->app, c->libfcgi.envp);
	verdict = c->app->head(t->app_thread, c->job, &q, &response);
	if (verdict == APP_BODY)
		read_body(c, t);
	/* What was not read of it, libfcgi forgets: no refused body is taken for a request. */
	fcgi_feed_empty(&t->feed);
	if (verdict != APP_STREAM)
		return follow(c, t, verdict, &response);
	c->response = response.body;
	return FCGI_STREAM;
}

enum fcgi_outcome
fcgi_answer(struct fcgi_connection *c, struct fcgi_thread *t)
{
	struct http_response response = {.body = c->response};

	return follow(c, t, c->app->answer(t->app_thread, c->job, &response), &response);
}

/* --- streams --- */

int
fcgi_fd(const struct fcgi_connection *c)
{
	return c->fd;
}

bool
fcgi_put_head(struct fcgi_connection *c, const struct http_response *head)
{
	bool put;

	buf_clear(&c->output, KEEP_RESPONSE);
	response_head(&c->output, head, false);
	put = !c->output.failed && fcgi_put(c, c->output.data, c->output.len);
	/* A stream may last for days: it has no use for these. */
	buf_free(&c->output);
	buf_free(&c->response);
	return put;
}

bool
fcgi_put(struct fcgi_connection *c, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		int n = len > PUT_MAX ? PUT_MAX : (int)len;

		if (FCGX_PutStr(at, n, c->libfcgi.out) != n)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return FCGX_GetError(c->libfcgi.out) == 0;
}

bool
fcgi_flush(struct fcgi_connection *c)
{
	return FCGX_FFlush(c->libfcgi.out) == 0 && FCGX_GetError(c->libfcgi.out) == 0;
}

void
fcgi_finish(struct fcgi_connection *c)
{
	FCGX_Finish_r(&c->libfcgi);
}
