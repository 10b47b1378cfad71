#include "writer/writer_inside.h"

#include "base/clock.h"
#include "base/diag.h"

#include <inttypes.h>
#include <string.h>

/* librdkafka's offsets that are none. */
#define FROM_BEGINNING (-2)
#define FROM_COMMITTED (-1000)

/* --- from where to read --- */

/* The offset to read from, so that the next message that is taken is that of p->next. */
static int64_t
start_of(struct partition *p)
{
	p->verifies = false;
	if (p->search.at >= 0)
		return p->search.at;
	if (p->unsure)
		return FROM_COMMITTED;
	if (p->next < 0)
		return FROM_BEGINNING;
	p->verifies = p->next > 0 && p->timestamp >= 0;
	return p->verifies ? p->next - 1 : p->next;
}

/* Reads all that are assigned from their place. */
static void
assign_all(struct writer *w)
{
	const struct partitions *all = &w->store.partitions;
	size_t count = 0;
	int error;

	writer_resume(w);
	for (size_t i = 0; i < all->count && count < WRITER_PLACES; i++) {
		if (all->of[i]->assigned)
			w->places[count++] =
			    (struct kafka_place){all->of[i]->id, start_of(all->of[i])};
	}
	error = kafka_assign(w->kafka, w->settings.store.topic, w->places, count);
	if (error != KAFKA_GOOD)
		diag_error_limited(&w->failed_limit, "partitions can't be read: %s",
		    kafka_error_text(w->kafka, error));
}

/* The topic is not the one that was read: all of it is new, but for what was sent before. */
static void
begin_anew(struct writer *w, struct partition *p, int64_t first)
{
	p->next = p->taken = first;
	p->timestamp = p->taken_timestamp = -1;
	p->committed = -1;
	p->marks = 0;
	p->unsure = false;
	w->store.changed = true;
}

/* The offsets of the checkpoint are of this cluster's topic, or of none. */
static void
check_cluster(struct writer *w)
{
	struct checkpoint *c = &w->store.checkpoint;
	char id[sizeof(c->cluster)];

	if (!kafka_cluster(w->kafka, id, sizeof(id), WRITER_TIMEOUT_MS) ||
	    strcmp(id, c->cluster) == 0)
		return;
	if (*c->cluster != '\0') {
		diag_warn("this is another cluster than before (%s, and not %s): its topic is read "
			  "from what the group has committed there, or from the beginning",
		    id, c->cluster);
		for (size_t i = 0; i < w->store.partitions.count; i++)
			begin_anew(w, w->store.partitions.of[i], PARTITIONS_NOWHERE);
	}
	memcpy(c->cluster, id, sizeof(id));
	w->store.changed = true;
}

/* What the group has committed counts where another writer has had the partition meanwhile; else
 * the checkpoint is ahead of it. */
static void
compare(struct writer *w, struct partition *p, int64_t committed)
{
	if (committed < 0 || committed <= p->next)
		return;
	if (p->next >= 0)
		diag_info("partition %" PRId32 ": another writer has read it from offset %" PRId64
			  " to %" PRId64,
		    p->id, p->next, committed);
	p->next = p->taken = committed;
	p->timestamp = p->taken_timestamp = -1;
	p->committed = committed;
	w->store.changed = true;
}

static void
take_over(struct writer *w, const struct kafka_place *places, size_t count)
{
	int error;

	if (count > WRITER_PLACES) {
		diag_error("of %zu partitions only %d are read: more writers are needed", count,
		    WRITER_PLACES);
		count = WRITER_PLACES;
	}
	memcpy(w->places, places, count * sizeof(*places));
	check_cluster(w);
	error =
	    kafka_committed(w->kafka, w->settings.store.topic, w->places, count, WRITER_TIMEOUT_MS);
	if (error != KAFKA_GOOD)
		diag_warn("what the group has committed is not known: %s",
		    kafka_error_text(w->kafka, error));
	for (size_t i = 0; i < count; i++) {
		struct partition *p = partitions_get(&w->store.partitions, places[i].partition);

		if (p == NULL)
			continue;
		p->assigned = true;
		p->unsure = error != KAFKA_GOOD;
		/* Whether the last commit before it was given away got there is not known. */
		p->committed = p->unsure ? -1 : w->places[i].offset;
		p->place = PLACE_GOOD;
		p->short_since = p->ask_at = 0;
		p->search = (struct partition_search){.at = -1};
		if (!p->unsure)
			compare(w, p, w->places[i].offset);
	}
	diag_info("reads %zu partitions of %s", count, w->settings.store.topic);
	assign_all(w);
}

