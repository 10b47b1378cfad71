#include "web/fcgi.h"

#include "web/fcgi_input.h"

#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>

/* Not a descriptor: libfcgi must never accept by itself, and fails at once with EBADF. */
#define NO_LISTENER (-1)

struct fcgi_connection {
	FCGX_Request request;
	struct fcgi_input input;
	struct handler_job job;
	struct buf response_body;
	struct buf output;
};

/* The connection that this thread reads from. */
static _Thread_local struct fcgi_connection *reading;

/*
 * Takes the place of libfcgi's own function of this name, which reads from the socket, wherever the
 * library is linked dynamically: the dynamic linker finds the program's first.
 */
int OS_Read(int fd, char *buf, size_t len) __attribute__((visibility("default")));

int
OS_Read(int fd, char *buf, size_t len)
{
	(void)fd;
	return (int)fcgi_input_read(&reading->input, buf, len);
}

bool
fcgi_init(void)
{
	return FCGX_Init() == 0;
}

struct fcgi_connection *
fcgi_connection_new(int fd, size_t body_max)
{
	struct fcgi_connection *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	FCGX_InitRequest(&c->request, NO_LISTENER, 0);
	c->request.ipcFd = fd;
	c->input.body_max = body_max;
	/* FCGX_Accept_r() begins with the end of the request before, which would close it. */
	c->request.keepConnection = 1;
	/* Closing closes, also when libfcgi does it by itself: it would wait for 2 s, or as long as
	 * something comes, for a peer that keeps its side open. That is for TCP; what is sent on a
	 * unix socket can be read after its end, too. */
	FCGX_Detach(&c->request);
	return c;
}

int
fcgi_connection_fd(const struct fcgi_connection *c)
{
	return c->request.ipcFd;
}

static void
hang_up(struct fcgi_connection *c)
{
	FCGX_Free(&c->request, 1);
}

void
fcgi_connection_free(struct fcgi_connection *c)
{
	if (c->request.ipcFd >= 0)
		hang_up(c);
	fcgi_input_free(&c->input);
	handler_job_free(&c->job);
	buf_free(&c->output);
	buf_free(&c->response_body);
	free(c);
}

static void
read_head(const FCGX_Request *request, struct http_request *q)
{
	const struct {
		const char *name;
		const char **value;
	} wanted[] = {
	    {"REQUEST_METHOD", &q->method},
	    {"DOCUMENT_URI", &q->path},
	    {"CONTENT_TYPE", &q->content_type},
	    {"CONTENT_LENGTH", &q->content_length},
	    {"HTTP_AUTHORIZATION", &q->authorization},
	    {"HTTP_AUTHENTICATION", &q->authentication},
	    {"REMOTE_ADDR", &q->remote_addr},
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		*wanted[i].value = FCGX_GetParam(wanted[i].name, request->envp);
	if (q->method == NULL)
		q->method = "";
	if (q->path == NULL)
		q->path = "";
}

/* Reads the body of `expected` bytes, which are there; false when libfcgi or memory fails. */
static bool
read_body(FCGX_Stream *in, struct buf *body, size_t expected)
{
	if (!buf_reserve(body, expected))
		return false;
	while (body->len < expected) {
		size_t left = expected - body->len;
		int n = FCGX_GetStr(
		    body->data + body->len, left > 1024 * 1024 ? 1024 * 1024 : (int)left, in);

		if (n <= 0)
			return false;
		body->len += (size_t)n;
	}
	return true;
}

/* RFC 9110, 15; nginx passes it on as it comes. */
static const char *
reason(int status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 411: return "Length Required";
	case 413: return "Content Too Large";
	case 415: return "Unsupported Media Type";
	case 503: return "Service Unavailable";
	default: return "Internal Server Error";
	}
}

