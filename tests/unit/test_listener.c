#include "tmpdir.h"
#include "web/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* listen(2) fails with this; 0: it doesn't. */
static int listen_fails;

int
listen(int fd, int backlog)
{
	errno = listen_fails;
	return listen_fails != 0 ? -1 : (int)syscall(SYS_listen, fd, backlog);
}

static bool
open_at(struct listener *l, const char *path, char *error, size_t size)
{
	return listener_open(l, path, error, size) == 0;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
what_is_in_the_way_is_left_alone(void **state)
{
	struct tmpdir *dir = *state;
	const char *path = tmpdir_path(dir, "s");
	char error[512], expected[512];
	struct listener l, other;

	tmpdir_write(dir, "s", "a file");
	assert_false(open_at(&l, path, error, sizeof(error)));
	snprintf(expected, sizeof(expected), "%s is there and is not a socket", path);
	assert_string_equal(error, expected);
	assert_file_equal(dir, "s", "a file");
	unlink(path);
	assert_true(open_at(&l, path, error, sizeof(error)));
	assert_false(open_at(&other, path, error, sizeof(error)));
	snprintf(expected, sizeof(expected), "%s is in use: something listens on it", path);
	assert_string_equal(error, expected);
	/* Nobody listens any more: a stale one is replaced. */
	close(l.fd);
	assert_true(open_at(&other, path, error, sizeof(error)));
	listener_close(&other);
	assert_false(tmpdir_has(dir, "s"));
}

static void
what_can_not_be_listened_on_leaves_no_file(void **state)
{
	struct tmpdir *dir = *state;
	char error[512];
	struct listener l;

	listen_fails = ENOBUFS;
	assert_false(open_at(&l, tmpdir_path(dir, "s"), error, sizeof(error)));
	listen_fails = 0;
	assert_non_null(strstr(error, "No buffer space available"));
	assert_false(tmpdir_has(dir, "s"));
	/* Where it can not even be bound there is none. */
	tmpdir_write(dir, "d", "");
	assert_false(open_at(&l, tmpdir_path(dir, "d/s"), error, sizeof(error)));
}

/* Whether epoll reports it now. */
static bool
is_reported(struct listener *l)
{
	struct epoll_event event;

	return epoll_wait(l->epoll_fd, &event, 1, 0) == 1 && event.data.ptr == l;
}

static void
each_report_is_for_one_thread(void **state)
{
	struct tmpdir *dir = *state;
	const char *path = tmpdir_path(dir, "s");
	char error[512];
	struct listener l;
	int peer[2], fd[2];

	assert_true(open_at(&l, path, error, sizeof(error)));
	assert_true(listener_watch(&l, epoll_create1(0)));
	assert_false(is_reported(&l));
	peer[0] = connect_to(path);
	peer[1] = connect_to(path);
	for (int i = 0; i < 2; i++) {
		assert_true(is_reported(&l));
		assert_false(is_reported(&l));
		fd[i] = listener_accept(&l);
		assert_true(fd[i] >= 0);
	}
	assert_false(is_reported(&l));
	for (int i = 0; i < 2; i++) {
		close(fd[i]);
		close(peer[i]);
	}
	peer[0] = connect_to(path);
	assert_true(is_reported(&l));
	close(peer[0]);
	close(l.epoll_fd);
	listener_close(&l);
}

/* As systemd does it to the socket that it shares with the server. */
static void
accepting_never_waits_where_others_want_it_to(void **state)
{
	struct tmpdir *dir = *state;
	const char *path = tmpdir_path(dir, "s");
	char error[512];
	struct listener l;
	int peer, taken;

	assert_true(open_at(&l, path, error, sizeof(error)));
	assert_true(listener_watch(&l, epoll_create1(0)));
	assert_int_equal(fcntl(l.fd, F_SETFL, fcntl(l.fd, F_GETFL) & ~O_NONBLOCK), 0);
	peer = connect_to(path);
	assert_true(is_reported(&l));
	/* Another process that has the socket is quicker. */
	taken = accept(l.fd, NULL, NULL);
	assert_true(taken >= 0);
	alarm(20);
	assert_int_equal(listener_accept(&l), -1);
	alarm(0);
	assert_false(is_reported(&l));
	close(taken);
	close(peer);
	/* It goes on. */
	peer = connect_to(path);
	assert_true(is_reported(&l));
	taken = listener_accept(&l);
	assert_true(taken >= 0);
	close(taken);
	close(peer);
	close(l.epoll_fd);
	listener_close(&l);
}

static void
without_descriptors_it_waits_for_the_next_tick(void **state)
{
	struct tmpdir *dir = *state;
	const char *path = tmpdir_path(dir, "s");
	struct rlimit before, few;
	char error[512];
	struct listener l;
	int peer, fd;

	assert_true(open_at(&l, path, error, sizeof(error)));
	assert_true(listener_watch(&l, epoll_create1(0)));
	peer = connect_to(path);
	assert_true(is_reported(&l));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){3, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(listener_accept(&l), -1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_false(is_reported(&l));
	listener_tick(&l);
	assert_true(is_reported(&l));
	fd = listener_accept(&l);
	assert_true(fd >= 0);
	assert_int_equal(listener_accept(&l), -1);
	/* It does not pause: nothing happens. */
	listener_tick(&l);
	assert_false(is_reported(&l));
	close(fd);
	close(peer);
	close(l.epoll_fd);
	listener_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    tmpdir_test(what_is_in_the_way_is_left_alone),
	    tmpdir_test(what_can_not_be_listened_on_leaves_no_file),
	    tmpdir_test(each_report_is_for_one_thread),
	    tmpdir_test(accepting_never_waits_where_others_want_it_to),
	    tmpdir_test(without_descriptors_it_waits_for_the_next_tick),
	};

	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
