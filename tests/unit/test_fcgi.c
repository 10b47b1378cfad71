#include "fake_app.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_MAX (4 << 20)

/* An app that answers with what it was asked, and notes the body. */
struct echo {
	enum app_verdict verdict; /* of the body */
	size_t len;
	bool kept;
	bool right; /* each of its bytes is an 'x' */
	unsigned sent;
	struct http_request request;
};

static struct echo echo;

/* All but the first two, each after a space; "-": it was not passed. */
static void
put_params(struct buf *out, const struct http_request *q)
{
	const char *const values[] = {q->content_type, q->content_length, q->remote_addr,
	    q->authorization, q->authentication, q->content_encoding, q->idempotency_key, q->cookie,
	    ""};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		buf_printf(out, " %s", values[i] == NULL ? "-" : values[i]);
}

static enum app_verdict
head(void *thread, struct app_job *job, const struct http_request *q, struct http_response *r)
{
	(void)thread;
	(void)job;
	echo.request = *q;
	r->status = 200;
	r->content_type = "text/plain";
	if (strcmp(q->path, "/headers") == 0)
		r->headers = "X-One: 1\r\nX-Two: 2\r\n";
	buf_printf(&r->body, "%s %s", q->method, q->path);
	if (strcmp(q->path, "/params") == 0)
		put_params(&r->body, q);
	if (strcmp(q->path, "/stream") == 0)
		return APP_STREAM;
	return strcmp(q->path, "/no-body") == 0 ? APP_ANSWER : APP_BODY;
}

static enum app_verdict
body(void *thread, struct app_job *job, const struct http_body *b, struct http_response *r)
{
	(void)thread;
	(void)job;
	(void)r;
	echo.len = b->len;
	echo.kept = b->kept;
	echo.right =
	    b->kept &&
	    (b->len == 0 || (b->data[0] == 'x' && memcmp(b->data, b->data + 1, b->len - 1) == 0));
	return echo.verdict;
}

static enum app_verdict
answer(void *thread, struct app_job *job, struct http_response *r)
{
	(void)thread;
	(void)job;
	r->status = 200;
	r->content_type = "text/plain";
	buf_puts(&r->body, "later");
	return APP_ANSWER;
}

static void
sent(void *thread, struct app_job *job, const struct http_response *r)
{
	(void)thread;
	(void)job;
	(void)r;
	echo.sent++;
}

struct fixture {
	struct budget budget;
	struct app app;
	struct fcgi_thread *thread;
	struct fcgi_connection *connection;
	int peer;
};

static int
setup(void **state)
{
	static struct fixture f;
	char error[512];
	int pair[2];

	echo = (struct echo){.verdict = APP_ANSWER};
	f = (struct fixture){.budget = {.max = 100 << 20}};
	f.app = (struct app){.self = &echo,
	    .max_body = BODY_MAX,
	    .budget = &f.budget,
	    FAKE_APP,
	    .head = head,
	    .body = body,
	    .answer = answer,
	    .sent = sent};
	fake_connect(pair);
	f.peer = pair[1];
	f.thread = fcgi_thread_new(&f.app, error, sizeof(error));
	f.connection = fcgi_connection_new(pair[0], &f.app, &f);
	assert_non_null(f.thread);
	assert_non_null(f.connection);
	assert_ptr_equal(fcgi_job(f.connection)->connection, &f);
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	fcgi_connection_free(f->connection);
	fcgi_thread_free(f->thread);
	close(f->peer);
	return f->budget.used == 0 && fake_jobs == 0 ? 0 : -1;
}

/* Sends a request of that path with so many bytes of a body, and receives it whole. */
static void
pass(struct fixture *f, const char *path, size_t len, bool keep)
{
	enum fcgi_outcome outcome = FCGI_UNFINISHED;
	struct buf bytes = BUF_INIT;
	size_t at = 0;

	add_request(&bytes, path, len, keep);
	while (at < bytes.len) {
		ssize_t n = send(f->peer, bytes.data + at, bytes.len - at, MSG_DONTWAIT);

		if (n > 0)
			at += (size_t)n;
		outcome = fcgi_receive(f->connection, f->thread, true);
	}
	assert_int_equal(outcome, FCGI_WHOLE);
	buf_free(&bytes);
}

/* The answer has come, with this body. */
static void
assert_answered(struct fixture *f, const char *text)
{
	char got[4096];
	ssize_t n = recv(f->peer, got, sizeof(got) - 1, MSG_DONTWAIT);
	char *at;

	assert_true(n > 0);
	for (ssize_t i = 0; i < n; i++)
		got[i] = got[i] == '\0' ? '.' : got[i];
	got[n] = '\0';
	at = strstr(got, "\r\n\r\n");
	assert_non_null(at);
	assert_memory_equal(at + 4, text, strlen(text));
}

