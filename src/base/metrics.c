#include "base/metrics.h"

#include <inttypes.h>

/* Upper bounds: 50 microseconds to a second for a commit, 1 to 256 and beyond for a group. */
static const uint64_t commit_bounds[METRICS_BUCKETS] = {50000, 100000, 250000, 500000, 1000000,
    2500000, 5000000, 10000000, 25000000, 100000000, 250000000, 1000000000};
static const uint64_t group_bounds[METRICS_BUCKETS] = {1, 2, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256};

/* A millisecond to five seconds. */
static const uint64_t kafka_bounds[METRICS_BUCKETS] = {1000000, 2500000, 5000000, 10000000,
    25000000, 50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000};

static uint64_t
load(_Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void
metrics_count_status(struct metrics *m, int status)
{
	metrics_add(&m->requests[status_index(status)], 1);
}

static void
observe(struct metrics_histogram *h, const uint64_t *bounds, uint64_t value)
{
	int i = 0;

	while (i < METRICS_BUCKETS && value > bounds[i])
		i++;
	metrics_add(&h->bucket[i], 1);
	metrics_add(&h->sum, value);
}

void
metrics_observe_commit(struct metrics *m, uint64_t nanoseconds)
{
	observe(&m->commit_latency, commit_bounds, nanoseconds);
}

void
metrics_observe_group(struct metrics *m, uint64_t requests)
{
	observe(&m->group_size, group_bounds, requests);
}

void
metrics_observe_kafka(struct metrics *m, uint64_t nanoseconds)
{
	observe(&m->kafka_latency, kafka_bounds, nanoseconds);
}

static void
head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP pbu_log_%s %s\n# TYPE pbu_log_%s %s\n", name, help, name, type);
}

static void
single(
    struct buf *out, const char *name, const char *type, const char *help, _Atomic uint64_t *value)
{
	head(out, name, type, help);
	buf_printf(out, "pbu_log_%s %" PRIu64 "\n", name, load(value));
}

/* Prometheus' buckets are cumulative; bounds and sum are divided by `unit`. */
static void
histogram(struct buf *out, const char *name, const char *help, struct metrics_histogram *h,
    const uint64_t *bounds, double unit)
{
	uint64_t count = 0;

	head(out, name, "histogram", help);
	for (int i = 0; i < METRICS_BUCKETS; i++) {
		count += load(&h->bucket[i]);
		buf_printf(out, "pbu_log_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
		    (double)bounds[i] / unit, count);
	}
	count += load(&h->bucket[METRICS_BUCKETS]);
	buf_printf(out, "pbu_log_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
	buf_printf(out, "pbu_log_%s_sum %.9g\n", name, (double)load(&h->sum) / unit);
	buf_printf(out, "pbu_log_%s_count %" PRIu64 "\n", name, count);
}

static void
write_kafka(struct metrics *m, struct buf *out)
{
#define LABEL(name, label) [METRICS_FAILURE_##name] = (label),
	static const char *const labels[] = {METRICS_KAFKA_FAILURES(LABEL)};
#undef LABEL

#define WRITE(member, type, name, help) single(out, name, type, help, &m->member);
	METRICS_KAFKA(WRITE)
#undef WRITE
	head(out, "kafka_failed_records_total", "counter",
	    "Records that were not acknowledged, by what was missing.");
	for (int i = 0; i < METRICS_FAILURE_COUNT; i++)
		buf_printf(out, "pbu_log_kafka_failed_records_total{reason=\"%s\"} %" PRIu64 "\n",
		    labels[i], load(&m->kafka_failed[i]));
	histogram(out, "kafka_latency_seconds",
	    "From a request being submitted to all of its records being acknowledged.",
	    &m->kafka_latency, kafka_bounds, 1e9);
}

void
metrics_write(struct metrics *m, struct buf *out)
{
	head(out, "records_total", "counter", "Records written, by the level of their file.");
	for (int i = 0; i < LEVEL_COUNT; i++)
		buf_printf(out, "pbu_log_records_total{level=\"%s\"} %" PRIu64 "\n",
		    level_name((enum level)i), load(&m->records[i]));
	head(out, "requests_total", "counter", "Requests answered, by HTTP status.");
	for (int i = 0; i < STATUS_COUNT; i++)
		buf_printf(out, "pbu_log_requests_total{status=\"%d\"} %" PRIu64 "\n", status_at(i),
		    load(&m->requests[i]));
#define WRITE(member, type, name, help) single(out, name, type, help, &m->member);
	METRICS_SINGLE(WRITE)
#undef WRITE
	histogram(out, "commit_latency_seconds",
	    "From a request's arrival to its records being written (and synced).",
	    &m->commit_latency, commit_bounds, 1e9);
	histogram(out, "group_size_requests", "Requests that one append served.", &m->group_size,
	    group_bounds, 1);
	if (m->kafka)
		write_kafka(m, out);
}
