#include "reader/metrics.h"

#include <inttypes.h>

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

void
reader_metrics_write(const struct reader_metrics *m, const struct metrics *web, struct buf *out)
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
}
