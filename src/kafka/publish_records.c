#include "kafka/publish_inside.h"

#include "base/clock.h"
#include "kafka/batch.h"

#include <string.h>

/* Entries that are handed over before it is looked whether one has failed. */
#define PIECE ((size_t)256)

/* --- tickets that are finished --- */

/* The words of each failure, and where it is counted. */
static const struct failure {
	int error;
	enum metrics_failure counted;
	const char *why;
} failures[] = {
    {KAFKA_MESSAGE_TIMED_OUT, METRICS_FAILURE_TIME,
	"the brokers did not acknowledge the record in time; send it again"},
    {KAFKA_ALL_BROKERS_DOWN, METRICS_FAILURE_BROKERS,
	"no broker can be reached now; send the record again"},
    {KAFKA_TRANSPORT, METRICS_FAILURE_BROKERS,
	"no broker can be reached now; send the record again"},
    {KAFKA_NO_TOPIC, METRICS_FAILURE_TOPIC,
	"the brokers don't have the topic (KAFKA_TOPIC); send the record again"},
    {KAFKA_UNKNOWN_TOPIC, METRICS_FAILURE_TOPIC,
	"the brokers don't have the topic (KAFKA_TOPIC); send the record again"},
    {KAFKA_NO_PARTITION, METRICS_FAILURE_TOPIC,
	"the brokers don't have the topic's partition; send the record again"},
    {KAFKA_TOPIC_FORBIDDEN, METRICS_FAILURE_TOPIC,
	"the brokers don't let the server write to the topic; send the record again"},
    {KAFKA_NOT_ENOUGH_REPLICAS, METRICS_FAILURE_REPLICAS,
	"not enough brokers are in sync; send the record again"},
    {KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND, METRICS_FAILURE_REPLICAS,
	"not enough brokers are in sync; send the record again"},
    {KAFKA_TOO_LARGE, METRICS_FAILURE_SIZE,
	"the brokers found records too large together; send the record again"},
};

static const struct failure *
failure_of(int error)
{
	static const struct failure other = {
	    0, METRICS_FAILURE_OTHER, "the record could not be published now; send it again"};

	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		if (failures[i].error == error)
			return &failures[i];
	}
	return &other;
}

const char *
publish_why(int error)
{
	return failure_of(error)->why;
}

static void
count(struct metrics *m, const struct ticket *t)
{
	int64_t took = clock_monotonic_ns() - t->progress.begun;

	for (int i = 0; i < LEVEL_COUNT; i++) {
		if (t->entries->records[i] > 0)
			metrics_add(&m->records[i], t->entries->records[i]);
	}
	metrics_observe_kafka(m, (uint64_t)took);
}

/* No entry of it is under way any more. */
static void
conclude(struct publish *p, struct ticket *t)
{
	int error = atomic_load(&t->progress.error);

	if (error == KAFKA_GOOD) {
		t->result = TICKET_DONE;
		count(p->metrics, t);
	} else {
		t->result = TICKET_FAILED;
		t->why = failure_of(error)->why;
	}
	atomic_fetch_sub(&p->unfinished, 1);
}

/* So many entries less are waited for; true: it is finished. */
bool
publish_release(struct publish *p, struct ticket *t, size_t entries)
{
	if (atomic_fetch_sub(&t->progress.pending, entries) != entries)
		return false;
	conclude(p, t);
	return true;
}

void
publish_set_error(struct ticket *t, int error)
{
	int none = KAFKA_GOOD;

	atomic_compare_exchange_strong(&t->progress.error, &none, error);
}

/* So many entries, of so many bytes, are not under way any more. */
static void
leave(struct publish *p, size_t entries, size_t bytes)
{
	atomic_fetch_sub(&p->in_flight, entries);
	metrics_subtract(&p->metrics->kafka_in_flight, entries);
	metrics_subtract(&p->metrics->kafka_in_flight_bytes, bytes);
}

static void
fail(struct publish *p, struct ticket *t, int error)
{
	metrics_add(&p->metrics->kafka_failed[failure_of(error)->counted], 1);
	publish_state_record_failed(&p->state, error);
	publish_set_error(t, error);
}

static void
finish(struct publish *p, struct ticket *t)
{
	pthread_mutex_lock(&p->mutex);
	t->next = p->finished;
	p->finished = t;
	pthread_mutex_unlock(&p->mutex);
}

/* A kafka_events function. Those of one ticket come together, mostly, and are counted so: each by
 * itself would change ten counters that other threads change, too. */
