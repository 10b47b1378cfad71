/*
 * Counters for GET /metrics, in Prometheus' text format. All of them may be bumped by any
 * thread at any time.
 */
#ifndef PBU_METRICS_H
#define PBU_METRICS_H

#include "buf.h"
#include "level.h"

#include <stdatomic.h>
#include <stdint.h>

#define METRICS_BUCKETS 12

/* A histogram: counts by upper bound (metrics.c knows the bounds), and their sum. */
struct metrics_histogram {
	_Atomic uint64_t bucket[METRICS_BUCKETS + 1];
	_Atomic uint64_t sum;
};

enum metrics_status {
	METRICS_200,
	METRICS_400,
	METRICS_401,
	METRICS_404,
	METRICS_405,
	METRICS_411,
	METRICS_413,
	METRICS_415,
	METRICS_500,
	METRICS_503,
	METRICS_STATUSES,
};

struct metrics {
	_Atomic uint64_t records[LEVEL_COUNT]; /* committed, by file */
	_Atomic uint64_t dropped;	       /* below every enabled level */
	_Atomic uint64_t unformatted;	       /* `msg % args` would have raised in Python */
	_Atomic uint64_t requests[METRICS_STATUSES];
	_Atomic uint64_t body_bytes;	/* received in request bodies */
	_Atomic uint64_t written_bytes; /* appended to log files */
	_Atomic uint64_t queue_depth;	/* requests waiting for their commit now */
	_Atomic uint64_t rollovers;
	_Atomic uint64_t rollover_errors;
	_Atomic uint64_t write_errors;
	_Atomic uint64_t sync_errors;
	_Atomic uint64_t syncs;
	_Atomic uint64_t connections;		 /* FastCGI connections open now */
	struct metrics_histogram commit_latency; /* nanoseconds, queueing included */
	struct metrics_histogram group_size;	 /* requests a group */
};

static inline void
metrics_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void
metrics_subtract(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_sub_explicit(counter, n, memory_order_relaxed);
}

/* Counts a request by its HTTP status. */
void metrics_count_status(struct metrics *m, int status);

/* Counts a commit that took that long. */
void metrics_observe_commit(struct metrics *m, uint64_t nanoseconds);

/* Counts a group of so many requests. */
void metrics_observe_group(struct metrics *m, uint64_t requests);

/* Appends everything in the text exposition format, version 0.0.4. */
void metrics_write(struct metrics *m, struct buf *out);

#endif
