#include "fake_app.h"
#include "web/connections.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLACES 2

static struct connections connections;

/* The connections need no more of it than this. */
static const struct app app = {.max_body = 1024, FAKE_APP};

static int
set_up(void **state)
{
	(void)state;
	connections_init(&connections, PLACES);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	connections_free(&connections);
	return 0;
}

/* A connection, and its peer. */
static struct connection *
open_one(int *peer)
{
	struct connection *c;
	int pair[2];

	fake_connect(pair);
	c = connections_open(&connections, pair[0], &app);
	assert_non_null(c);
	*peer = pair[1];
	return c;
}

static void
assert_gone(int peer)
{
	char byte;

	assert_int_equal(recv(peer, &byte, 1, 0), 0);
	close(peer);
}

static void
what_is_open_is_closed_at_the_end(void **state)
{
	int peer[CONNECTION_LISTS * 3];

	for (int i = 0; i < CONNECTION_LISTS * 3; i++) {
		struct connection *c = open_one(&peer[i]);

		if (i % 3 == 1)
			connections_note(&connections, c, true);
		if (i % 3 == 2)
			connections_claim_place(&connections, c, true);
	}
	tear_down(state);
	set_up(state);
	for (int i = 0; i < CONNECTION_LISTS * 3; i++)
		assert_gone(peer[i]);
}

static void
each_can_be_closed(void **state)
{
	struct connection *c[5];
	int peer[5];

	(void)state;
	for (int i = 0; i < 5; i++)
		c[i] = open_one(&peer[i]);
	/* From the middle, the ends, and alone. */
	for (int i = 0; i < 5; i++) {
		static const int order[] = {2, 0, 4, 1, 3};
		int at = order[i];

		connections_close(&connections, c[at]);
		assert_gone(peer[at]);
	}
	assert_true(TAILQ_EMPTY(&connections.list[CONNECTION_IDLE]));
}

static void
what_is_reported_meanwhile_is_looked_for(void **state)
{
	int peer;
	struct connection *c = open_one(&peer);

	(void)state;
	/* Opened, it is taken. */
	assert_false(connections_take(c, false));
	assert_false(connections_release(c));
	assert_true(connections_release(c));
	/* Several reports are one; the peer's end is one more, whenever it comes. */
	assert_true(connections_take(c, false));
	assert_false(connections_take(c, false));
	assert_false(connections_take(c, false));
	assert_false(connections_release(c));
	assert_true(connections_release(c));
	assert_true(connections_take(c, true));
	assert_false(connections_release(c));
	assert_true(connections_release(c));
	assert_true(connections_take(c, false));
	assert_false(connections_take(c, true));
	assert_false(connections_take(c, false));
	assert_false(connections_take(c, true));
	assert_false(connections_release(c));
	assert_false(connections_release(c));
	assert_true(connections_release(c));
	/* Closed, it is nobody's, whatever is reported late. */
	assert_true(connections_take(c, false));
	connections_close(&connections, c);
	assert_false(connections_take(c, true));
	close(peer);
}

static void
a_large_one_waits_until_another_leaves(void **state)
{
	struct connection *c[5];
	int peer[5];

	(void)state;
	for (int i = 0; i < 5; i++)
		c[i] = open_one(&peer[i]);
	assert_null(connections_leave_place(&connections, c[0]));
	for (int i = 0; i < 5; i++) {
		assert_int_equal(connections_claim_place(&connections, c[i], true), i < PLACES);
		assert_int_equal(c[i]->placed, i < PLACES);
	}
	/* Whoever has waited longest gets the place, and is to be armed. */
	for (int i = 2; i < 5; i++) {
		assert_ptr_equal(connections_leave_place(&connections, c[i - 2]), c[i]);
		assert_false(c[i - 2]->placed);
		assert_true(c[i]->placed);
	}
	/* Nobody waits: the places are free. */
	assert_null(connections_leave_place(&connections, c[3]));
	assert_null(connections_leave_place(&connections, c[4]));
	assert_null(connections_leave_place(&connections, c[4]));
	for (int i = 0; i < 3; i++)
		assert_int_equal(connections_claim_place(&connections, c[i], true), i < PLACES);
	for (int i = 0; i < 5; i++)
		close(peer[i]);
}

static void
tick(unsigned times)
{
	while (times-- > 0)
		connections_tick(&connections);
}

/* Whether its end can be read. */
static bool
is_given_up(const struct connection *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void
who_stops_within_a_request_is_given_up(void **state)
{
	struct connection *idle, *first, *second, *done;
	int peer[4];

	(void)state;
	idle = open_one(&peer[0]);
	first = open_one(&peer[1]);
	second = open_one(&peer[2]);
	done = open_one(&peer[3]);
	connections_note(&connections, first, true);
	connections_note(&connections, done, true);
	tick(1);
	connections_note(&connections, second, true);
	tick(CONNECTIONS_PATIENCE - 2);
	/* More of it came, and it is as old as before. */
	connections_note(&connections, first, true);
	connections_note(&connections, done, false);
	assert_false(is_given_up(first));
	tick(1);
	assert_true(is_given_up(first));
	assert_false(is_given_up(second));
	tick(1);
	assert_true(is_given_up(second));
	tick(CONNECTIONS_PATIENCE);
	assert_false(is_given_up(idle));
	assert_false(is_given_up(done));
	for (int i = 0; i < 4; i++)
		close(peer[i]);
}

static void
who_has_sent_is_not_given_up(void **state)
{
	struct connection *c;
	int peer;

	(void)state;
	c = open_one(&peer);
	connections_note(&connections, c, true);
	assert_int_equal(send(peer, "x", 1, 0), 1);
	tick(CONNECTIONS_PATIENCE * 2);
	assert_int_equal(send(peer, "y", 1, MSG_NOSIGNAL), 1);
	close(peer);
}

static void
a_report_comes_of_one_that_is_given_up(void **state)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT}, got;
	int epoll_fd = epoll_create1(0), peer;
	struct connection *c = open_one(&peer);

	(void)state;
	event.data.ptr = c;
	assert_int_equal(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event), 0);
	connections_note(&connections, c, true);
	tick(CONNECTIONS_PATIENCE - 1);
	assert_int_equal(epoll_wait(epoll_fd, &got, 1, 0), 0);
	tick(1);
	assert_int_equal(epoll_wait(epoll_fd, &got, 1, 0), 1);
	assert_ptr_equal(got.data.ptr, c);
	close(epoll_fd);
	close(peer);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_open_is_closed_at_the_end),
	    TEST(each_can_be_closed),
	    TEST(what_is_reported_meanwhile_is_looked_for),
	    TEST(a_large_one_waits_until_another_leaves),
	    TEST(who_stops_within_a_request_is_given_up),
	    TEST(who_has_sent_is_not_given_up),
	    TEST(a_report_comes_of_one_that_is_given_up),
	};

	return cmocka_run_group_tests_name("connections", tests, NULL, NULL);
}
