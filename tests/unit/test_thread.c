#include "base/thread.h"
#include "unit.h"

#include <errno.h>
#include <signal.h>

#define STACK_BYTES ((size_t)4 * 1024 * 1024)

/* What a thread sees of itself. */
struct seen {
	sigset_t blocked;
	size_t stack_bytes;
};

static void *
look(void *argument)
{
	struct seen *seen = argument;
	pthread_attr_t attributes;
	void *stack;

	pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstack(&attributes, &stack, &seen->stack_bytes);
	pthread_attr_destroy(&attributes);
	return seen;
}

static void
signals_are_for_others(void **state)
{
	sigset_t after;
	struct seen seen;
	pthread_t thread;
	void *returned;

	(void)state;
	assert_int_equal(thread_start(&thread, STACK_BYTES, look, &seen), 0);
	pthread_join(thread, &returned);
	assert_ptr_equal(returned, &seen);
	assert_true(sigismember(&seen.blocked, SIGTERM));
	assert_true(sigismember(&seen.blocked, SIGCHLD));
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_false(sigismember(&after, SIGTERM) || sigismember(&after, SIGCHLD));
}

/* The stack of a thread that is to have so many bytes. */
static size_t
stack_of(size_t bytes)
{
	struct seen seen;
	pthread_t thread;

	assert_int_equal(thread_start(&thread, bytes, look, &seen), 0);
	pthread_join(thread, NULL);
	return seen.stack_bytes;
}

static void
the_stack_is_of_that_size(void **state)
{
	struct seen seen;
	pthread_t thread;

	(void)state;
	/* Some C libraries count the guard page, too, and sanitizers add what they need. */
	assert_in_range(stack_of(2 * STACK_BYTES) - stack_of(STACK_BYTES), STACK_BYTES / 2,
	    STACK_BYTES * 3 / 2);
	assert_int_equal(thread_start(&thread, 1, look, &seen), EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(signals_are_for_others),
	    cmocka_unit_test(the_stack_is_of_that_size),
	};

	return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