static bool
send_response(struct fcgi_connection *c, const struct http_response *r)
{
	struct buf *out = &c->output;

	buf_clear(out, 4096);
	buf_printf(out, "Status: %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", r->status,
	    reason(r->status), r->content_type, r->body.len);
	if (r->allow != NULL)
		buf_printf(out, "Allow: %s\r\n", r->allow);
	if (r->retry_after > 0)
		buf_printf(out, "Retry-After: %u\r\n", r->retry_after);
	if (r->authenticate)
		buf_puts(out, "WWW-Authenticate: Bearer\r\n");
	buf_puts(out, "\r\n");
	buf_append(out, r->body.data, r->body.len);
	return !out->failed && !r->body.failed &&
	       FCGX_PutStr(out->data, (int)out->len, c->request.out) == (int)out->len;
}

/* Sends the answer and ends the request. */
static enum fcgi_outcome
finish(struct fcgi_connection *c, struct handler_worker *w, struct http_response *response)
{
	bool sent = send_response(c, response);

	if (sent) {
		handler_done(w, &c->job, response);
		FCGX_Finish_r(&c->request);
	} else {
		hang_up(c);
	}
	c->response_body = response->body;
	buf_clear(&c->response_body, 4096);
	return c->request.ipcFd >= 0 ? FCGI_CONNECTION_KEPT : FCGI_CONNECTION_OVER;
}

/* Has the worker take the request, whose body is there. */
static enum fcgi_outcome
take(struct fcgi_connection *c, struct handler_worker *w, struct http_response *response)
{
	if (!handler_take(w, &c->job, response))
		return finish(c, w, response);
	c->response_body = response->body;
	return FCGI_CONNECTION_COMMITS;
}

/* Reads a whole request and has the worker take it; answers it, unless it is to be committed. */
static enum fcgi_outcome
serve(struct fcgi_connection *c, struct handler_worker *w)
{
	struct http_response response = {.body = c->response_body};
	struct http_request q = {0};
	size_t expected = 0, got = fcgi_input_body(&c->input);

	reading = c;
	if (FCGX_Accept_r(&c->request) != 0)
		return FCGI_CONNECTION_OVER; /* libfcgi closed it */
	/* It returns 0 as well when it could not read the parameters. */
	if (FCGX_GetError(c->request.in) != 0) {
		hang_up(c);
		return FCGI_CONNECTION_OVER;
	}
	read_head(&c->request, &q);
	if (!handler_head(w, &c->job, &q, &expected, &response))
		return finish(c, w, &response);
	/* libfcgi ignores CONTENT_LENGTH. */
	if (got != expected) {
		handler_wrong_length(&response, got, expected);
		return finish(c, w, &response);
	}
	if (!read_body(c->request.in, &c->job.body, expected)) {
		handler_no_memory(&response);
		return finish(c, w, &response);
	}
	fcgi_input_done(&c->input);
	return take(c, w, &response);
}

enum fcgi_outcome
fcgi_serve(struct fcgi_connection *c, struct handler_worker *w, bool large)
{
	enum fcgi_outcome outcome;

	switch (fcgi_input_receive(&c->input, c->request.ipcFd, large)) {
	case FCGI_INPUT_NONE: return FCGI_CONNECTION_KEPT;
	case FCGI_INPUT_PART: return FCGI_CONNECTION_PART;
	case FCGI_INPUT_LARGE: return FCGI_CONNECTION_LARGE;
	case FCGI_INPUT_NO_MEMORY: return FCGI_CONNECTION_NO_MEMORY;
	case FCGI_INPUT_ENDED: return FCGI_CONNECTION_OVER;
	case FCGI_INPUT_WHOLE: break;
	}
	outcome = serve(c, w);
	/* What was not read of it, libfcgi has forgotten too: no refused body is taken for a
	 * request. */
	fcgi_input_done(&c->input);
	return outcome;
}

struct commit_ticket *
fcgi_ticket(struct fcgi_connection *c)
{
	return &c->job.ticket;
}

enum fcgi_outcome
fcgi_answer(struct fcgi_connection *c, struct handler_worker *w)
{
	struct http_response response = {.body = c->response_body};

	return handler_finish(w, &c->job, &response) ? finish(c, w, &response)
						     : take(c, w, &response);
}
