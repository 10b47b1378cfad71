/* Streams beside requests. */
#include "threads_fixture.h"

static const struct http_response ok = {.status = 200, .content_type = "text/plain"};

/* In a thread of its own, as the app does it. */
static void *
run_stream(void *argument)
{
	struct stream *s = argument;

	stream_begin(s, &ok);
	for (int i = 0; i < 1000; i++) {
		stream_write(s, "0123456789", 10);
		if (i % 100 == 0)
			stream_flush(s);
	}
	stream_end(s);
	return NULL;
}

static void
assert_streamed(int fd)
{
	struct buf text = BUF_INIT;

	receive(fd, &text);
	assert_true(text.len > 10000);
	assert_memory_equal(text.data + text.len - 14, "67890123456789", 14);
	buf_free(&text);
	/* The connection ends with it (with ECONNRESET when something was left unread). */
	assert_true(recv(fd, &(char){0}, 1, 0) <= 0);
}

static void
streams_hold_up_no_thread(void **state)
{
	struct held *h = *state;
	int fd[5], quick = connect_to(h);
	pthread_t runner[5];

	for (int i = 0; i < 5; i++) {
		fd[i] = connect_to(h);
		/* A large one has a place first, of which there are as many as threads. */
		ask(fd[i], "/stream", (size_t)i * 50000);
		sem_wait(&h->in_stream);
	}
	for (int i = 0; i < 20; i++) {
		ask(quick, "/now", 200000);
		assert_answered(quick, "/now 200000");
	}
	/* They count as open. */
	assert_int_equal(h->metrics.connections, 6);
	/* Nobody reads from them any more. */
	assert_int_equal(send(fd[0], "nonsense", 8, MSG_NOSIGNAL), 8);
	for (int i = 0; i < 5; i++)
		assert_int_equal(pthread_create(&runner[i], NULL, run_stream, h->streams[i]), 0);
	for (int i = 0; i < 5; i++) {
		assert_streamed(fd[i]);
		pthread_join(runner[i], NULL);
		close(fd[i]);
	}
	assert_int_equal(h->metrics.connections, 1);
	/* Their places are taken by others. */
	for (int i = 0; i < 5; i++) {
		fd[i] = connect_to(h);
		ask(fd[i], "/now", 10);
		assert_answered(fd[i], "/now 10");
		close(fd[i]);
	}
	close(quick);
}

static void
a_stream_goes_on_when_the_threads_have_stopped(void **state)
{
	struct held *h = *state;
	int fd = connect_to(h), other = connect_to(h);

	ask(fd, "/stream", 0);
	ask(other, "/stream", 0);
	sem_wait(&h->in_stream);
	sem_wait(&h->in_stream);
	/* The peer of one hangs up, which no thread hears of. */
	close(other);
	threads_stop(h->threads);
	h->threads = NULL;
	assert_int_equal(h->metrics.connections, 2);
	for (int i = 0; i < 2; i++)
		run_stream(h->streams[i]);
	assert_streamed(fd);
	assert_int_equal(h->metrics.connections, 0);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    threads_test(streams_hold_up_no_thread),
	    threads_test(a_stream_goes_on_when_the_threads_have_stopped),
	};

	fcgi_init();
	return cmocka_run_group_tests_name("threads_streams", tests, NULL, NULL);
}
