#include "fake_app.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct http_request request;

static enum app_verdict
head(void *thread, struct app_job *job, const struct http_request *q, struct http_response *r)
{
	(void)thread;
	(void)job;
	(void)r;
	request = *q;
	return APP_STREAM;
}

struct fixture {
	struct metrics metrics;
	struct app app;
	struct fcgi_thread *thread;
	struct stream *stream; /* NULL: it has ended */
	int fd, peer;
	struct buf bytes; /* that came and are not taken apart */
	struct buf got;	  /* of the response's records, what was in them */
	bool whole;	  /* the end of the request came */
	bool over;	  /* the connection's end came */
};

static int
setup(void **state)
{
	static struct fixture f;
	char error[512];
	int pair[2];

	f = (struct fixture){.peer = -1};
	f.app = (struct app){
	    .self = &f, .metrics = &f.metrics, FAKE_APP, .head = head, .stream = fake_no_stream};
	f.thread = fcgi_thread_new(&f.app, error, sizeof(error));
	f.stream = fake_stream(&f.app, f.thread, "/stream", pair);
	f.fd = pair[0];
	f.peer = pair[1];
	*state = &f;
	return 0;
}

static void
end(struct fixture *f)
{
	if (f->stream != NULL)
		stream_end(f->stream);
	f->stream = NULL;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	end(f);
	fcgi_thread_free(f->thread);
	if (f->peer >= 0)
		close(f->peer);
	buf_free(&f->bytes);
	buf_free(&f->got);
	return fake_jobs == 0 && f->metrics.connections == 0 ? 0 : -1;
}