static void
requests_of_any_size_are_answered(void **state)
{
	static const size_t sizes[] = {0, 1, 7000, 8192, 9000, 60000, 70000, 1 << 20, BODY_MAX, 3};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		pass(f, "/echo", sizes[i], true);
		assert_int_equal(fcgi_begin(f->connection, f->thread), FCGI_IDLE);
		assert_answered(f, "PUT /echo");
		assert_true(echo.kept && echo.right);
		assert_int_equal(echo.len, sizes[i]);
		assert_int_equal(echo.sent, i + 1);
		assert_int_equal(f->budget.used, 0);
	}
}

static void
a_body_that_is_not_wanted_is_forgotten(void **state)
{
	struct fixture *f = *state;

	for (size_t len = 10; len < BODY_MAX; len *= 10) {
		pass(f, "/no-body", len, true);
		assert_int_equal(fcgi_begin(f->connection, f->thread), FCGI_IDLE);
		assert_answered(f, "PUT /no-body");
		pass(f, "/echo", 5, true);
		assert_int_equal(fcgi_begin(f->connection, f->thread), FCGI_IDLE);
		assert_answered(f, "PUT /echo");
		assert_true(echo.right);
		assert_int_equal(echo.len, 5);
	}
}

static void
it_may_be_answered_later(void **state)
{
	struct fixture *f = *state;
	char byte;

	echo.verdict = APP_LATER;
	for (int i = 0; i < 3; i++) {
		pass(f, "/echo", 100000, true);
		assert_int_equal(fcgi_begin(f->connection, f->thread), FCGI_SUBMIT);
		assert_true(recv(f->peer, &byte, 1, MSG_DONTWAIT) < 0);
		assert_int_equal(fcgi_answer(f->connection, f->thread), FCGI_IDLE);
		assert_answered(f, "later");
	}
	assert_int_equal(echo.sent, 3);
}

static void
a_connection_that_is_not_kept_is_over(void **state)
{
	struct fixture *f = *state;

	pass(f, "/echo", 10, false);
	assert_int_equal(fcgi_begin(f->connection, f->thread), FCGI_OVER);
	assert_answered(f, "PUT /echo");
	assert_int_equal(echo.sent, 1);
}

/* Whichever of the memory that a large body takes is refused, the request is answered and the next
 * is taken. */
static void
without_memory_the_body_is_not_kept(void **state)
{
	struct fixture *f = *state;
	unsigned lost = 0;

	for (size_t max = 0; max < 12 << 20; max += 1 << 18) {
		f->budget.max = max;
		pass(f, "/echo", 1 << 20, true);
		assert_int_equal(fcgi_begin(f->connection, f->thread), FCGI_IDLE);
		assert_answered(f, "PUT /echo");
		assert_int_equal(echo.len, 1 << 20);
		assert_int_equal(echo.kept, echo.right);
		lost += !echo.kept;
		assert_int_equal(f->budget.used, 0);
		/* A small one is never refused. */
		f->budget.max = 0;
		pass(f, "/echo", 60000, true);
		assert_int_equal(fcgi_begin(f->connection, f->thread), FCGI_IDLE);
		assert_answered(f, "PUT /echo");
		assert_true(echo.kept && echo.right);
	}
	assert_true(lost > 4 && echo.sent > 2 * lost);
}

