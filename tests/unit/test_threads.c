#include "threads_fixture.h"

static void
requests_are_answered_one_after_the_other(void **state)
{
	const struct held *h = *state;
	int fd = connect_to(h);

	for (int i = 0; i < 20; i++) {
		ask(fd, "/now", (size_t)i * 5000);
		assert_answered(fd, "/now ");
	}
	assert_int_equal(h->metrics.connections, 1);
	close(fd);
}

static void
one_that_waits_holds_up_no_other(void **state)
{
	struct held *h = *state;
	int slow = connect_to(h), quick = connect_to(h);

	ask(slow, "/wait", 10);
	sem_wait(&h->in_body);
	for (int i = 0; i < 20; i++) {
		ask(quick, "/now", 10);
		assert_answered(quick, "/now 10");
	}
	sem_post(&h->go_on);
	assert_answered(slow, "/wait 10");
	close(slow);
	close(quick);
}

/* systemd makes the socket that it shares with the server a blocking one, at each reload. */
static void
no_thread_waits_for_a_connection(void **state)
{
	struct held *h = *state;
	int slow, quick, flags = fcntl(h->listener.fd, F_GETFL);

	assert_int_equal(fcntl(h->listener.fd, F_SETFL, flags & ~O_NONBLOCK), 0);
	alarm(60); /* such a thread does not even end */
	slow = connect_to(h);
	ask(slow, "/wait", 10);
	sem_wait(&h->in_body);
	/* One thread is held; the other, and no more, has to accept and to answer. */
	for (int i = 0; i < 20; i++) {
		quick = connect_to(h);
		ask(quick, "/now", 10);
		assert_answered(quick, "/now 10");
		close(quick);
	}
	sem_post(&h->go_on);
	assert_answered(slow, "/wait 10");
	alarm(0);
	close(slow);
}

static void
what_is_submitted_is_answered_by_the_thread_that_is_woken(void **state)
{
	struct held *h = *state;
	int fd[5];

	for (int i = 0; i < 5; i++) {
		fd[i] = connect_to(h);
		ask(fd[i], "/later", 10);
	}
	for (int i = 0; i < 5; i++)
		sem_wait(&h->in_body);
	/* A connection whose job is submitted is nobody's to read from. */
	ask(fd[0], "/now", 10);
	/* The last may not have been submitted by now: it is woken for once more. */
	for (int i = 0; i < 5; i++) {
		bool answered = false;

		while (!answered) {
			char byte;

			h->wake(h->context);
			sem_wait(&h->resumed);
			answered = recv(fd[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
		}
		assert_answered(fd[i], "/later");
	}
	assert_answered(fd[0], "/now 10");
	for (int i = 0; i < 5; i++)
		close(fd[i]);
}

static void
one_that_is_late_begins_again(void **state)
{
	struct held *h = *state;
	int fd = connect_to(h);

	ask(fd, "/late", 10);
	assert_answered(fd, "/late");
	for (int i = 0; i < 4; i++)
		assert_int_equal(sem_trywait(&h->in_body), 0);
	assert_int_equal(sem_trywait(&h->in_body), -1);
	close(fd);
}

static void *
stop(void *argument)
{
	struct held *h = argument;

	threads_stop(h->threads);
	return NULL;
}

static void
what_came_before_the_stop_is_answered(void **state)
{
	struct held *h = *state;
	int fd = connect_to(h), other = connect_to(h);
	pthread_t stopper;

	ask(fd, "/wait", 10);
	sem_wait(&h->in_body);
	ask(fd, "/now", 10);
	assert_int_equal(pthread_create(&stopper, NULL, stop, h), 0);
	/* The other thread ends: only the busy one is left, and it is time to stop. */
	sem_wait(&h->resumed);
	sem_post(&h->go_on);
	pthread_join(stopper, NULL);
	h->threads = NULL;
	assert_answered(fd, "/wait 10");
	assert_answered(fd, "/now 10");
	assert_int_equal(recv(other, &(char){0}, 1, 0), 0);
	close(fd);
	close(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    threads_test(requests_are_answered_one_after_the_other),
	    threads_test(one_that_waits_holds_up_no_other),
	    threads_test(no_thread_waits_for_a_connection),
	    threads_test(what_is_submitted_is_answered_by_the_thread_that_is_woken),
	    threads_test(one_that_is_late_begins_again),
	    threads_test(what_came_before_the_stop_is_answered),
	};

	fcgi_init();
	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
