/*
 * What takes the entries of requests: files/commit, which appends them, and kafka/publish. No
 * thread waits for a ticket to be finished: whichever is given the finished ones takes them on.
 */
#ifndef PBU_SINK_H
#define PBU_SINK_H

#include "base/ticket.h"

#include <stdbool.h>
#include <stddef.h>

/* Calls for a thread to resume(), soon; called by any thread, and must do neither that nor submit.
 */
typedef void sink_wake(void *context);

/* `self` is the first argument of each; the rest is said in files/commit.h. */
struct sink {
	void *self;

	/* How a thread is called when there is something to resume() for; to be set before the
	 * first submission. NULL, once all threads have ended: nobody is called any more. */
	void (*wake_by)(void *self, sink_wake *wake, void *context);

	/* Starts its threads, with all signals blocked. Once, before the first submission. False,
	 * with the reason in words. */
	bool (*start)(void *self, char *error, size_t size);

	/* Submits a ticket, its entries set. Returns a list of finished tickets, which the caller
	 * has to take on: this one, others, or none. Any thread. */
	struct ticket *(*submit)(void *self, struct ticket *ticket);

	/* Goes on with what was submitted; returns what submit() does. `last`: the calling thread
	 * ends, and calls again until it gets none: then all are finished, or another thread has
	 * them. */
	struct ticket *(*resume)(void *self, bool last);

	/* Whether records are taken, as far as it is known: it tries nothing and waits for nothing.
	 * False: why, in words. Any thread. */
	bool (*ready)(void *self, char *why, size_t size);

	/* Twice a second, by the main thread. Waits for nothing. False: it is of no use any more,
	 * and the program should end. */
	bool (*tick)(void *self);

	/* Asks for everything to be opened again (SIGHUP), and returns at once; whether it is done.
	 */
	void (*reopen)(void *self);
	bool (*reopened)(void *self);

	/* No ticket may be under way. */
	void (*close)(void *self);
};

#endif
