#include "files/housekeeping.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define ROUND (CLOCK_NS_PER_SECOND / 2)

/* Several times what it needs. */
#define STACK_BYTES ((size_t)256 * 1024)

/* How long the end of the process may wait for a disk. */
#define STOP_MAX (2 * CLOCK_NS_PER_SECOND)

/* Waits until an eventfd is written, and empties it; or at most so many nanoseconds. False: it was
 * not. (No condition variable: its time-out is a point in time, of a clock that can be set.) */
static bool
wait_for(int fd, int64_t ns)
{
	const struct timespec limit = {
	    (time_t)(ns / CLOCK_NS_PER_SECOND), (long)(ns % CLOCK_NS_PER_SECOND)};
	struct pollfd written = {.fd = fd, .events = POLLIN};
	uint64_t times;

	return ppoll(&written, 1, &limit, NULL) == 1 &&
	       read(fd, &times, sizeof(times)) == sizeof(times);
}

/* An eventfd that is emptied now and then can always be written. */
static void
write_to(int fd)
{
	const uint64_t once = 1;
	ssize_t ignored = write(fd, &once, sizeof(once));

	(void)ignored;
}

/* One round. What takes its time is done without the role. */
static void
do_round(struct housekeeping *h, bool reopen)
{
	struct logs *l = h->logs;
	struct logs_chores chores;

	h->role.take(h->role.context);
	logs_take_time(l, clock_now_ns() / CLOCK_NS_PER_SECOND);
	logs_check(l, reopen ? ~0U : 0);
	logs_take_chores(l, &chores);
	h->role.release(h->role.context);
	if (logs_do_chores(l, &chores)) {
		h->role.take(h->role.context);
		logs_end_chores(l, &chores);
		h->role.release(h->role.context);
	}
	health_round(&l->common.health);
}

static void *
run(void *arg)
{
	struct housekeeping *h = arg;

	/* The first round is not at once: what the start has not done yet goes first. */
	for (;;) {
		unsigned long asked;

		wait_for(h->called_fd, ROUND);
		if (atomic_load(&h->stop))
			break;
		asked = atomic_load(&h->reopen_asked);
		do_round(h, asked != atomic_load(&h->reopen_done));
		atomic_store(&h->reopen_done, asked);
	}
	h->role.take(h->role.context);
	logs_close(h->logs);
	write_to(h->ended_fd);
	return NULL;
}

static void
close_all(struct housekeeping *h)
{
	if (h->called_fd >= 0)
		close(h->called_fd);
	if (h->ended_fd >= 0)
		close(h->ended_fd);
}

bool
housekeeping_start(struct housekeeping *h, struct logs *l, const struct housekeeping_role *role,
    char *error, size_t size)
{
	int reason = 0;

	*h = (struct housekeeping){.logs = l,
	    .role = *role,
	    .called_fd = eventfd(0, EFD_CLOEXEC),
	    .ended_fd = eventfd(0, EFD_CLOEXEC)};
	if (h->called_fd < 0 || h->ended_fd < 0)
		reason = errno;
	health_round(&l->common.health);
	if (reason == 0)
		reason = thread_start(&h->thread, STACK_BYTES, run, h);
	if (reason != 0) {
		close_all(h);
		snprintf(
		    error, size, "can't start the housekeeping thread: %s", diag_reason(reason));
	}
	return reason == 0;
}

void
housekeeping_reopen(struct housekeeping *h)
{
	atomic_fetch_add(&h->reopen_asked, 1);
	write_to(h->called_fd);
}

bool
housekeeping_reopened(struct housekeeping *h)
{
	return atomic_load(&h->reopen_asked) == atomic_load(&h->reopen_done);
}

bool
housekeeping_stop(struct housekeeping *h)
{
	atomic_store(&h->stop, true);
	write_to(h->called_fd);
	if (!wait_for(h->ended_fd, STOP_MAX))
		return false;
	pthread_join(h->thread, NULL);
	close_all(h);
	return true;
}