/* Takes what has come. */
static void
take(struct fixture *f)
{
	char bytes[65536];
	ssize_t n;

	while ((n = recv(f->peer, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		buf_append(&f->bytes, bytes, (size_t)n);
	f->whole = take_records(&f->bytes, &f->got) || f->whole;
	f->over = n == 0;
	/* Records come whole, or as far as they were written. */
	assert_true(f->bytes.len == 0 || f->over);
}

static const struct http_response ok = {.status = 200, .content_type = "text/plain"};

static void
what_is_written_comes_when_it_is_flushed(void **state)
{
	struct http_response response = ok;
	struct fixture *f = *state;

	response.headers = "X-One: 1\r\nX-Two: 2\r\n";
	buf_puts(&response.body, "first ");
	assert_true(stream_begin(f->stream, &response));
	assert_true(stream_write(f->stream, "second", 6));
	buf_free(&response.body);
	take(f);
	assert_int_equal(f->got.len, 0);
	assert_true(stream_flush(f->stream));
	take(f);
	assert_buf_equal(&f->got, "Status: 200 OK\r\nContent-Type: text/plain\r\nX-One: "
				  "1\r\nX-Two: 2\r\n\r\nfirst second");
	/* The request is there as long as that. */
	assert_string_equal(request.path, "/stream");
	assert_true(stream_flush(f->stream));
	assert_true(stream_write(f->stream, " third", 6));
	assert_false(f->whole || f->over);
	end(f);
	take(f);
	assert_memory_equal(f->got.data + f->got.len - 12, "second third", 12);
	assert_true(f->whole && f->over);
}

static void
any_length_is_written(void **state)
{
	const size_t len = 3 << 20;
	struct fixture *f = *state;
	char *xs = malloc(len);
	size_t at = 0;

	memset(xs, 'x', len);
	assert_true(stream_begin(f->stream, &ok));
	while (at < len) {
		size_t n = len - at < STREAM_STEP ? len - at : STREAM_STEP;

		assert_true(stream_writable(f->stream));
		assert_true(stream_write(f->stream, xs + at, n));
		assert_true(stream_flush(f->stream));
		at += n;
		take(f);
	}
	end(f);
	take(f);
	assert_true(f->whole && f->over);
	assert_true(f->got.len > len);
	assert_memory_equal(f->got.data + f->got.len - len, xs, len);
	free(xs);
}

/* As often as it says that, and nobody reads: a write that would wait fails the test by its time.
 */
static void
what_is_writable_is_written_without_waiting(void **state)
{
	static const size_t flushes[] = {1, 100, 8000, STREAM_STEP};
	struct fixture *f = *state;
	char xs[STREAM_STEP];

	memset(xs, 'x', sizeof(xs));
	assert_true(stream_begin(f->stream, &ok));
	/* The socket blocks, which is seen by whether a write waits: here it fails instead. */
	assert_int_equal(fcntl(f->fd, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(f->fd, F_SETFL, O_NONBLOCK), 0);
	for (size_t i = 0; i < sizeof(flushes) / sizeof(flushes[0]); i++) {
		size_t steps = 0;

		assert_true(stream_writable(f->stream));
		for (; stream_writable(f->stream) && steps < 1000; steps++) {
			/* In many small writes it may be less than a step, each having its own
			 * memory in the kernel; a hundred are always right. */
			size_t n = flushes[i] < 8000 ? flushes[i] * 100 : STREAM_STEP;

			for (size_t at = 0; at < n; at += flushes[i]) {
				size_t left = n - at;

				assert_true(stream_write(
				    f->stream, xs, left < flushes[i] ? left : flushes[i]));
				assert_true(stream_flush(f->stream));
			}
		}
		assert_true(steps >= 1 && steps < 1000);
		take(f);
	}
}

static void
a_peer_that_takes_nothing_ends_it(void **state)
{
	const struct timeval soon = {.tv_usec = 1000};
	struct fixture *f = *state;
	char xs[STREAM_STEP] = {0};
	struct timeval patience;
	socklen_t len = sizeof(patience);

	assert_int_equal(getsockopt(f->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, &len), 0);
	assert_int_equal(patience.tv_sec, 10);
	assert_int_equal(setsockopt(f->fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon)), 0);
	assert_true(stream_begin(f->stream, &ok));
	while (stream_write(f->stream, xs, sizeof(xs)))
		;
	assert_false(stream_writable(f->stream));
	assert_false(stream_gone(f->stream));
	/* From then on, even when there is room again. */
	take(f);
	assert_false(stream_write(f->stream, xs, 1));
	assert_false(stream_flush(f->stream));
	end(f);
	take(f);
	assert_true(f->over);
	assert_false(f->whole);
}

static void
it_is_cut_when_it_is_not_whole(void **state)
{
	struct fixture *f = *state;

	assert_true(stream_begin(f->stream, &ok));
	assert_true(stream_write(f->stream, "some", 4));
	assert_true(stream_flush(f->stream));
	stream_cut(f->stream);
	assert_false(stream_write(f->stream, "more", 4));
	end(f);
	take(f);
	assert_memory_equal(f->got.data + f->got.len - 8, "\r\n\r\nsome", 8);
	assert_true(f->over);
	assert_false(f->whole);
}

static void
one_that_was_never_begun_is_cut(void **state)
{
	struct fixture *f = *state;

	end(f);
	take(f);
	assert_int_equal(f->got.len, 0);
	assert_true(f->over);
	assert_false(f->whole);
}

static void
a_body_that_has_failed_is_none(void **state)
{
	struct http_response response = ok;
	struct fixture *f = *state;

	response.body.failed = true;
	assert_false(stream_begin(f->stream, &response));
	end(f);
	take(f);
	assert_false(f->whole);
}

static void
a_peer_that_hangs_up_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct pollfd p = {.fd = stream_fd(f->stream), .events = POLLRDHUP};

	assert_true(stream_begin(f->stream, &ok));
	assert_false(stream_gone(f->stream));
	assert_int_equal(poll(&p, 1, 0), 0);
	/* That it sends something is none. */
	assert_int_equal(send(f->peer, "x", 1, 0), 1);
	assert_false(stream_gone(f->stream));
	close(f->peer);
	f->peer = -1;
	assert_true(stream_gone(f->stream));
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_true(stream_write(f->stream, "x", 1));
	assert_false(stream_flush(f->stream));
	assert_false(stream_write(f->stream, "x", 1));
}

static void
a_peer_that_hangs_up_half_is_noticed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
	assert_true(stream_gone(f->stream));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_written_comes_when_it_is_flushed),
	    TEST(any_length_is_written),
	    TEST(what_is_writable_is_written_without_waiting),
	    TEST(a_peer_that_takes_nothing_ends_it),
	    TEST(it_is_cut_when_it_is_not_whole),
	    TEST(one_that_was_never_begun_is_cut),
	    TEST(a_body_that_has_failed_is_none),
	    TEST(a_peer_that_hangs_up_is_noticed),
	    TEST(a_peer_that_hangs_up_half_is_noticed),
	};

	fcgi_init();
	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
