/*
 * Counters for GET /metrics, in Prometheus' text format. All of them may be bumped by any
 * thread at any time.
 */
#ifndef PBU_METRICS_H
#define PBU_METRICS_H

#include "base/buf.h"
#include "base/level.h"
#include "base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define METRICS_BUCKETS 12

/* A histogram: counts by upper bound (metrics.c knows the bounds), and their sum. */
struct metrics_histogram {
	_Atomic uint64_t bucket[METRICS_BUCKETS + 1];
	_Atomic uint64_t sum;
};

/* Every figure that is a single number: member, type, name (after "pbu_log_"), help. To add one is
 * a line here, and metrics_add() where it happens. */
#define METRICS_SINGLE(X)                                                                          \
	X(dropped, "counter", "dropped_records_total",                                             \
	    "Records below every enabled level, accepted and not written.")                        \
	X(unformatted, "counter", "unformatted_records_total",                                     \
	    "Records whose `msg % args` raises in Python; written with their arguments.")          \
	X(repeated, "counter", "repeated_requests_total",                                          \
	    "Requests whose Idempotency-Key was taken before, answered 200 and not written.")      \
	X(body_bytes, "counter", "body_bytes_total", "Bytes received in request bodies.")          \
	X(written_bytes, "counter", "written_bytes_total", "Bytes appended to log files.")         \
	X(queue_depth, "gauge", "queue_depth", "Requests in the commit queue now.")                \
	X(connections, "gauge", "connections", "FastCGI connections open now.")                    \
	X(rollovers, "counter", "rollovers_total", "Files rolled over.")                           \
	X(rollover_errors, "counter", "rollover_errors_total", "Roll-overs that failed.")          \
	X(pruned, "counter", "pruned_files_total",                                                 \
	    "Rolled-over files deleted, beyond LOG_BACKUP_COUNT.")                                 \
	X(write_errors, "counter", "write_errors_total", "Appends that failed.")                   \
	X(syncs, "counter", "syncs_total", "Syncs of a log file to the disk.")                     \
	X(sync_errors, "counter", "sync_errors_total", "Syncs that failed.")

/* Those of Kafka, written only where it is used. */
#define METRICS_KAFKA(X)                                                                           \
	X(kafka_acknowledged, "counter", "kafka_acknowledged_records_total",                       \
	    "Records that all in-sync replicas have.")                                             \
	X(kafka_bytes, "counter", "kafka_acknowledged_bytes_total", "Bytes of these records.")     \
	X(kafka_in_flight, "gauge", "kafka_in_flight_records",                                     \
	    "Records handed to librdkafka that are not acknowledged now.")                         \
	X(kafka_in_flight_bytes, "gauge", "kafka_in_flight_bytes", "Bytes of these records.")      \
	X(kafka_waiting, "gauge", "kafka_waiting_requests",                                        \
	    "Requests that wait until there is room for their records now.")                       \
	X(kafka_brokers_up, "gauge", "kafka_brokers_up", "Brokers that are connected now.")        \
	X(kafka_partitions, "gauge", "kafka_partitions", "Partitions of the topic.")

/* Why a record was not acknowledged: member, label. */
#define METRICS_KAFKA_FAILURES(X)                                                                  \
	X(TIME, "time")                                                                            \
	X(BROKERS, "brokers")                                                                      \
	X(TOPIC, "topic")                                                                          \
	X(REPLICAS, "replicas")                                                                    \
	X(SIZE, "size")                                                                            \
	X(OTHER, "other")

#define METRICS_FAILURE(name, label) METRICS_FAILURE_##name,
enum metrics_failure { METRICS_KAFKA_FAILURES(METRICS_FAILURE) METRICS_FAILURE_COUNT };
#undef METRICS_FAILURE

struct metrics {
	_Atomic uint64_t records[LEVEL_COUNT];	 /* committed, by file */
	_Atomic uint64_t requests[STATUS_COUNT]; /* by status_index() */
#define METRICS_MEMBER(member, type, name, help) _Atomic uint64_t member;
	METRICS_SINGLE(METRICS_MEMBER)
	METRICS_KAFKA(METRICS_MEMBER)
#undef METRICS_MEMBER
	struct metrics_histogram commit_latency; /* nanoseconds, queueing included */
	struct metrics_histogram group_size;	 /* requests a group */
	bool kafka;				 /* it is used; set before there are threads */
	_Atomic uint64_t kafka_failed[METRICS_FAILURE_COUNT];
	struct metrics_histogram kafka_latency; /* nanoseconds, waiting for room included */
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

/* Counts a request whose records were acknowledged after that long. */
void metrics_observe_kafka(struct metrics *m, uint64_t nanoseconds);

/* Appends everything in the text exposition format, version 0.0.4. */
void metrics_write(struct metrics *m, struct buf *out);

#endif
