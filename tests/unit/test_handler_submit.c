/* Requests with an Idempotency-Key, in front of a sink that finishes them when a test says so. */
#include "server/handler.h"
#include "unit.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN	 "open sesame"
#define BODY_MAX ((size_t)1024 * 1024)
#define JOBS	 8

/* Room for four small ones, of 20 KiB and some. */
#define WAITING_MAX ((size_t)70 * 1024)

struct fixture {
	struct auth_settings auth;
	struct formatter formatter;
	struct metrics metrics;
	struct budget budget;
	struct handler handler;
	struct app app;
	void *thread;
	struct app_job *job[JOBS];
	struct http_response response;
};

/* --- the sink --- */

static struct {
	struct ticket *ticket[JOBS];
	size_t tickets;
	unsigned submitted; /* since the fixture was set up */
	bool at_once;	    /* each is finished as it is submitted: done */
} queue;

static struct ticket *
queue_submit(void *self, struct ticket *ticket)
{
	(void)self;
	ticket->next = NULL;
	ticket->result = TICKET_DONE;
	for (int i = 0; i < LEVEL_COUNT; i++) {
		if (ticket->entries->level[i].failed)
			ticket->result = TICKET_FAILED;
	}
	if (ticket->result == TICKET_FAILED)
		return ticket;
	queue.submitted++;
	if (queue.at_once)
		return ticket;
	queue.ticket[queue.tickets++] = ticket;
	return NULL;
}

/* The next group is all of the queue; a test has set the results. */
static struct ticket *
queue_resume(void *self, bool last)
{
	struct ticket *first = NULL;

	(void)self;
	(void)last;
	while (queue.tickets > 0) {
		struct ticket *t = queue.ticket[--queue.tickets];

		t->next = first;
		first = t;
	}
	return first;
}

/* --- the fixture --- */

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct buf why = BUF_INIT;
	char error[512];

	memset(&queue, 0, sizeof(queue));
	f->auth = (struct auth_settings){.token = TOKEN};
	f->budget.max = SIZE_MAX;
	if (!formatter_compile(&f->formatter, "%(message)s", NULL, &why))
		return -1;
	f->handler = (struct handler){.intake = {.formatter = &f->formatter,
					  .levels = LEVEL_BIT(LEVEL_INFO),
					  .max_body = BODY_MAX,
					  .budget = &f->budget},
	    .auth = auth_open(&f->auth, "AUTH_TOKEN", error, sizeof(error)),
	    .sink = {.submit = queue_submit, .resume = queue_resume},
	    .repeats = repeats_new(JOBS, WAITING_MAX),
	    .budget = &f->budget,
	    .metrics = &f->metrics};
	f->app = handler_app(&f->handler);
	f->thread = f->app.thread_new(f->app.self);
	for (int i = 0; i < JOBS; i++)
		f->job[i] = f->app.job_new(f->app.self);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	buf_free(&f->response.body);
	for (int i = 0; i < JOBS; i++)
		f->app.job_free(f->job[i]);
	f->app.thread_free(f->thread);
	repeats_free(f->handler.repeats);
	auth_close(f->handler.auth);
	formatter_free(&f->formatter);
	free(f);
	return 0;
}

static struct handler_job *
job(struct fixture *f, int i)
{
	return (struct handler_job *)f->job[i];
}

static enum app_verdict
begin(struct fixture *f, int i, const char *key, const char *text)
{
	const struct http_body body = {text, strlen(text), strlen(text), true};
	char length[32];
	const struct http_request q = {.method = "POST",
	    .path = "/api/log",
	    .content_type = "application/json",
	    .content_length = length,
	    .authorization = TOKEN,
	    .idempotency_key = key};
	enum app_verdict verdict;

	snprintf(length, sizeof(length), "%zu", strlen(text));
	f->response.body.len = 0;
	verdict = f->app.head(f->thread, f->job[i], &q, &f->response);
	return verdict == APP_BODY ? f->app.body(f->thread, f->job[i], &body, &f->response)
				   : verdict;
}

/* Sends a record; returns the jobs that are finished then. */
static struct app_job *
post(struct fixture *f, int i, const char *key, const char *text)
{
	assert_int_equal(begin(f, i, key, text), APP_LATER);
	return f->app.submit(f->thread, f->job[i]);
}

static struct app_job *
resume(struct fixture *f)
{
	return f->app.resume(f->thread, false);
}

/* Answers the next of a list of finished jobs, and returns the rest. */
static struct app_job *
answered(struct fixture *f, struct app_job *list, int status, const char *body)
{
	struct app_job *rest;

	assert_non_null(list);
	rest = list->next;
	f->response.body.len = 0;
	assert_int_equal(f->app.answer(f->thread, list, &f->response), APP_ANSWER);
	assert_int_equal(f->response.status, status);
	if (body != NULL)
		assert_buf_equal(&f->response.body, body);
	return rest;
}

