#include "reader/handler_login.h"

#include "base/clock.h"
#include "reader/session.h"
#include "json/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sets the session's cookie; value "": it is over. */
static void
set_cookie(struct handler_job *job, const char *value, struct http_response *r)
{
	snprintf(job->headers, sizeof(job->headers),
	    "Set-Cookie: %s=%s; Max-Age=%d; Path=/api; HttpOnly; SameSite=Strict%s\r\n",
	    SESSION_COOKIE, value, *value == '\0' ? 0 : SESSION_SECONDS,
	    job->https ? "; Secure" : "");
	r->headers = job->headers;
}

/* Begins a session with what a client sent for a token; where none is needed, there is none. */
static enum app_verdict
log_in(struct handler_thread *t, struct handler_job *job, const char *token, size_t len,
    struct http_response *r)
{
	struct reader_handler *h = t->handler;
	enum access_verdict verdict = access_check_token(&h->access, token, len);
	char value[SESSION_SIZE];

	if (verdict != ACCESS_GRANTED) {
		metrics_add(&h->reading.metrics->refused_logins, 1);
		return handler_refuse(r, verdict);
	}
	if (!access_is_open(&h->access)) {
		session_begin(token, len, clock_now_ns() / CLOCK_NS_PER_SECOND, value);
		set_cookie(job, value, r);
	}
	metrics_add(&h->reading.metrics->logins, 1);
	return reply_success(r);
}

enum app_verdict
handler_login_head(struct handler_thread *t, struct handler_job *job, const struct http_request *q,
    struct http_response *r)
{
	const char *text, *length = q->content_length;
	unsigned long long bytes = 0;
	struct buf token = BUF_INIT;
	enum app_verdict verdict;

	if (!access_is_own_site(q))
		return handler_refuse(r, ACCESS_ELSEWHERE);
	if (auth_token_of(t->handler->access.read, q, &token)) {
		verdict = token.failed ? reply_error(r, STATUS_503, "the server is busy; try again")
				       : log_in(t, job, token.data, token.len, r);
		auth_forget(&token);
		return verdict;
	}
	if (length != NULL && length[strspn(length, "0123456789")] == '\0')
		bytes = strtoull(length, NULL, 10);
	if (bytes == 0) {
		text = q->authorization != NULL ? q->authorization : "";
		return log_in(t, job, text, strlen(text), r);
	}
	if (!http_is_type(q->content_type, REPLY_JSON))
		return reply_error(r, STATUS_415, "Content-Type must be application/json");
	if (bytes > HANDLER_BODY_MAX)
		return reply_error(r, STATUS_413, "the body has %llu bytes, and %d is the most",
		    bytes, HANDLER_BODY_MAX);
	job->announced = (size_t)bytes;
	return APP_BODY;
}

enum app_verdict
handler_login_body(
    void *thread, struct app_job *app, const struct http_body *body, struct http_response *r)
{
	struct handler_thread *t = thread;
	struct handler_job *job = handler_job_of(app);
	struct value object, token = value_absent;
	enum app_verdict verdict;
	const char *what;
	size_t offset;

	if (body->len != job->announced)
		return reply_error(r, STATUS_400,
		    "the body has %zu bytes where Content-Length says %zu", body->len,
		    job->announced);
	if (!body->kept)
		return reply_error(r, STATUS_503, "the server is busy; send it again");
	json_begin(t->decoder, body->data, body->len);
	if (json_next_record(t->decoder, &object, &what, &offset) == JSON_RECORD &&
	    !json_is_batch(t->decoder))
		token = json_member(object, "token", strlen("token"));
	if (token.type == VALUE_STRING)
		verdict = log_in(t, job, token.text, token.len, r);
	else
		verdict = reply_error(r, STATUS_400, "the body must be {\"token\": \"...\"}");
	json_end(t->decoder);
	return verdict;
}

enum app_verdict
handler_logout(struct handler_thread *t, struct handler_job *job, const struct http_request *q,
    struct http_response *r)
{
	(void)t;
	if (!access_is_own_site(q))
		return handler_refuse(r, ACCESS_ELSEWHERE);
	set_cookie(job, "", r);
	return reply_success(r);
}
