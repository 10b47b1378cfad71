#include "base/diag.h"

#include "base/clock.h"
#include "captured.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static int
no_journal(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	return 0;
}

static void
says_who_and_what(void **state)
{
	struct captured c;

	(void)state;
	captured_begin(&c, STDERR_FILENO);
	diag_error("%s is gone", "it");
	diag_warn("odd: %d", 5);
	diag_info("by the way");
	assert_string_equal(captured_end(&c), "test_diag: error: it is gone\n"
					      "test_diag: warning: odd: 5\n"
					      "test_diag: by the way\n");
}

static void
tells_the_journal_how_bad_it_is(void **state)
{
	struct captured c;
	struct stat st;
	char stream[64];

	(void)state;
	setenv("JOURNAL_STREAM", "8:12345", 1);
	captured_begin(&c, STDERR_FILENO);
	diag_error("of somebody else's");
	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	diag_error("a");
	diag_warn("b");
	diag_info("c");
	assert_string_equal(captured_end(&c),
	    "test_diag: error: of somebody else's\n<3>test_diag: error: "
	    "a\n<4>test_diag: warning: b\n<6>test_diag: c\n");
}

static void
a_message_is_one_line(void **state)
{
	char longest[4096];
	struct captured c;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	captured_begin(&c, STDERR_FILENO);
	diag_info("a\nb\x1b[1mc\x7f\td");
	diag_info("%s", longest);
	captured_end(&c);
	assert_memory_equal(c.text, "test_diag: a?b?[1mc??d\ntest_diag: xxx", 37);
	assert_int_equal(strlen(c.text), 23 + 1023);
	assert_int_equal(c.text[strlen(c.text) - 1], '\n');
}

static void
errno_is_kept(void **state)
{
	struct diag_limit limit = {0};
	struct captured c;
	int after[3];

	(void)state;
	captured_begin(&c, STDERR_FILENO);
	for (int i = 0; i < 3; i++) {
		errno = ENOSPC;
		if (i < 2)
			diag_error_limited(&limit, "%s", diag_reason(errno));
		else
			diag_error("%s", diag_reason(errno));
		after[i] = errno;
	}
	captured_end(&c);
	for (int i = 0; i < 3; i++)
		assert_int_equal(after[i], ENOSPC);
	assert_string_equal(c.text, "test_diag: error: No space left on device\n"
				    "test_diag: error: No space left on device\n");
}

static void
a_limit_lets_one_a_second_through(void **state)
{
	struct diag_limit limit = {0}, other = {0};
	struct captured c;
	int64_t before = clock_monotonic_ns();

	(void)state;
	captured_begin(&c, STDERR_FILENO);
	for (int i = 0; i < 4; i++)
		diag_warn_limited(&limit, "refused %d", i);
	diag_warn_limited(&other, "of another kind");
	captured_end(&c);
	/* What a machine that stood still for a second would let through is not looked at. */
	if (clock_monotonic_ns() - before < CLOCK_NS_PER_SECOND) {
		assert_string_equal(c.text, "test_diag: warning: refused 0\n"
					    "test_diag: warning: of another kind\n");
		assert_int_equal(limit.withheld, 3);
	}
	assert_true(limit.next >= before + CLOCK_NS_PER_SECOND);
	assert_true(limit.next <= clock_monotonic_ns() + CLOCK_NS_PER_SECOND);

	limit.withheld = 3;
	limit.next = clock_monotonic_ns() - 1; /* the second is over */
	captured_begin(&c, STDERR_FILENO);
	diag_error_limited(&limit, "refused");
	captured_end(&c);
	assert_string_equal(c.text, "test_diag: error: refused (and 3 more like it)\n");
	assert_int_equal(limit.withheld, 0);
}

/* What is read from a pipe, as text. */
static const char *
drained(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

/* A full pipe as stderr, of one page; what it is full of is 4096 '.'. A message that waits is ended
 * by SIGALRM, and the test with it. */
static void
try_full_pipe(bool reopened)
{
	struct diag_limit limit = {.withheld = 7};
	static char first[8192], then[8192];
	char full[4096];
	int ends[2], kept = dup(STDERR_FILENO), flags, after;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, sizeof(full)), sizeof(full));
	memset(full, '.', sizeof(full));
	assert_int_equal(write(ends[1], full, sizeof(full)), sizeof(full));
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	dup2(ends[1], STDERR_FILENO);
	if (reopened)
		diag_never_wait();
	alarm(20);
	for (int i = 0; i < 3; i++)
		diag_error("lost %d", i);
	diag_warn_limited(&limit, "lost with seven more");
	errno = ENOSPC;
	diag_info("lost");
	after = errno;
	alarm(0);
	drained(ends[0], first, sizeof(first));
	diag_error("said");
	drained(ends[0], then, sizeof(then));
	diag_error("said, too");
	drained(ends[0], then + strlen(then), sizeof(then) - strlen(then));
	/* The others that have this pipe see nothing of it. */
	flags = fcntl(ends[1], F_GETFL);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(strspn(first, "."), sizeof(full));
	assert_string_equal(first + sizeof(full), "");
	assert_string_equal(then,
	    "test_diag: warning: messages lost before this one, as nobody read them: 12\n"
	    "test_diag: error: said\n"
	    "test_diag: error: said, too\n");
	assert_int_equal(after, ENOSPC);
	assert_false(flags & O_NONBLOCK);
}

static void
a_full_pipe_is_not_waited_for(void **state)
{
	(void)state;
	try_full_pipe(false);
	try_full_pipe(true);
}

/* Less room than a message: a terminal still polls writable. */
static void
a_terminal_that_nobody_reads_is_not_waited_for(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, kept = dup(STDERR_FILENO);
	struct captured c;
	char longest[900];

	(void)state;
	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY); // NOLINT(concurrency-mt-unsafe)
	assert_true(slave >= 0);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	dup2(slave, STDERR_FILENO);
	diag_never_wait();
	alarm(20);
	for (int i = 0; i < 300; i++)
		diag_error("%s", longest);
	alarm(0);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(slave);
	close(master);
	captured_begin(&c, STDERR_FILENO);
	diag_error("said");
	assert_non_null(strstr(captured_end(&c), "as nobody read them: "));
}

#define TEST(f) cmocka_unit_test_setup(f, no_journal)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(says_who_and_what),
	    TEST(tells_the_journal_how_bad_it_is),
	    TEST(a_message_is_one_line),
	    TEST(errno_is_kept),
	    TEST(a_limit_lets_one_a_second_through),
	    TEST(a_full_pipe_is_not_waited_for),
	    TEST(a_terminal_that_nobody_reads_is_not_waited_for),
	};

	return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