void
publish_delivered(void *context, const struct kafka_report *reports, size_t count)
{
	struct publish *p = context;
	size_t bytes = 0, good = 0, good_bytes = 0;

	for (size_t i = 0, first = 0; i < count; i++) {
		const struct kafka_report *r = &reports[i];
		struct ticket *t = r->owner;

		bytes += r->len;
		if (r->error == KAFKA_GOOD) {
			good++;
			good_bytes += r->len;
		} else {
			fail(p, t, r->error);
		}
		if (i + 1 < count && reports[i + 1].owner == t)
			continue;
		if (publish_release(p, t, i + 1 - first))
			finish(p, t);
		first = i + 1;
	}
	leave(p, count, bytes);
	if (good > 0)
		publish_state_acknowledged(&p->state);
	metrics_add(&p->metrics->kafka_acknowledged, good);
	metrics_add(&p->metrics->kafka_bytes, good_bytes);
}

/* --- tickets that begin --- */

/* Room for so many entries, or for fewer, or none. */
static size_t
take_room(struct publish *p, size_t entries)
{
	size_t before = atomic_fetch_add(&p->in_flight, entries), over;

	if (before + entries <= PUBLISH_IN_FLIGHT)
		return entries;
	over = before < PUBLISH_IN_FLIGHT ? before + entries - PUBLISH_IN_FLIGHT : entries;
	atomic_fetch_sub(&p->in_flight, over);
	return entries - over;
}

/* Hands over the next entries, which there is room for. */
static void
hand_over_some(struct publish *p, struct ticket *t, size_t count)
{
	const struct entries *e = t->entries;
	struct ticket_progress *at = &t->progress;
	const struct entry_mark *mark =
	    (const struct entry_mark *)(const void *)e->marks.data + at->mark;
	char batch[BATCH_MAX];
	struct kafka_header headers[2] = {
	    {.name = BATCH_LEVEL_HEADER}, {.name = BATCH_HEADER, .value = batch}};
	struct kafka_record record = {.headers = headers,
	    .header_count = 2,
	    .timestamp = e->arrival / (CLOCK_NS_PER_SECOND / 1000),
	    .owner = t};
	size_t begun = batch_begin(batch, t->batch.id, t->batch.len, t->batch.number), bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += mark[i].len - 1; /* without the newline */
	metrics_add(&p->metrics->kafka_in_flight, count);
	metrics_add(&p->metrics->kafka_in_flight_bytes, bytes);
	atomic_fetch_add(&at->pending, count);
	at->mark += count;
	for (size_t i = 0; i < count; i++) {
		const struct entry_mark *m = &mark[i];
		int error;

		headers[0].value = level_name(m->level);
		headers[0].len = strlen(headers[0].value);
		record.value = e->level[m->level].data + at->offset[m->level];
		record.len = m->len - 1;
		record.key = e->keys.data + at->key;
		record.key_len = m->key_len;
		headers[1].len =
		    batch_end(batch, begun, m->index, record.key + m->key_len, m->added_len);
		at->offset[m->level] += m->len;
		at->key += m->key_len + m->added_len;
		error = kafka_produce(p->kafka, &record);
		if (error != KAFKA_GOOD) {
			fail(p, t, error);
			/* It is not the last that is waited for: see publish_begin(). */
			publish_release(p, t, count - i);
			leave(p, count - i, bytes);
			return;
		}
		bytes -= record.len;
	}
}

/* Hands entries over until all are, or there is no room. True: all are, or will not be. */
bool
publish_hand_over(struct publish *p, struct ticket *t)
{
	size_t marks = t->entries->marks.len / sizeof(struct entry_mark);

	while (t->progress.mark < marks && atomic_load(&t->progress.error) == KAFKA_GOOD) {
		size_t left = marks - t->progress.mark;
		size_t room = take_room(p, left < PIECE ? left : PIECE);

		if (room == 0)
			return false;
		hand_over_some(p, t, room);
	}
	return true;
}

/* Whether records are handed over at all. Hysteresis: not for each one that is acknowledged. */
bool
publish_has_room(struct publish *p)
{
	return atomic_load(&p->in_flight) < PUBLISH_IN_FLIGHT - PUBLISH_IN_FLIGHT / 8;
}

void
publish_begin(struct publish *p, struct ticket *t)
{
	if (t->batch.id == NULL)
		t->batch =
		    (struct ticket_batch){p->id, strlen(p->id), atomic_fetch_add(&p->number, 1)};
	memset(t->progress.offset, 0, sizeof(t->progress.offset));
	t->progress.mark = t->progress.key = 0;
	t->progress.begun = clock_monotonic_ns();
	atomic_store(&t->progress.pending, 1);
	atomic_store(&t->progress.error, KAFKA_GOOD);
	atomic_fetch_add(&p->unfinished, 1);
}