/* What is in the files is checkpointed and committed before another may take the partitions. */
static void
give_up(struct writer *w, bool lost)
{
	const struct partitions *all = &w->store.partitions;

	writer_resume(w);
	writer_give_up(w);
	if (store_checkpoint(&w->store) && !lost)
		writer_commit(w, true);
	for (size_t i = 0; i < all->count; i++)
		all->of[i]->assigned = false;
	w->abandon = true;
	if (lost)
		diag_warn("its partitions were given to others, as the group had not heard of this "
			  "writer for too long: what was written after the last commit is written "
			  "by them once more");
	kafka_assign(w->kafka, w->settings.store.topic, NULL, 0);
}

void
writer_rebalanced(
    void *context, bool assigned, bool lost, const struct kafka_place *places, size_t count)
{
	struct writer *w = context;

	w->counts.rebalances++;
	if (assigned)
		take_over(w, places, count);
	else
		give_up(w, lost);
}

/* --- what is wrong --- */

void
writer_trouble(struct writer *w, const struct kafka_message *m)
{
	struct partition *p =
	    m->partition >= 0 ? partitions_get(&w->store.partitions, m->partition) : NULL;

	switch (m->error) {
	case KAFKA_OFFSET_RESET:
	case KAFKA_OFFSET_OUT_OF_RANGE:
		if (p != NULL)
			p->place = PLACE_GONE;
		return;
	case KAFKA_BAD_MESSAGE:
	case KAFKA_CORRUPT:
		if (p != NULL && p->assigned)
			writer_broken(w, p);
		return;
	case KAFKA_UNKNOWN_TOPIC:
	case KAFKA_NO_TOPIC:
	case KAFKA_NO_PARTITION:
		w->counts.topic_errors++;
		diag_error_limited(&w->topic_limit,
		    "there is no topic %s (any more): it is waited for", w->settings.store.topic);
		/* Whether it is the same when it is back shows what is at its offsets. */
		for (size_t i = 0; i < w->store.partitions.count; i++) {
			if (w->store.partitions.of[i]->place == PLACE_GOOD)
				w->store.partitions.of[i]->place = PLACE_AGAIN;
		}
		return;
	default:
		/* What librdkafka finds after a wrong checksum is not told beside that. */
		if (p != NULL && (p->search.tries > 0 || p->search.at >= 0))
			return;
		writer_failed(w, m->error);
	}
}

bool
writer_expects(struct writer *w, struct partition *p, const struct kafka_message *m)
{
	if (!p->assigned || p->place != PLACE_GOOD)
		return false;
	if (p->search.at >= 0)
		return writer_found_good(p, m->offset);
	if (p->verifies && m->offset == p->next - 1 && m->timestamp != p->timestamp) {
		diag_error("partition %" PRId32 ": at offset %" PRId64
			   " is another message than the one that was read: the topic was made "
			   "anew, and is read from its beginning",
		    p->id, m->offset);
		begin_anew(w, p, PARTITIONS_NOWHERE);
		p->place = PLACE_AGAIN;
		return false;
	}
	if (m->offset < p->taken)
		return false;
	if (p->taken >= 0 && m->offset > p->taken && !p->unsure) {
		diag_error_limited(&w->lost_limit,
		    "partition %" PRId32 ": there are no messages from offset %" PRId64
		    " to %" PRId64 ": they are broken, or not in the topic any more",
		    p->id, p->taken, m->offset - 1);
		w->counts.lost += (uint64_t)(m->offset - p->taken);
	}
	p->verifies = p->unsure = false;
	p->search.tries = 0;
	return true;
}

