#include "reader/metrics.h"

#include <inttypes.h>
#include <stddef.h>

static uint64_t
load(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static void
head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP pbu_log_reader_%s %s\n# TYPE pbu_log_reader_%s %s\n", name, help,
	    name, type);
}

static void
single(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	head(out, name, type, help);
	buf_printf(out, "pbu_log_reader_%s %" PRIu64 "\n", name, value);
}

/* One figure of each peer. */
static void
each(struct buf *out, const char *name, const struct peers *peers, size_t offset)
{
	for (size_t i = 0; i < peers->count; i++) {
		const struct peer *peer = &peers->at[i];
		const char *counts = (const char *)peer->counts;

		if (peer->url == NULL)
			continue;
		/* Its name has nothing that would have to be escaped. */
		buf_printf(out, "pbu_log_reader_%s{peer=\"%s\"} %" PRIu64 "\n", name, peer->name,
		    load((const _Atomic uint64_t *)(const void *)(counts + offset)));
	}
}

static void
write_peers(const struct peers *peers, struct buf *out)
{
	head(out, "peer_requests_total", "counter",
	    "Requests to other servers that are read along.");
	each(out, "peer_requests_total", peers, offsetof(struct peer_counts, requests));
	head(out, "peer_failures_total", "counter", "Of them, those that failed.");
	each(out, "peer_failures_total", peers, offsetof(struct peer_counts, failures));
	head(out, "peer_bytes_total", "counter", "Bytes taken of their answers.");
	each(out, "peer_bytes_total", peers, offsetof(struct peer_counts, bytes));
}

void
reader_metrics_write(const struct reader_metrics *m, const struct metrics *web,
    const struct peers *peers, struct buf *out)
{
	head(out, "requests_total", "counter",
	    "Requests answered, by HTTP status; queries and tails that began are counted below.");
	for (int i = 0; i < STATUS_COUNT; i++)
		buf_printf(out, "pbu_log_reader_requests_total{status=\"%d\"} %" PRIu64 "\n",
		    status_at(i), load(&web->requests[i]));
	single(
	    out, "connections", "gauge", "FastCGI connections open now.", load(&web->connections));
#define WRITE(member, type, name, help) single(out, name, type, help, load(&m->member));
	READER_METRICS(WRITE)
#undef WRITE
	if (peers != NULL)
		write_peers(peers, out);
}
