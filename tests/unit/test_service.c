#include "base/service.h"

#include "captured.h"
#include "config.h"
#include "tmpdir.h"
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

/* A service whose reload takes two ticks, and that is told to reload and to end in its ticks. */
struct house {
	int ticks, reloads, asked;
	int signals[8]; /* raised in the first tick, the second ...; after one the next comes at
			   once */
};

static void
tick(void *context)
{
	struct house *h = context;

	if (h->signals[h->ticks] != 0)
		kill(getpid(), h->signals[h->ticks]);
	h->ticks++;
}

static void
reload(void *context)
{
	((struct house *)context)->reloads++;
}

static bool
reloaded(void *context)
{
	return ++((struct house *)context)->asked % 2 == 0;
}

static void
run(struct house *h)
{
	const struct service s = {
	    .status = "serves", .tick = tick, .reload = reload, .reloaded = reloaded, .context = h};
	struct captured c;

	captured_begin(&c, STDERR_FILENO);
	service_run(&s);
	assert_string_equal(captured_end(&c), "test_service: serves\n");
}

static void
ends_when_told_to(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT};

	(void)state;
	service_block_signals();
	for (size_t i = 0; i < 2; i++) {
		struct house h = {0};

		kill(getpid(), signals[i]);
		run(&h); /* at once: there was no tick */
		assert_int_equal(h.ticks, 0);
		h.signals[0] = SIGUSR1; /* means nothing */
		h.signals[1] = signals[i];
		run(&h);
		assert_int_equal(h.ticks, 2);
		assert_int_equal(h.reloads, 0);
	}
}

static void
a_reload_is_asked_for_once_and_waited_for(void **state)
{
	struct house h = {.signals = {SIGHUP, SIGUSR1, SIGHUP, SIGUSR1, SIGTERM}};

	(void)state;
	service_block_signals();
	run(&h);
	assert_int_equal(h.ticks, 5);
	assert_int_equal(h.reloads, 2);
	assert_int_equal(h.asked, 4); /* not where there was no reload */
}

static void
no_write_ends_the_program(void **state)
{
	int ends[2];

	(void)state;
	service_block_signals();
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(write(ends[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(ends[1]);
	assert_ptr_equal(signal(SIGXFSZ, SIG_DFL), SIG_IGN);
}

/* As systemd does: a datagram socket whose path is in the environment. */
static void
tells_systemd_how_it_is(void **state)
{
#ifdef HAVE_LIBSYSTEMD
	struct house h = {.signals = {SIGHUP, SIGUSR1, SIGTERM}};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	static const char *const expected[] = {"READY=1\nSTATUS=serves",
	    "RELOADING=1\nMONOTONIC_USEC=", "READY=1\nSTATUS=serves", "STOPPING=1"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char text[512];

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", tmpdir_path(*state, "notify"));
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	service_block_signals();
	run(&h);
	unsetenv("NOTIFY_SOCKET");
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

		assert_true(n > 0);
		text[n] = '\0';
		assert_memory_equal(text, expected[i], strlen(expected[i]));
	}
	assert_int_equal(recv(fd, text, sizeof(text), 0), -1);
	close(fd);
#else
	(void)state;
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ends_when_told_to),
	    cmocka_unit_test(a_reload_is_asked_for_once_and_waited_for),
	    cmocka_unit_test(no_write_ends_the_program),
	    tmpdir_test(tells_systemd_how_it_is),
	};

	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
