/*
 * Threads for what takes long, and a short queue before them: as many queries are under way as
 * there are threads, however many are asked for. Any thread may submit.
 *
 * Of those that are at work for longer than a moment only some are at a time: whose turn it is. Who
 * waits for its peer leaves its turn to another, and who is long at work lets the others have
 * theirs in between, so that neither slow clients nor slow queries hold up the rest.
 */
#ifndef PBU_POOL_H
#define PBU_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Something to be done; its memory is whoever submits it's, until done() was called. */
struct pool_task {
	struct pool_task *next; /* the pool's, as are the six that follow */
	struct pool_task **link;
	struct pool *pool;
	bool has_turn;
	int64_t works;	  /* it is at work since then, nanoseconds of CLOCK_MONOTONIC */
	int64_t rests;	  /* it rests since then; 0: it does not */
	int64_t rested;	  /* in all, before */
	int64_t deadline; /* to begin, nanoseconds of CLOCK_MONOTONIC */

	/* Does it, in a thread of the pool. */
	void (*run)(struct pool_task *task);
	/* run() is called, and shall return soon; in another thread, with a lock held. */
	void (*cancel)(struct pool_task *task);
	/* It is over. `ran`: else its deadline passed before there was a thread, or the pool stops.
	 */
	void (*done)(struct pool_task *task, bool ran);
};

struct pool;

/* So many threads, of which `turns` are at work at a time. NULL, with the reason in words in error
 * (size bytes). All signals should be blocked by the caller. */
struct pool *pool_start(
    unsigned threads, unsigned turns, unsigned waiting_max, char *error, size_t size);

/* False: too many wait already, and nothing of the task was called. */
bool pool_submit(struct pool *p, struct pool_task *task);

/* From run(), by its own thread, every few milliseconds: when the task was at work for a while it
 * waits for its turn, or for its next when others wait. `now` is of CLOCK_MONOTONIC. */
void pool_yield(struct pool_task *task, int64_t now);

/* Likewise: it waits for its peer, without a turn, until pool_resume(); and the same for something
 * else than that, which does not count as rest. */
void pool_rest(struct pool_task *task);
void pool_wait(struct pool_task *task);
void pool_resume(struct pool_task *task);

/* While it rests: whether it should end, as others wait for a thread, all threads are taken, and of
 * those that rest it has rested longest in all, for seconds at least. */
bool pool_is_wanted(struct pool_task *task);

/* Cancels what runs, calls done() of all, and frees (NULL: nothing). Nobody may submit any more. */
void pool_stop(struct pool *p);

#endif