static struct app_job *
good(struct fixture *f, struct app_job *list)
{
	return answered(f, list, 200, "{\"status\": true}");
}

static struct app_job *
refused(struct fixture *f, struct app_job *list)
{
	return answered(f, list, 503,
	    "{\"status\": false, \"error\": \"the record could not be written now; send it "
	    "again\"}");
}

#define RECORD "{\"msg\":\"a\"}"
#define BATCH  "[{\"msg\":\"a\"},{\"msg\":\"b\",\"levelno\":10},{\"msg\":\"%d\",\"args\":[\"x\"]}]"

/* --- tests --- */

static void
what_was_taken_is_answered_as_the_first_time(void **state)
{
	static const char batch[] = "{\"status\": true, \"records\": 3}";
	struct fixture *f = *state;

	queue.at_once = true;
	for (int i = 0; i < 3; i++) {
		assert_null(good(f, post(f, i, "a-1", RECORD)));
		assert_null(answered(f, post(f, i, "a-2", BATCH), 200, batch));
		assert_int_equal(queue.submitted, 2);
		assert_int_equal(f->metrics.repeated, 2 * i);
		/* Counted once. */
		assert_int_equal(f->metrics.dropped, 1);
		assert_int_equal(f->metrics.unformatted, 1);
	}
	/* A job that was a repeat is none of it any more. */
	for (unsigned i = 0; i < 2; i++) {
		assert_null(good(f, post(f, 1, i == 0 ? NULL : "", RECORD)));
		assert_int_equal(queue.submitted, 3 + i);
	}
	assert_null(good(f, post(f, 2, "a-3", RECORD)));
	assert_int_equal(queue.submitted, 5);
	assert_int_equal(f->metrics.repeated, 4);
}

/* Nothing of it is enabled: taken nevertheless. */
static void
what_is_below_every_level_is_taken(void **state)
{
	struct fixture *f = *state;

	queue.at_once = true;
	for (int i = 0; i < 2; i++)
		assert_null(good(f, post(f, i, "a-1", "{\"msg\":\"a\",\"levelno\":10}")));
	assert_int_equal(f->metrics.dropped, 1);
	assert_int_equal(f->metrics.repeated, 1);
}

static void
what_is_no_key_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(begin(f, 0, "a", RECORD), APP_ANSWER);
	assert_int_equal(f->response.status, 400);
	assert_buf_equal(&f->response.body,
	    "{\"status\": false, \"error\": \"Idempotency-Key must be <id>-<number>: 1 to 64 of "
	    "A-Z, "
	    "a-z, 0-9, \\\".\\\", \\\"_\\\" and \\\"-\\\", then a decimal up to "
	    "9223372036854775807\"}");
	/* The next request of the connection has nothing of it. */
	queue.at_once = true;
	assert_null(good(f, post(f, 0, NULL, RECORD)));
}

/* What claims no key keeps none. */
static void
a_bad_body_leaves_the_key_free(void **state)
{
	struct fixture *f = *state;

	queue.at_once = true;
	assert_int_equal(begin(f, 0, "a-1", "{\"msg\":}"), APP_ANSWER);
	assert_int_equal(f->response.status, 400);
	assert_null(good(f, post(f, 0, "a-1", RECORD)));
	assert_int_equal(queue.submitted, 1);
	/* And is refused whatever its key says. */
	assert_int_equal(begin(f, 0, "a-1", "{\"msg\":}"), APP_ANSWER);
	assert_int_equal(f->response.status, 400);
}

static void
several_at_once_are_answered_as_the_first(void **state)
{
	struct fixture *f = *state;
	struct app_job *list;

	assert_null(post(f, 0, "a-1", RECORD));
	assert_null(post(f, 1, "b-1", RECORD));
	assert_null(post(f, 2, "a-1", RECORD));
	assert_null(post(f, 3, "a-1", RECORD));
	assert_null(post(f, 4, NULL, RECORD));
	assert_int_equal(queue.submitted, 3);
	list = resume(f);
	assert_ptr_equal(list, f->job[0]);
	for (int i = 0; i < 5; i++)
		list = good(f, list);
	assert_null(list);
	assert_int_equal(f->metrics.repeated, 2);
	assert_null(good(f, post(f, 5, "a-1", RECORD)));
	assert_int_equal(queue.submitted, 3);
}

