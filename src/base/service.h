/* What every program does while it runs: it takes signals, ticks twice a second, and tells systemd
 * how it is. For the main thread. */
#ifndef PBU_SERVICE_H
#define PBU_SERVICE_H

#include <stdbool.h>

struct service {
	const char *status; /* a line that is logged, and shown by systemctl, when it is ready */
	/* None may wait for the log folder's disk or a peer: until it returns, no signal is
	 * handled. */
	void (*tick)(void *context);	 /* twice a second */
	void (*reload)(void *context);	 /* SIGHUP; what takes long is only begun */
	bool (*reloaded)(void *context); /* whether it is done: asked after each tick until it is */
	void *context;
};

/*
 * Blocks the signals that service_run() waits for, in all threads that are started later. Ignores
 * SIGPIPE and SIGXFSZ, which would end the program for an error that write(2) returns.
 */
void service_block_signals(void);

/* Runs until SIGTERM or SIGINT. */
void service_run(const struct service *s);

#endif