/* A broker that was cut off, and is back, takes itself for the leader that it was, until it hears
 * that there is another: it knows nothing of what came meanwhile. So an end before what was read is
 * believed when it has been there for so long. */
#define SHORT_NS ((int64_t)30 * 1000000000)
#define ASK_NS	 ((int64_t)1000000000)

static bool
is_short_for_long(struct partition *p, int64_t end)
{
	int64_t now = clock_monotonic_ns();

	if (p->short_since == 0) {
		p->short_since = now;
		diag_warn("partition %" PRId32 " ends at offset %" PRId64
			  ", and was read up to %" PRId64
			  ": waiting whether its leader knows no better",
		    p->id, end, p->next);
	}
	return now - p->short_since >= SHORT_NS;
}

/*
 * The partition ends before what was read. When it still has the last message that is marked, it is
 * the same, and has lost its end: what comes after the mark is read again, of which some may be
 * new. writer_expects() looks at it; one that is another is read from the beginning.
 */
static void
go_back(struct writer *w, struct partition *p, const struct kafka_bounds *bounds)
{
	const struct checkpoint_mark *m;

	diag_error("partition %" PRId32 " ends at offset %" PRId64 ", and was read up to %" PRId64
		   ": the topic was made anew, or has lost messages; some may be there twice",
	    p->id, bounds->end, p->next);
	while (p->marks > 0 && p->mark[p->marks - 1].offset >= bounds->end)
		p->marks--;
	m = p->marks > 0 ? &p->mark[p->marks - 1] : NULL;
	if (m == NULL || m->offset < bounds->first) {
		begin_anew(w, p, bounds->first);
		return;
	}
	p->next = p->taken = m->offset + 1;
	p->timestamp = p->taken_timestamp = m->timestamp;
	p->committed = -1;
	p->unsure = false;
	w->store.changed = true;
}

/* Where to go on, as the place is not in the topic. False: that is not known yet. *silent: brokers
 * have not answered such a question, and are not asked again now. */
static bool
find_place(struct writer *w, struct partition *p, bool *silent)
{
	struct kafka_bounds bounds;
	int64_t now = clock_monotonic_ns();

	if (*silent || now < p->ask_at)
		return false;
	p->ask_at = now + ASK_NS;
	*silent = kafka_bounds(w->kafka, w->settings.store.topic, p->id, &bounds,
		      WRITER_BOUNDS_MS) != KAFKA_GOOD;
	if (*silent)
		return false;
	/* What was tried is not there, either: the search begins anew. */
	if (p->search.at < bounds.first || p->search.at > bounds.end)
		p->search = (struct partition_search){.at = -1};
	if (p->next > bounds.end) {
		if (!is_short_for_long(p, bounds.end))
			return false;
		p->short_since = 0;
		go_back(w, p, &bounds);
		return true;
	}
	p->short_since = 0;
	/* The group has nothing committed, or it is gone: ours counts. */
	p->unsure = false;
	/* All that was read is deleted, and the message before can't be read once more. */
	if (p->next == bounds.first)
		p->timestamp = p->taken_timestamp = -1;
	if (p->next >= bounds.first)
		return true;
	if (p->next >= 0) {
		diag_error("partition %" PRId32 ": %" PRId64 " messages, from offset %" PRId64
			   " on, were deleted from the topic before they were read",
		    p->id, bounds.first - p->next, p->next);
		w->counts.lost += (uint64_t)(bounds.first - p->next);
	}
	p->next = p->taken = bounds.first;
	p->timestamp = p->taken_timestamp = -1;
	w->store.changed = true;
	return true;
}

void
writer_mend(struct writer *w)
{
	const struct partitions *all = &w->store.partitions;
	bool any = w->slipped, silent = false;

	w->slipped = false;
	for (size_t i = 0; i < all->count; i++) {
		struct partition *p = all->of[i];

		if (!p->assigned || p->place == PLACE_GOOD ||
		    (p->place == PLACE_GONE && !find_place(w, p, &silent)))
			continue;
		if (p->place == PLACE_SOUGHT)
			writer_search(w, p);
		p->place = PLACE_GOOD;
		any = true;
	}
	if (any)
		assign_all(w);
}