static void
what_is_refused_may_come_again(void **state)
{
	struct fixture *f = *state;
	struct app_job *list;

	assert_null(post(f, 0, "a-1", RECORD));
	assert_null(post(f, 1, "a-1", RECORD));
	queue.ticket[0]->result = TICKET_FAILED;
	list = resume(f);
	assert_ptr_equal(list, f->job[0]);
	list = refused(f, list);
	assert_ptr_equal(list, f->job[1]);
	assert_null(refused(f, list));
	assert_int_equal(f->metrics.repeated, 0);
	/* By the one that waited, too. */
	for (int i = 1; i >= 0; i--) {
		assert_null(post(f, i, "a-1", RECORD));
		assert_int_equal(queue.submitted, 3 - i);
		if (i == 1)
			queue.ticket[0]->result = TICKET_FAILED;
		list = resume(f);
		assert_null(i == 1 ? refused(f, list) : good(f, list));
	}
	assert_null(good(f, post(f, 1, "a-1", RECORD)));
	assert_int_equal(queue.submitted, 3);
}

/* Who can't wait is refused, and takes nothing from those that can. */
static void
what_waits_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct app_job *list;

	for (int round = 0; round < 2; round++) {
		const char *key = round == 0 ? "a-1" : "a-2";

		for (int i = 0; i < 5; i++)
			assert_null(post(f, i, key, RECORD));
		for (int i = 5; i < JOBS; i++) {
			list = post(f, i, key, RECORD);
			assert_ptr_equal(list, f->job[i]);
			assert_null(refused(f, list));
		}
		/* Another key has nobody to wait for. */
		assert_null(post(f, 5, "b-1", RECORD));
		queue.ticket[1]->result = TICKET_FAILED;
		list = resume(f);
		for (int i = 0; i < 5; i++)
			list = good(f, list);
		assert_null(refused(f, list));
		assert_null(good(f, post(f, 6, key, RECORD)));
	}
	assert_int_equal(queue.submitted, 4);
}

/* Its day was over: it begins again, and those that wait go on waiting. */
static void
a_late_one_keeps_its_claim(void **state)
{
	const struct http_body body = {RECORD, strlen(RECORD), strlen(RECORD), true};
	struct fixture *f = *state;
	struct app_job *list;

	assert_null(post(f, 0, "a-1", RECORD));
	assert_null(post(f, 1, "a-1", RECORD));
	for (unsigned round = 1; round <= 2; round++) {
		queue.ticket[0]->result = TICKET_LATE;
		list = resume(f);
		assert_ptr_equal(list, f->job[0]);
		assert_null(list->next);
		assert_int_equal(f->app.answer(f->thread, list, &f->response), APP_BODY);
		assert_null(post(f, 1 + (int)round, "a-1", RECORD));
		assert_int_equal(f->app.body(f->thread, list, &body, &f->response), APP_LATER);
		assert_null(f->app.submit(f->thread, list));
		assert_int_equal(queue.submitted, 1 + round);
	}
	list = resume(f);
	assert_ptr_equal(list, f->job[0]);
	for (int i = 0; i < 4; i++)
		list = good(f, list);
	assert_null(list);
	assert_null(good(f, post(f, 1, "a-1", RECORD)));
}

/* Nobody is left waiting when it can't be made ready again. */
static void
a_late_one_without_memory_is_refused_with_those_that_wait(void **state)
{
	static char text[200 * 1024];
	struct fixture *f = *state;
	struct app_job *list;
	int n = snprintf(text, sizeof(text), "{\"msg\":\"");
	struct http_body body = {text, sizeof(text) - 1, sizeof(text) - 1, true};

	memset(text + n, 'x', sizeof(text) - (size_t)n);
	memcpy(text + sizeof(text) - 3, "\"}", 3);
	assert_null(post(f, 0, "a-1", text));
	assert_null(post(f, 1, "a-1", RECORD));
	queue.ticket[0]->result = TICKET_LATE;
	list = resume(f);
	assert_int_equal(f->app.answer(f->thread, list, &f->response), APP_BODY);
	f->budget.max = 1;
	assert_int_equal(f->app.body(f->thread, list, &body, &f->response), APP_LATER);
	assert_int_equal(job(f, 0)->entries.level[LEVEL_INFO].len, 0);
	list = f->app.submit(f->thread, list);
	assert_ptr_equal(list, f->job[0]);
	list = refused(f, list);
	assert_ptr_equal(list, f->job[1]);
	assert_null(refused(f, list));
	f->budget.max = SIZE_MAX;
	assert_int_equal(queue.submitted, 1);
	assert_null(post(f, 1, "a-1", RECORD));
	assert_null(good(f, resume(f)));
	assert_int_equal(queue.submitted, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_was_taken_is_answered_as_the_first_time),
	    TEST(what_is_below_every_level_is_taken),
	    TEST(what_is_no_key_is_refused),
	    TEST(a_bad_body_leaves_the_key_free),
	    TEST(several_at_once_are_answered_as_the_first),
	    TEST(what_is_refused_may_come_again),
	    TEST(what_waits_is_bounded),
	    TEST(a_late_one_keeps_its_claim),
	    TEST(a_late_one_without_memory_is_refused_with_those_that_wait),
	};

	json_init();
	return cmocka_run_group_tests_name("handler_submit", tests, NULL, NULL);
}
