#include "unit.h"
#include "web/fcgi_input.h"

#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_MAX 100000

/* A peer, and the input of a connection with it. */
struct peers {
	int peer;
	int fd;
	struct fcgi_input input;
};

static int
set_up(void **state)
{
	static struct peers p;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	p = (struct peers){.peer = pair[0], .fd = pair[1], .input = {.body_max = BODY_MAX}};
	*state = &p;
	return 0;
}

static int
tear_down(void **state)
{
	struct peers *p = *state;

	fcgi_input_free(&p->input);
	close(p->peer);
	close(p->fd);
	return 0;
}

static void
add_record(struct buf *out, unsigned char type, const void *content, size_t n)
{
	const FCGI_Header header = {.version = FCGI_VERSION_1,
	    .type = type,
	    .requestIdB0 = 1,
	    .contentLengthB1 = (unsigned char)(n >> 8),
	    .contentLengthB0 = (unsigned char)n};

	buf_append(out, &header, sizeof(header));
	buf_append(out, content, n);
}

/* A request with a body of so many bytes, in records of at most `record` bytes; *head is where its
 * parameters end. */
static struct buf
request(size_t body, size_t record, size_t *head)
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

static void
assert_reads(struct fcgi_input *in, const char *bytes, size_t n)
{
	char *got = malloc(n + 1);
	size_t len = 0, more;

	assert_non_null(got);
	while ((more = fcgi_input_read(in, got + len, n + 1 - len < 8192 ? n + 1 - len : 8192)) > 0)
		len += more;
	assert_int_equal(len, n);
	assert_memory_equal(got, bytes, n);
	free(got);
}

/* Sends all of it, receiving what has come whenever there is no room; returns the last state. */
static enum fcgi_input_state
pass(struct peers *p, const struct buf *bytes, bool large)
{
	enum fcgi_input_state state = FCGI_INPUT_NONE;
	size_t sent = 0;

	while (sent < bytes->len || state == FCGI_INPUT_NONE) {
		ssize_t n = send(
		    p->peer, bytes->data + sent, bytes->len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		state = fcgi_input_receive(&p->input, p->fd, large);
		if (state != FCGI_INPUT_PART && state != FCGI_INPUT_NONE)
			break;
	}
	return state;
}

static void
what_comes_at_once_is_not_copied(void **state)
{
	struct peers *p = *state;
	size_t head;
	struct buf whole = request(1000, 1000, &head);

	assert_int_equal(fcgi_input_receive(&p->input, p->fd, false), FCGI_INPUT_NONE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pass(p, &whole, false), FCGI_INPUT_WHOLE);
		assert_int_equal(p->input.held.cap, 0);
		assert_int_equal(fcgi_input_body(&p->input), 1000);
		assert_reads(&p->input, whole.data, whole.len);
		fcgi_input_done(&p->input);
	}
	assert_int_equal(fcgi_input_receive(&p->input, p->fd, false), FCGI_INPUT_NONE);
	buf_free(&whole);
}

static void
a_request_may_come_in_pieces(void **state)
{
	struct peers *p = *state;
	size_t head;
	struct buf whole = request(300, 7, &head);

	for (size_t step = 1; step < whole.len; step += step / 4 + 1) {
		for (size_t at = 0; at < whole.len; at += step) {
			size_t n = whole.len - at < step ? whole.len - at : step;

			assert_int_equal(send(p->peer, whole.data + at, n, 0), n);
			assert_int_equal(fcgi_input_receive(&p->input, p->fd, false),
			    at + n == whole.len ? FCGI_INPUT_WHOLE : FCGI_INPUT_PART);
		}
		assert_reads(&p->input, whole.data, whole.len);
		fcgi_input_done(&p->input);
		assert_int_equal(p->input.held.cap, 0);
	}
	buf_free(&whole);
}

static void
a_large_one_needs_leave(void **state)
{
	struct peers *p = *state;
	size_t head;
	struct buf whole = request(BODY_MAX, 32768, &head);

	assert_int_equal(pass(p, &whole, false), FCGI_INPUT_LARGE);
	assert_int_equal(p->input.held.len, FCGI_INPUT_SMALL);
	assert_int_equal(fcgi_input_receive(&p->input, p->fd, false), FCGI_INPUT_LARGE);
	assert_int_equal(fcgi_input_receive(&p->input, p->fd, true), FCGI_INPUT_WHOLE);
	assert_reads(&p->input, whole.data, whole.len);
	fcgi_input_done(&p->input);
	buf_free(&whole);
}

static void
a_body_that_is_too_long_is_not_kept(void **state)
{
	struct peers *p = *state;
	size_t head;

	for (size_t body = BODY_MAX + 1; body < 60 * (size_t)BODY_MAX; body *= 3) {
		struct buf whole = request(body, 5000, &head), cut = BUF_INIT;

		assert_int_equal(pass(p, &whole, true), FCGI_INPUT_WHOLE);
		assert_int_equal(fcgi_input_body(&p->input), body);
		assert_in_range(p->input.held.cap, head, 1024);
		buf_append(&cut, whole.data, head);
		add_record(&cut, FCGI_STDIN, NULL, 0);
		assert_reads(&p->input, cut.data, cut.len);
		fcgi_input_done(&p->input);
		buf_free(&whole);
		buf_free(&cut);
	}
}

static void
whoever_sends_without_end_is_hung_up(void **state)
{
	struct peers *p = *state;
	size_t head;
	struct buf endless = request(80 << 20, 65535, &head), crumbs = request(600 << 10, 1, &head);

	assert_int_equal(pass(p, &endless, true), FCGI_INPUT_ENDED);
	buf_free(&endless);
	tear_down(state);
	set_up(state);
	/* As a body it is short enough, but with the headers of its records it is not. */
	p->input.body_max = 600 << 10;
	assert_int_equal(pass(p, &crumbs, true), FCGI_INPUT_ENDED);
	buf_free(&crumbs);
}

static void
the_end_of_the_peer_is_noticed(void **state)
{
	struct peers *p = *state;
	size_t head;
	struct buf whole = request(10, 10, &head);

	assert_int_equal(send(p->peer, whole.data, head, 0), head);
	assert_int_equal(fcgi_input_receive(&p->input, p->fd, false), FCGI_INPUT_PART);
	shutdown(p->peer, SHUT_WR);
	assert_int_equal(fcgi_input_receive(&p->input, p->fd, false), FCGI_INPUT_ENDED);
	buf_free(&whole);
}

static void
junk_and_what_follows_a_request_are_refused(void **state)
{
	struct peers *p = *state;
	size_t head;
	struct buf whole = request(10, 10, &head);

	assert_int_equal(send(p->peer, "GET / HTTP/1.1\r\n", 16, 0), 16);
	assert_int_equal(fcgi_input_receive(&p->input, p->fd, false), FCGI_INPUT_ENDED);
	tear_down(state);
	set_up(state);
	buf_append(&whole, "\1", 1);
	assert_int_equal(pass(p, &whole, false), FCGI_INPUT_ENDED);
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
	    TEST(whoever_sends_without_end_is_hung_up),
	    TEST(the_end_of_the_peer_is_noticed),
	    TEST(junk_and_what_follows_a_request_are_refused),
	};

	return cmocka_run_group_tests_name("fcgi_input", tests, NULL, NULL);
}
