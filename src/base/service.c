#include "base/service.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/notify.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#define TICK (CLOCK_NS_PER_SECOND / 2)

static void
fill_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	sigaddset(signals, SIGUSR1); /* libfcgi would take it for a request to stop */
}

void
service_block_signals(void)
{
	sigset_t signals;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	fill_signals(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

void
service_run(const struct service *s)
{
	int64_t due = clock_monotonic_ns() + TICK;
	bool reloading = false;
	sigset_t signals;

	fill_signals(&signals);
	diag_info("%s", s->status);
	notify_ready(s->status);
	for (;;) {
		int64_t left = due - clock_monotonic_ns();
		const struct timespec timeout = {0, left > 0 ? (long)left : 0};
		int signal = sigtimedwait(&signals, NULL, &timeout);

		if (signal == SIGTERM || signal == SIGINT)
			break;
		if (signal == SIGHUP) {
			notify_reloading();
			s->reload(s->context);
			reloading = true;
		}
		/* Not for each signal: others count ticks as time. */
		if (clock_monotonic_ns() < due)
			continue;
		due = clock_monotonic_ns() + TICK;
		s->tick(s->context);
		if (reloading && s->reloaded(s->context)) {
			notify_ready(s->status);
			reloading = false;
		}
	}
	notify_stopping();
}
