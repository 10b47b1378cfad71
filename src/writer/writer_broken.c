#include "writer/writer_inside.h"

#include "base/diag.h"

#include <inttypes.h>

/*
 * A set of messages whose checksum is wrong. librdkafka (2.0.2) fetches it again and again, and
 * says neither how many messages are in it nor where the next begins; brokers give all of a set for
 * any offset in it. So later offsets are tried, each twice as far as the one before, until one
 * gives messages; then those between, by halves. What is passed over is counted, and told.
 */

/* Times that it is fetched again first: it may have been the network, or the broker's memory. */
#define TRIES_MAX 3

void
writer_broken(struct writer *w, struct partition *p)
{
	struct partition_search *s = &p->search;

	if (p->place != PLACE_GOOD)
		return; /* of a set that was fetched before */
	if (p->verifies) {
		/* What is read once more need not be good. */
		p->timestamp = p->taken_timestamp = -1;
		p->place = PLACE_AGAIN;
		return;
	}
	if (s->at < 0 && s->tries++ < TRIES_MAX) {
		p->place = PLACE_AGAIN;
		return;
	}
	if (s->at < 0) {
		diag_error("partition %" PRId32 ", offset %" PRId64
			   ": the checksum of messages is wrong, however often they are fetched",
		    p->id, p->taken);
		w->counts.broken++;
		*s = (struct partition_search){.good = -1, .at = p->taken, .step = 1};
	}
	s->bad = s->at;
	p->place = PLACE_SOUGHT;
}

bool
writer_found_good(struct partition *p, int64_t offset)
{
	if (offset >= p->search.at) {
		p->search.good = p->search.at;
		p->place = PLACE_SOUGHT;
	}
	return false;
}

static void
pass_over(struct writer *w, struct partition *p)
{
	int64_t to = p->search.good;

	diag_error("partition %" PRId32 ": %" PRId64 " messages, from offset %" PRId64
		   " on, are broken, and passed over",
	    p->id, to - p->next, p->next);
	w->counts.lost += (uint64_t)(to - p->next);
	p->next = p->taken = to;
	p->timestamp = p->taken_timestamp = -1;
	p->search = (struct partition_search){.at = -1};
	w->store.changed = true;
}

void
writer_search(struct writer *w, struct partition *p)
{
	struct partition_search *s = &p->search;
	struct kafka_bounds bounds;

	if (s->good < 0) {
		s->at = s->bad + s->step;
		s->step *= 2;
		/* It may be the last one; but a broker that was cut off may tell an old end. */
		if (kafka_bounds(w->kafka, w->settings.store.topic, p->id, &bounds,
			WRITER_BOUNDS_MS) == KAFKA_GOOD &&
		    s->at >= bounds.end && bounds.end > s->bad)
			s->good = bounds.end;
	}
	if (s->good < 0)
		return;
	if (s->good - s->bad <= 1)
		pass_over(w, p);
	else
		s->at = s->bad + (s->good - s->bad) / 2;
}
