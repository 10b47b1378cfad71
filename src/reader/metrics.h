/* The reader's counters for GET /metrics/reader, in Prometheus' text format. Any thread. */
#ifndef PBU_READER_METRICS_H
#define PBU_READER_METRICS_H

#include "base/buf.h"
#include "base/metrics.h"
#include "reader/peers.h"

#include <stdatomic.h>
#include <stdint.h>

/* Member, type, name (after "pbu_log_reader_"), help. */
#define READER_METRICS(X)                                                                          \
	X(queries, "counter", "queries_total", "Queries answered, of every kind but tails.")       \
	X(queries_cut, "counter", "queries_cut_total",                                             \
	    "Queries that ended at their deadline, or as the client went away.")                   \
	X(scanned_bytes, "counter", "scanned_bytes_total", "Bytes of log files looked through.")   \
	X(entries, "counter", "entries_total", "Entries sent, by queries and tails.")              \
	X(query_ms, "counter", "query_milliseconds_total", "Time that queries took.")              \
	X(running, "gauge", "queries_running", "Queries under way now.")                           \
	X(tails, "gauge", "tails", "Viewers that follow now.")                                     \
	X(dropped, "counter", "dropped_entries_total",                                             \
	    "Entries left out for viewers that were too slow.")                                    \
	X(logins, "counter", "logins_total", "Sessions begun.")                                    \
	X(refused_logins, "counter", "refused_logins_total", "Logins refused.")

struct reader_metrics {
#define READER_METRICS_MEMBER(member, type, name, help) _Atomic uint64_t member;
	READER_METRICS(READER_METRICS_MEMBER)
#undef READER_METRICS_MEMBER
};

/* Appends all of it, of web's own what a reader has, and of its peers (NULL: there are none) what
 * each was asked. */
void reader_metrics_write(const struct reader_metrics *m, const struct metrics *web,
    const struct peers *peers, struct buf *out);

#endif
