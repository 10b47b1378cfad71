#include "files/commit.h"
#include "server/handler.h"
#include "tmpdir.h"
#include "json/json.h"

#define TOKEN	 "open sesame"
#define BODY_MAX 1000

/* What answers say. */
#define BY_POST ": with logging.handlers.HTTPHandler, say method=\\\"POST\\\""
#define TYPES                                                                                      \
	"Content-Type must be application/json, application/x-ndjson, application/jsonl or "       \
	"application/x-www-form-urlencoded"
#define ENCODINGS "Content-Encoding must be gzip (once) or identity, not "

struct fixture {
	struct tmpdir *dir;
	struct logs_settings logs;
	struct auth_settings auth;
	struct formatter formatter;
	struct metrics metrics;
	struct handler handler;
	struct app app;
	void *thread;
	struct app_job *job;
	struct http_response response;
	struct http_request request;
	int said; /* a file in place of stderr */
	int stderr_fd;
};

static void
never_called(void *context)
{
	(void)context;
	fail();
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct buf why = BUF_INIT;
	char error[512];

	if (tmpdir_setup(state) != 0)
		return -1;
	f->dir = *state;
	f->logs = (struct logs_settings){.folder = f->dir->path, .levels = LEVEL_BIT(LEVEL_INFO)};
	f->auth = (struct auth_settings){.token = TOKEN};
	if (!formatter_compile(&f->formatter, "%(message)s", NULL, &why))
		return -1;
	f->handler = (struct handler){
	    .intake = {.formatter = &f->formatter, .levels = f->logs.levels, .max_body = BODY_MAX},
	    .auth = auth_open(&f->auth, "AUTH_TOKEN", error, sizeof(error)),
	    .sink = commit_sink(commit_open(&f->logs, BODY_MAX, &f->metrics, error, sizeof(error))),
	    .repeats = repeats_new(8, BODY_MAX),
	    .metrics = &f->metrics};
	f->app = handler_app(&f->handler);
	f->app.wake_by(f->app.self, never_called, NULL);
	f->thread = f->app.thread_new(f->app.self);
	f->job = f->app.job_new(f->app.self);
	f->request = (struct http_request){.method = "POST",
	    .path = "/api/log",
	    .content_type = "application/json",
	    .content_length = "12",
	    .remote_addr = "192.0.2.7",
	    .authorization = TOKEN};
	f->stderr_fd = dup(STDERR_FILENO);
	f->said = open(tmpdir_path(f->dir, "said"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	dup2(f->said, STDERR_FILENO);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	dup2(f->stderr_fd, STDERR_FILENO);
	close(f->stderr_fd);
	close(f->said);
	buf_free(&f->response.body);
	f->app.job_free(f->job);
	f->app.thread_free(f->thread);
	commit_close(f->handler.sink.self);
	repeats_free(f->handler.repeats);
	auth_close(f->handler.auth);
	formatter_free(&f->formatter);
	free(f);
	return tmpdir_teardown(&dir);
}

static void
clear_response(struct fixture *f)
{
	struct buf body = f->response.body;

	body.len = 0;
	f->response = (struct http_response){.body = body};
}

/* The app's verdict of the fixture's request. */
static enum app_verdict
head(struct fixture *f)
{
	clear_response(f);
	return f->app.head(f->thread, f->job, &f->request, &f->response);
}

/* And, after that, of this body. */
static enum app_verdict
body(struct fixture *f, const char *text)
{
	const struct http_body b = {text, strlen(text), strlen(text), true};

	return f->app.body(f->thread, f->job, &b, &f->response);
}

static void
assert_refused(struct fixture *f, int status, const char *words)
{
	char expected[1024];

	assert_int_equal(f->response.status, status);
	assert_string_equal(f->response.content_type, "application/json");
	snprintf(expected, sizeof(expected), "{\"status\": false, \"error\": \"%s\"}", words);
	assert_buf_equal(&f->response.body, expected);
}

/* A record that is answered 200, with the file that it makes. */
static void
assert_logs(struct fixture *f, const char *text, const char *answer, const char *file)
{
	char length[32];

	snprintf(length, sizeof(length), "%zu", strlen(text));
	f->request.content_length = length;
	assert_int_equal(head(f), APP_BODY);
	assert_int_equal(body(f, text), APP_LATER);
	assert_ptr_equal(f->app.submit(f->thread, f->job), f->job);
	assert_null(f->job->next);
	assert_int_equal(f->app.answer(f->thread, f->job, &f->response), APP_ANSWER);
	assert_int_equal(f->response.status, 200);
	assert_buf_equal(&f->response.body, answer);
	f->app.sent(f->thread, f->job, &f->response);
	assert_file_equal(f->dir, "info.log", file);
}

static void
records_are_written_and_answered(void **state)
{
	struct fixture *f = *state;

	assert_logs(f, "{\"msg\":\"a\"}", "{\"status\": true}", "a\n");
	assert_logs(f, "[{\"msg\":\"b\"},{\"msg\":\"c\"}]", "{\"status\": true, \"records\": 2}",
	    "a\nb\nc\n");
	/* Below every enabled level. */
	assert_logs(f, "{\"msg\":\"d\",\"levelno\":10}", "{\"status\": true}", "a\nb\nc\n");
	assert_int_equal(f->metrics.dropped, 1);
	assert_int_equal(f->metrics.requests[status_index(200)], 3);
	assert_int_equal(f->metrics.body_bytes, 11 + 25 + 24);
	assert_null(f->app.resume(f->thread, false));
}

static void
each_path_takes_its_methods(void **state)
{
	static const struct {
		const char *path, *method, *allow, *words;
		int status;
	} cases[] = {
	    {"/api/log", "GET", "POST", "/api/log takes POST, not GET" BY_POST, 405},
	    {"/api/log", "POS", "POST", "/api/log takes POST, not POS" BY_POST, 405},
	    {"/api/log", "", "POST", "/api/log takes POST, not " BY_POST, 405},
	    {"/api/health", "GET", NULL, NULL, 200},
	    {"/api/health", "HEAD", NULL, NULL, 200},
	    {"/api/health", "POST", "GET, HEAD", "/api/health takes GET, not POST", 405},
	    {"/api/health", "GET, HEAD", "GET, HEAD", "/api/health takes GET, not GET, HEAD", 405},
	    {"/metrics", "GET", NULL, NULL, 200},
	    {"/metrics", "HEAD", NULL, NULL, 200},
	    {"/metrics", "PUT", "GET, HEAD", "/metrics takes GET, not PUT", 405},
	    {"/_pbu_log_auth", "GET", NULL, NULL, 200},
	    {"/_pbu_log_auth", "POST", NULL, NULL, 200},
	    {"/", "GET", NULL, "there is nothing at /", 404},
	    {"/api/log/", "POST", NULL, "there is nothing at /api/log/", 404},
	    {"/api/lo", "POST", NULL, "there is nothing at /api/lo", 404},
	    {"", "POST", NULL, "there is nothing at ", 404},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->request.path = cases[i].path;
		f->request.method = cases[i].method;
		assert_int_equal(head(f), APP_ANSWER);
		if (cases[i].status != 200)
			assert_refused(f, cases[i].status, cases[i].words);
		else
			assert_int_equal(f->response.status, 200);
		if (cases[i].allow != NULL)
			assert_string_equal(f->response.allow, cases[i].allow);
		else
			assert_null(f->response.allow);
	}
}

static void
a_token_is_needed_where_it_is(void **state)
{
	static const struct {
		const char *path, *method;
		bool needed;
	} cases[] = {{"/api/log", "POST", true}, {"/_pbu_log_auth", "POST", true},
	    {"/_pbu_log_auth", "GET", true}, {"/api/health", "GET", false},
	    {"/metrics", "GET", false}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->request.path = cases[i].path;
		f->request.method = cases[i].method;
		for (int other = 0; other < 2; other++) {
			f->request.authorization = other == 0 ? NULL : "another";
			assert_int_equal(head(f), APP_ANSWER);
			assert_int_equal(f->response.status, cases[i].needed ? 401 : 200);
			assert_int_equal(f->response.authenticate, cases[i].needed);
		}
		if (cases[i].needed)
			assert_refused(f, 401,
			    "a valid token is needed: send it as \\\"Authorization: <token>\\\"");
		f->request.authentication = TOKEN;
		assert_int_not_equal(head(f) == APP_ANSWER ? f->response.status : 200, 401);
		f->request.authentication = NULL;
	}
}

static void
a_body_is_announced(void **state)
{
	static const struct {
		const char *type, *length, *words;
		int status;
	} cases[] = {
	    {NULL, "12", TYPES, 415},
	    {"", "12", TYPES, 415},
	    {"text/plain", "12", TYPES, 415},
	    {"application/jsonx", "12", TYPES, 415},
	    {"application/json", NULL, "Content-Length is missing: send the body's length in bytes",
		411},
	    {"application/json", "", "Content-Length is missing: send the body's length in bytes",
		411},
	    {"application/json", "-1", "Content-Length is not a number: -1", 400},
	    {"application/json", "1001",
		"the body has 1001 bytes, and 1000 is the most (MAX_BODY_BYTES)", 413},
	    {"application/json", "99999999999999999999",
		"the body has 99999999999999999999 bytes, and 1000 is the most (MAX_BODY_BYTES)",
		413},
	    {"application/json", "1000", NULL, 0},
	    {" Application/JSON; charset=utf-8", "0", NULL, 0},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->request.content_type = cases[i].type;
		f->request.content_length = cases[i].length;
		assert_int_equal(head(f), cases[i].status == 0 ? APP_BODY : APP_ANSWER);
		if (cases[i].status != 0)
			assert_refused(f, cases[i].status, cases[i].words);
	}
}

static void
a_body_has_a_type_and_an_encoding(void **state)
{
	static const struct {
		const char *type, *encoding, *words;
		enum intake_format format;
		bool gzip;
	} cases[] = {
	    {"application/json", NULL, NULL, INTAKE_JSON, false},
	    {"application/json", "gzip", NULL, INTAKE_JSON, true},
	    {"application/x-ndjson", "", NULL, INTAKE_LINES, false},
	    {"application/x-ndjson;charset=utf-8", "x-gzip", NULL, INTAKE_LINES, true},
	    {"Application/JSONL", " GZip ", NULL, INTAKE_LINES, true},
	    {"application/jsonl", "identity", NULL, INTAKE_LINES, false},
	    {"application/json", "Identity", NULL, INTAKE_JSON, false},
	    {"application/json", "gzip, gzip", ENCODINGS "gzip, gzip", 0, false},
	    {"application/json", "gzip,", ENCODINGS "gzip,", 0, false},
	    {"application/json", "gzip gzip", ENCODINGS "gzip gzip", 0, false},
	    {"application/json", "deflate", ENCODINGS "deflate", 0, false},
	    {"application/json", "gzip;q=1", ENCODINGS "gzip;q=1", 0, false},
	    {"application/json", "gzi", ENCODINGS "gzi", 0, false},
	    {"application/json", " ", ENCODINGS " ", 0, false},
	    {"application/ndjson", NULL, TYPES, 0, false},
	    {"application/ndjson", "br", TYPES, 0, false},
	};
	struct fixture *f = *state;
	const struct handler_job *job = (const struct handler_job *)f->job;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->request.content_type = cases[i].type;
		f->request.content_encoding = cases[i].encoding;
		assert_int_equal(head(f), cases[i].words == NULL ? APP_BODY : APP_ANSWER);
		if (cases[i].words == NULL) {
			assert_int_equal(job->format, cases[i].format);
			assert_int_equal(job->gzip, cases[i].gzip);
			assert_null(f->response.headers);
		} else {
			assert_refused(f, 415, cases[i].words);
			assert_true((f->response.headers != NULL) ==
				    (strncmp(cases[i].words, ENCODINGS, 16) == 0));
		}
	}
}

static void
lines_are_written_and_answered(void **state)
{
	struct fixture *f = *state;

	f->request.content_type = "application/x-ndjson";
	assert_logs(f, "{\"msg\":\"a\"}", "{\"status\": true, \"records\": 1}", "a\n");
	assert_logs(f, "\n{\"msg\":\"b\"}\r\n\n{\"msg\":\"c\"}\n",
	    "{\"status\": true, \"records\": 2}", "a\nb\nc\n");
	/* The format is each request's own. */
	f->request.content_type = "application/json";
	assert_logs(f, "{\"msg\":\"d\"}", "{\"status\": true}", "a\nb\nc\nd\n");
}

static void
a_body_that_is_not_right_is_refused(void **state)
{
	struct fixture *f = *state;
	struct http_body lost = {NULL, 12, 0, false};

	assert_int_equal(head(f), APP_BODY);
	assert_int_equal(body(f, "{\"msg\": 12}"), APP_ANSWER);
	assert_refused(f, 400, "the body has 11 bytes where Content-Length says 12");
	assert_int_equal(head(f), APP_BODY);
	assert_int_equal(body(f, "{\"name\":\"a\"}"), APP_ANSWER);
	assert_int_equal(f->response.status, 400);
	assert_int_equal(head(f), APP_BODY);
	assert_int_equal(body(f, "[{\"msg\":\"a\"]"), APP_ANSWER);
	assert_int_equal(f->response.status, 400);
	/* There was no memory for it. */
	assert_int_equal(head(f), APP_BODY);
	assert_int_equal(f->app.body(f->thread, f->job, &lost, &f->response), APP_ANSWER);
	assert_refused(f, 503, "the server is busy; send it again");
	assert_int_equal(f->response.retry_after, 1);
	/* It is longer than it may be, and than was said. */
	lost.len = BODY_MAX + 1;
	assert_int_equal(head(f), APP_BODY);
	assert_int_equal(f->app.body(f->thread, f->job, &lost, &f->response), APP_ANSWER);
	assert_refused(f, 400, "the body has 1001 bytes where Content-Length says 12");
	assert_file_equal(f->dir, "info.log", "");
}

static void
what_becomes_of_a_ticket_is_answered(void **state)
{
	struct fixture *f = *state;
	struct handler_job *job = (struct handler_job *)f->job;

	f->request.content_length = "11";
	assert_int_equal(head(f), APP_BODY);
	assert_int_equal(body(f, "{\"msg\":\"a\"}"), APP_LATER);
	job->ticket.result = TICKET_FAILED;
	assert_int_equal(f->app.answer(f->thread, f->job, &f->response), APP_ANSWER);
	assert_refused(f, 503, "the record could not be written now; send it again");
	assert_int_equal(f->response.retry_after, 1);
	/* Its day was over: once more. */
	assert_int_equal(head(f), APP_BODY);
	assert_int_equal(body(f, "{\"msg\":\"a\"}"), APP_LATER);
	job->ticket.result = TICKET_LATE;
	assert_int_equal(f->app.answer(f->thread, f->job, &f->response), APP_BODY);
	assert_int_equal(body(f, "{\"msg\":\"a\"}"), APP_LATER);
	assert_ptr_equal(f->app.submit(f->thread, f->job), f->job);
	assert_int_equal(f->app.answer(f->thread, f->job, &f->response), APP_ANSWER);
	assert_int_equal(f->response.status, 200);
	assert_file_equal(f->dir, "info.log", "a\n");
}

static const char *
said(struct fixture *f)
{
	static char text[4096];
	ssize_t n = pread(f->said, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
refuse(struct fixture *f, const char *path, const char *token, const char *address)
{
	f->request.path = path;
	f->request.authorization = token;
	f->request.remote_addr = address;
	assert_int_equal(head(f), APP_ANSWER);
	f->app.sent(f->thread, f->job, &f->response);
}

static void
a_refusal_is_said_once_a_second_for_each_status(void **state)
{
	static const char first[] =
	    "warning: refused with 401: \"a valid token is needed: send it as "
	    "\\\"Authorization: <token>\\\"\" (from 192.0.2.7)\n";
	static const char second[] =
	    "warning: refused with 404: \"there is nothing at /\\u009b1m\\n\" "
	    "(from an unknown address)\n";
	struct fixture *f = *state;
	const char *text;

	assert_logs(f, "{\"msg\":\"a\"}", "{\"status\": true}", "a\n");
	assert_string_equal(said(f), "");
	for (int i = 0; i < 5; i++) {
		refuse(f, "/api/log", "secret", "192.0.2.7");
		refuse(f,
		    "/\xc2\x9b"
		    "1m\n",
		    "secret", NULL);
		/* The second does not end, however slow the test is. */
		atomic_store(&f->handler.refused[status_index(401)].next, INT64_MAX);
		atomic_store(&f->handler.refused[status_index(404)].next, INT64_MAX);
	}
	text = said(f);
	assert_non_null(strstr(text, first));
	text = strchr(text, '\n') + 1;
	assert_non_null(strstr(text, second));
	assert_string_equal(strchr(text, '\n'), "\n");
	assert_int_equal(f->metrics.requests[status_index(401)], 5);
	assert_int_equal(f->metrics.requests[status_index(404)], 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(records_are_written_and_answered),
	    TEST(each_path_takes_its_methods),
	    TEST(a_token_is_needed_where_it_is),
	    TEST(a_body_is_announced),
	    TEST(a_body_has_a_type_and_an_encoding),
	    TEST(lines_are_written_and_answered),
	    TEST(a_body_that_is_not_right_is_refused),
	    TEST(what_becomes_of_a_ticket_is_answered),
	    TEST(a_refusal_is_said_once_a_second_for_each_status),
	};

	json_init();
	return cmocka_run_group_tests_name("handler", tests, NULL, NULL);
}