static void
without_room_for_the_feed_the_body_is_not_kept(void **state)
{
	struct rlimit limit = {20000, RLIM_INFINITY}, before;
	struct fixture *f = *state;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	pass(f, "/echo", 100000, true);
	assert_int_equal(fcgi_begin(f->connection, f->thread), FCGI_IDLE);
	assert_answered(f, "PUT /echo");
	assert_false(echo.kept);
	assert_int_equal(f->budget.used, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	pass(f, "/echo", 100000, true);
	assert_int_equal(fcgi_begin(f->connection, f->thread), FCGI_IDLE);
	assert_answered(f, "PUT /echo");
	assert_true(echo.kept && echo.right);
}

static void
further_headers_are_sent(void **state)
{
	static const char expected[] =
	    "Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n"
	    "X-One: 1\r\nX-Two: 2\r\n\r\nPUT /headers";
	struct fixture *f = *state;
	char got[4096];

	pass(f, "/headers", 5, true);
	assert_int_equal(fcgi_begin(f->connection, f->thread), FCGI_IDLE);
	assert_true(recv(f->peer, got, sizeof(got), MSG_DONTWAIT) > (ssize_t)sizeof(expected) + 8);
	assert_memory_equal(got + sizeof(FCGI_Header), expected, sizeof(expected) - 1);
}

static void
only_an_app_that_streams_has_the_parameters_of_reading(void **state)
{
	struct fixture *f = *state;

	for (int streams = 0; streams < 2; streams++) {
		const char *query;

		f->app.stream = streams ? fake_no_stream : NULL;
		pass(f, "/no-body", 0, true);
		assert_int_equal(fcgi_begin(f->connection, f->thread), FCGI_IDLE);
		query = echo.request.query;
		assert_true(streams ? query != NULL : query == NULL);
		assert_null(echo.request.cookie);
		assert_answered(f, "PUT");
	}
}

static struct app_job *
submit(void *thread, struct app_job *job)
{
	(void)thread;
	return job;
}

/* Appends a parameter, both of whose lengths are below 128. */
static void
put_param(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%c%c%s%s", (int)strlen(name), (int)strlen(value), name, value);
}

/* Passes a request with these parameters, which are in pairs up to a NULL. */
static void
pass_params(struct fixture *f, const char *const *params)
{
	static const unsigned char begin[8] = {0, FCGI_RESPONDER, FCGI_KEEP_CONN};
	struct buf bytes = BUF_INIT, list = BUF_INIT;

	for (size_t i = 0; params[i] != NULL; i += 2)
		put_param(&list, params[i], params[i + 1]);
	add_record(&bytes, FCGI_BEGIN_REQUEST, begin, sizeof(begin));
	add_record(&bytes, FCGI_PARAMS, list.data, list.len);
	add_record(&bytes, FCGI_PARAMS, NULL, 0);
	add_record(&bytes, FCGI_STDIN, NULL, 0);
	assert_int_equal(send(f->peer, bytes.data, bytes.len, MSG_DONTWAIT), bytes.len);
	assert_int_equal(fcgi_receive(f->connection, f->thread, true), FCGI_WHOLE);
	assert_int_equal(fcgi_begin(f->connection, f->thread), FCGI_IDLE);
	buf_free(&bytes);
	buf_free(&list);
}

static void
parameters_may_come_in_any_order(void **state)
{
	static const char *const in_order[] = {"REQUEST_METHOD", "POST", "DOCUMENT_URI", "/params",
	    "CONTENT_TYPE", "t", "CONTENT_LENGTH", "0", "REMOTE_ADDR", "a", "HTTP_AUTHORIZATION",
	    "b", "HTTP_AUTHENTICATION", "", "HTTP_CONTENT_ENCODING", "gzip", "HTTP_IDEMPOTENCY_KEY",
	    "k-1", NULL};
	static const char *const others[] = {"HTTP_IDEMPOTENCY_KEY", "k-2", "HTTP_CONTENT_ENCODIN",
	    "no", "HTTP_CONTENT_ENCODING_", "no", "CONTENT_LENGTH", "0", "HTTP_AUTHORIZATION", "c",
	    "DOCUMENT_URI", "/params", "DOCUMENT_URI", "/no", "HTTP_COOKIE", "no",
	    "http_authentication", "no", "REQUEST_METHOD", "PUT", NULL};
	static const char *const none[] = {"X", "Y", NULL};
	struct fixture *f = *state;

	f->app.submit = submit;
	f->app.stream = NULL;
	pass_params(f, in_order);
	assert_answered(f, "POST /params t 0 a b  gzip k-1 - ");
	/* The first of a name counts, and each by its whole name alone. */
	pass_params(f, others);
	assert_answered(f, "PUT /params - 0 - c - - k-2 - ");
	pass_params(f, none);
	assert_answered(f, " ");
	/* They are those of who writes. */
	f->app.submit = NULL;
	pass_params(f, in_order);
	assert_answered(f, "POST /params t 0 a b  - - - ");
}

static void
a_stream_is_left_to_the_app(void **state)
{
	struct fixture *f = *state;
	char byte;

	f->app.stream = fake_no_stream;
	pass(f, "/stream", 70000, true);
	assert_int_equal(fcgi_begin(f->connection, f->thread), FCGI_STREAM);
	assert_true(recv(f->peer, &byte, 1, MSG_DONTWAIT) < 0);
	/* Its strings stay. */
	assert_string_equal(echo.request.path, "/stream");
	assert_string_equal(echo.request.query, "q=1");
	assert_int_equal(echo.sent, 0);
	assert_int_equal(f->budget.used, 0);
}

static void
what_is_missing_for_a_thread_is_said(void **state)
{
	struct rlimit limit, before;
	struct fixture *f = *state;
	char error[512];

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = (struct rlimit){3, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_null(fcgi_thread_new(&f->app, error, sizeof(error)));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_string_equal(error,
	    "no thread can work: memfd_create(2), which Linux has since 3.17: "
	    "Too many open files");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(requests_of_any_size_are_answered),
	    TEST(a_body_that_is_not_wanted_is_forgotten),
	    TEST(it_may_be_answered_later),
	    TEST(a_connection_that_is_not_kept_is_over),
	    TEST(without_memory_the_body_is_not_kept),
	    TEST(without_room_for_the_feed_the_body_is_not_kept),
	    TEST(further_headers_are_sent),
	    TEST(only_an_app_that_streams_has_the_parameters_of_reading),
	    TEST(parameters_may_come_in_any_order),
	    TEST(a_stream_is_left_to_the_app),
	    TEST(what_is_missing_for_a_thread_is_said),
	};

	fcgi_init();
	return cmocka_run_group_tests_name("fcgi", tests, NULL, NULL);
}
