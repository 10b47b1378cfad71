#include "fcgi_records.h"
#include "unit.h"
#include "web/request.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_MAX 100000

/* A peer, and a request that comes from it. */
struct peers {
	int peer;
	int fd;
	struct request request;
	char buffer[REQUEST_BUFFER];
};

static int
set_up(void **state)
{
	static struct peers p;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	p = (struct peers){.peer = pair[0], .fd = pair[1], .request = {.body_max = BODY_MAX}};
	*state = &p;
	return 0;
}

static int
tear_down(void **state)
{
	struct peers *p = *state;

	request_reset(&p->request);
	close(p->peer);
	close(p->fd);
	return 0;
}

/* A request with a body of so many bytes, in records of at most `record` bytes; *head is where its
 * parameters end. */
static struct buf
records(size_t body, size_t record, size_t *head)
{
	static const unsigned char begin[8] = {0, FCGI_RESPONDER, FCGI_KEEP_CONN};
	static const char bytes[65535];
	struct buf out = BUF_INIT;

	add_record(&out, FCGI_BEGIN_REQUEST, begin, sizeof(begin));
	add_record(&out, FCGI_PARAMS, "\1\2ABC", 5);
	add_record(&out, FCGI_PARAMS, NULL, 0);
	*head = out.len;
	for (size_t n; body > 0; body -= n) {
		n = body < record ? body : record;
		add_record(&out, FCGI_STDIN, bytes, n);
	}
	add_record(&out, FCGI_STDIN, NULL, 0);
	return out;
}

static enum request_state
receive(struct peers *p, bool large)
{
	return request_receive(&p->request, p->fd, p->buffer, large);
}

static void
assert_holds(const struct peers *p, const struct buf *bytes)
{
	assert_int_equal(p->request.len, bytes->len);
	assert_memory_equal(p->request.bytes, bytes->data, bytes->len);
}

/* Sends all of it, receiving what has come whenever there is no room; returns the last state. */
static enum request_state
pass(struct peers *p, const struct buf *bytes, bool large)
{
	enum request_state state = REQUEST_NONE;
	size_t sent = 0;

	while (sent < bytes->len || state == REQUEST_NONE) {
		ssize_t n = send(
		    p->peer, bytes->data + sent, bytes->len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		state = receive(p, large);
		if (state != REQUEST_PART && state != REQUEST_NONE)
			break;
	}
	return state;
}

static void
what_comes_at_once_is_not_copied(void **state)
{
	struct peers *p = *state;
	size_t head;
	struct buf whole = records(1000, 1000, &head);

	assert_int_equal(receive(p, false), REQUEST_NONE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pass(p, &whole, false), REQUEST_WHOLE);
		assert_int_equal(p->request.held.cap, 0);
		assert_int_equal(p->request.at.body, 1000);
		assert_holds(p, &whole);
		request_reset(&p->request);
	}
	assert_int_equal(receive(p, false), REQUEST_NONE);
	buf_free(&whole);
}

static void
a_request_may_come_in_pieces(void **state)
{
	struct peers *p = *state;
	size_t head;
	struct buf whole = records(300, 7, &head);

	for (size_t step = 1; step < whole.len; step += step / 4 + 1) {
		for (size_t at = 0; at < whole.len; at += step) {
			size_t n = whole.len - at < step ? whole.len - at : step;

			assert_int_equal(send(p->peer, whole.data + at, n, 0), n);
			assert_int_equal(
			    receive(p, false), at + n == whole.len ? REQUEST_WHOLE : REQUEST_PART);
		}
		assert_holds(p, &whole);
		request_reset(&p->request);
		assert_int_equal(p->request.held.cap, 0);
	}
	buf_free(&whole);
}

static void
a_large_one_needs_leave(void **state)
{
	struct peers *p = *state;
	size_t head;
	struct buf whole = records(45000, 32768, &head);

	/* With it, what comes at once is not copied. */
	assert_int_equal(send(p->peer, whole.data, whole.len, 0), whole.len);
	assert_int_equal(receive(p, false), REQUEST_LARGE);
	assert_int_equal(receive(p, true), REQUEST_WHOLE);
	assert_int_equal(p->request.held.cap, 0);
	assert_holds(p, &whole);
	request_reset(&p->request);
	buf_free(&whole);

	whole = records(BODY_MAX, 32768, &head);
	assert_int_equal(send(p->peer, whole.data, REQUEST_SMALL, 0), REQUEST_SMALL);
	assert_int_equal(receive(p, false), REQUEST_LARGE);
	assert_int_equal(p->request.held.len, 0);
	assert_true(request_keep(&p->request, p->buffer));
	assert_int_equal(p->request.held.len, REQUEST_SMALL);
	assert_int_equal(send(p->peer, whole.data + REQUEST_SMALL, whole.len - REQUEST_SMALL, 0),
	    whole.len - REQUEST_SMALL);
	assert_int_equal(receive(p, false), REQUEST_LARGE);
	assert_int_equal(receive(p, true), REQUEST_WHOLE);
	assert_holds(p, &whole);
	request_reset(&p->request);
	buf_free(&whole);
}

