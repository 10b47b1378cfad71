#include "writer/writer_inside.h"

#include "base/diag.h"

/* How long offsets are waited for to be committed, where partitions are given up and at the end. */
#define COMMIT_WAIT_MS 5000

static void
forget_committed(struct writer *w)
{
	for (size_t i = 0; i < w->store.partitions.count; i++)
		w->store.partitions.of[i]->committed = -1;
}

static void
note_commit(struct writer *w, int error)
{
	if (error == KAFKA_GOOD || error == KAFKA_NO_OFFSET)
		return;
	w->counts.commit_errors++;
	diag_warn_limited(&w->commit_limit, "offsets can't be committed, and will be again: %s",
	    kafka_error_text(w->kafka, error));
	forget_committed(w);
}

void
writer_committed(void *context, int error)
{
	struct writer *w = context;

	w->committing = false;
	note_commit(w, error);
}

void
writer_commit(struct writer *w, bool wait)
{
	const struct partitions *all = &w->store.partitions;
	size_t count = 0;
	int error;

	/* While its coordinator is away librdkafka keeps commits, and may send a later one first.
	 */
	if (w->committing && !wait)
		return;
	/* Nobody will be there to do it again. */
	if (w->committing)
		forget_committed(w);
	for (size_t i = 0; i < all->count && count < WRITER_PLACES; i++) {
		struct partition *p = all->of[i];

		if (!partition_commits(p))
			continue;
		w->places[count++] = (struct kafka_place){p->id, p->next};
		p->committed = p->next;
	}
	if (count == 0)
		return;
	w->counts.commits++;
	w->committing = w->committing || !wait;
	error = kafka_commit(
	    w->kafka, w->settings.store.topic, w->places, count, wait ? COMMIT_WAIT_MS : 0);
	if (error != KAFKA_GOOD && !wait)
		w->committing = false;
	note_commit(w, error);
}