static void
a_body_that_is_too_long_is_not_kept(void **state)
{
	struct peers *p = *state;
	size_t head;

	for (size_t body = BODY_MAX + 1; body < 60 * (size_t)BODY_MAX; body *= 3) {
		struct buf whole = records(body, 5000, &head), dropped = BUF_INIT;

		assert_int_equal(pass(p, &whole, true), REQUEST_WHOLE);
		assert_int_equal(p->request.at.body, body);
		assert_in_range(p->request.held.cap, head, 1024);
		buf_append(&dropped, whole.data, head);
		add_record(&dropped, FCGI_STDIN, NULL, 0);
		assert_holds(p, &dropped);
		request_reset(&p->request);
		buf_free(&whole);
		buf_free(&dropped);
	}
}

/* A body of which a budget of so many bytes refuses to keep all. */
static void
assert_dropped(struct peers *p, size_t body, size_t max)
{
	struct budget budget = {.max = max};
	struct buf dropped = BUF_INIT;
	size_t head;
	struct buf whole = records(body, 5000, &head);

	p->request.held.budget = &budget;
	assert_int_equal(pass(p, &whole, true), REQUEST_WHOLE);
	assert_true(p->request.dropped);
	assert_int_equal(p->request.at.body, body);
	assert_int_equal(budget.used, 0);
	buf_append(&dropped, whole.data, head);
	add_record(&dropped, FCGI_STDIN, NULL, 0);
	assert_holds(p, &dropped);
	request_reset(&p->request);
	assert_false(p->request.dropped);
	buf_free(&whole);
	buf_free(&dropped);
}

static void
a_body_beyond_the_budget_is_not_kept(void **state)
{
	struct peers *p = *state;

	p->request.body_max = 90 << 20;
	assert_dropped(p, 100000, 0);
	assert_dropped(p, 200000, 100000);
	/* To its end, also where that is longer than what is too long. */
	assert_dropped(p, 80 << 20, 1 << 20);
}

static void
a_small_request_is_not_counted(void **state)
{
	struct peers *p = *state;
	struct budget budget = {.max = 0};
	size_t head, around;
	struct buf whole = records(0, 1, &head);

	around = whole.len + 2 * sizeof(FCGI_Header);
	buf_free(&whole);
	whole = records(BUDGET_LEAST - around, 40000, &head);
	assert_int_equal(whole.len, BUDGET_LEAST);
	p->request.held.budget = &budget;
	assert_int_equal(pass(p, &whole, true), REQUEST_WHOLE);
	assert_false(p->request.dropped);
	assert_holds(p, &whole);
	buf_free(&whole);
}

static void
a_body_can_be_dropped_when_it_is_there(void **state)
{
	struct peers *p = *state;

	for (size_t body = 100; body < BODY_MAX; body *= 30) {
		struct buf dropped = BUF_INIT;
		size_t head;
		struct buf whole = records(body, 5000, &head);

		assert_int_equal(pass(p, &whole, true), REQUEST_WHOLE);
		assert_true(request_drop_body(&p->request));
		buf_append(&dropped, whole.data, head);
		add_record(&dropped, FCGI_STDIN, NULL, 0);
		assert_holds(p, &dropped);
		assert_int_equal(p->request.at.body, body);
		/* Once. */
		assert_false(request_drop_body(&p->request));
		request_reset(&p->request);
		buf_free(&whole);
		buf_free(&dropped);
	}
}

static void
whoever_sends_without_end_is_hung_up(void **state)
{
	struct peers *p = *state;
	size_t head;
	struct buf endless = records(80 << 20, 65535, &head), crumbs = records(600 << 10, 1, &head);

	assert_int_equal(pass(p, &endless, true), REQUEST_ENDED);
	buf_free(&endless);
	tear_down(state);
	set_up(state);
	/* As a body it is short enough, but with the headers of its records it is not. */
	p->request.body_max = 600 << 10;
	assert_int_equal(pass(p, &crumbs, true), REQUEST_ENDED);
	buf_free(&crumbs);
}

static void
the_end_of_the_peer_is_noticed(void **state)
{
	struct peers *p = *state;
	size_t head;
	struct buf whole = records(10, 10, &head);

	assert_int_equal(send(p->peer, whole.data, head, 0), head);
	assert_int_equal(receive(p, false), REQUEST_PART);
	shutdown(p->peer, SHUT_WR);
	assert_int_equal(receive(p, false), REQUEST_ENDED);
	buf_free(&whole);
}

static void
junk_and_what_follows_a_request_are_refused(void **state)
{
	struct peers *p = *state;
	size_t head;
	struct buf whole = records(10, 10, &head);

	assert_int_equal(send(p->peer, "GET / HTTP/1.1\r\n", 16, 0), 16);
	assert_int_equal(receive(p, false), REQUEST_ENDED);
	tear_down(state);
	set_up(state);
	buf_append(&whole, "\1", 1);
	assert_int_equal(pass(p, &whole, false), REQUEST_ENDED);
	buf_free(&whole);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_comes_at_once_is_not_copied),
	    TEST(a_request_may_come_in_pieces),
	    TEST(a_large_one_needs_leave),
	    TEST(a_body_that_is_too_long_is_not_kept),
	    TEST(a_body_beyond_the_budget_is_not_kept),
	    TEST(a_small_request_is_not_counted),
	    TEST(a_body_can_be_dropped_when_it_is_there),
	    TEST(whoever_sends_without_end_is_hung_up),
	    TEST(the_end_of_the_peer_is_noticed),
	    TEST(junk_and_what_follows_a_request_are_refused),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
