#include "kafka/publish.h"

#include "base/clock.h"
#include "base/diag.h"
#include "kafka/batch.h"
#include "kafka/kafka.h"
#include "kafka/publish_state.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define WAIT_MAX (PUBLISH_WAIT_MS * (CLOCK_NS_PER_SECOND / 1000))

/* While the last tickets are waited for: how long before the clock is looked at. */
#define LAST_POLL_MS 100

/* Entries that are handed over before it is looked whether one has failed. */
#define PIECE ((size_t)256)

/* How long brokers may think about the topic's settings. */
#define ASK_TIMEOUT_MS	 10000

#define TEXT_OF(number)	 TEXT_OF_(number)
#define TEXT_OF_(number) #number

struct publish {
	struct kafka *kafka;
	const char *topic;
	struct metrics *metrics;
	struct publish_state state;
	char id[17];		   /* of this process, for requests without a key, */
	_Atomic uint64_t number;   /* and the last of these */
	_Atomic size_t in_flight;  /* entries handed over and not delivered */
	_Atomic size_t unfinished; /* tickets */
	pthread_mutex_t mutex;	   /* guards what follows; a leaf */
	struct ticket *finished;
	struct ticket *waiting, **waiting_end; /* for room */
	sink_wake *wake;
	void *wake_context;
};

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
static bool
release(struct publish *p, struct ticket *t, size_t entries)
{
	if (atomic_fetch_sub(&t->progress.pending, entries) != entries)
		return false;
	conclude(p, t);
	return true;
}

static void
set_error(struct ticket *t, int error)
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
	set_error(t, error);
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
static void
on_delivered(void *context, const struct kafka_report *reports, size_t count)
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
		if (release(p, t, i + 1 - first))
			finish(p, t);
		first = i + 1;
	}
	leave(p, count, bytes);
	if (good > 0)
		publish_state_acknowledged(&p->state);
	metrics_add(&p->metrics->kafka_acknowledged, good);
	metrics_add(&p->metrics->kafka_bytes, good_bytes);
}

static struct ticket *
take_finished(struct publish *p)
{
	struct ticket *finished;

	pthread_mutex_lock(&p->mutex);
	finished = p->finished;
	p->finished = NULL;
	pthread_mutex_unlock(&p->mutex);
	return finished;
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
	struct kafka_record record = {.headers = headers, .header_count = 2, .owner = t};
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
			/* It is not the last that is waited for: see begin(). */
			release(p, t, count - i);
			leave(p, count - i, bytes);
			return;
		}
		bytes -= record.len;
	}
}

/* Hands entries over until all are, or there is no room. True: all are, or will not be. */
static bool
hand_over(struct publish *p, struct ticket *t)
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

static void
wait_for_room(struct publish *p, struct ticket *t, bool first)
{
	pthread_mutex_lock(&p->mutex);
	if (first) {
		t->next = p->waiting;
		if (p->waiting == NULL)
			p->waiting_end = &t->next;
		p->waiting = t;
	} else {
		t->next = NULL;
		*p->waiting_end = t;
		p->waiting_end = &t->next;
	}
	pthread_mutex_unlock(&p->mutex);
	metrics_add(&p->metrics->kafka_waiting, 1);
}

/* The one that has waited longest; NULL: none does. */
static struct ticket *
take_waiting(struct publish *p)
{
	struct ticket *t;

	pthread_mutex_lock(&p->mutex);
	t = p->waiting;
	if (t != NULL)
		p->waiting = t->next;
	if (p->waiting == NULL)
		p->waiting_end = &p->waiting;
	pthread_mutex_unlock(&p->mutex);
	if (t != NULL)
		metrics_subtract(&p->metrics->kafka_waiting, 1);
	return t;
}

/* Whether records are handed over at all. Hysteresis: not for each one that is acknowledged. */
static bool
has_room(struct publish *p)
{
	return atomic_load(&p->in_flight) < PUBLISH_IN_FLIGHT - PUBLISH_IN_FLIGHT / 8;
}

static bool
is_late(const struct ticket *t)
{
	return clock_monotonic_ns() - t->progress.begun > WAIT_MAX;
}

/* Goes on with those that wait, as far as there is room; those that have waited too long, and all
 * when no broker can be reached or none acknowledges, are given up. Returns the finished ones. */
static struct ticket *
serve_waiting(struct publish *p)
{
	struct ticket *finished = NULL, *t;
	bool down = publish_state_down(&p->state), silent = publish_state_silent(&p->state);

	while ((t = take_waiting(p)) != NULL) {
		if (down || silent || is_late(t))
			set_error(t, down ? KAFKA_ALL_BROKERS_DOWN : KAFKA_MESSAGE_TIMED_OUT);
		else if (!has_room(p) || !hand_over(p, t)) {
			wait_for_room(p, t, true);
			break;
		}
		if (release(p, t, 1)) {
			t->next = finished;
			finished = t;
		}
	}
	return finished;
}

/* Two lists as one. */
static struct ticket *
join(struct ticket *list, struct ticket *rest)
{
	struct ticket **end = &list;

	while (*end != NULL)
		end = &(*end)->next;
	*end = rest;
	return list;
}

/* --- the sink --- */

static void
begin(struct publish *p, struct ticket *t)
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

static bool
has_failed(const struct entries *e)
{
	bool failed = e->marks.failed || e->keys.failed;

	for (int i = 0; i < LEVEL_COUNT; i++)
		failed = failed || e->level[i].failed;
	return failed;
}

/* Whether it is finished before it begins. */
static bool
is_settled(struct publish *p, struct ticket *t)
{
	t->next = NULL;
	t->why = NULL;
	t->result = TICKET_FAILED;
	if (has_failed(t->entries))
		return true;
	if (t->entries->marks.len == 0) {
		t->result = TICKET_DONE;
		return true;
	}
	if (!publish_state_fits(&p->state, t->entries, &t->which)) {
		t->result = TICKET_TOO_LARGE;
		t->why = "larger than the topic takes (its max.message.bytes)";
		return true;
	}
	if (publish_state_down(&p->state)) {
		t->why = failure_of(KAFKA_ALL_BROKERS_DOWN)->why;
		return true;
	}
	return false;
}

static struct ticket *
submit(void *self, struct ticket *t)
{
	struct publish *p = self;

	if (is_settled(p, t))
		return t;
	begin(p, t);
	if (!has_room(p) || !hand_over(p, t)) {
		wait_for_room(p, t, false);
		/* The last acknowledgement may have come before it waited. */
		return has_room(p) ? serve_waiting(p) : NULL;
	}
	return release(p, t, 1) ? t : NULL;
}

static void
call(struct publish *p)
{
	pthread_mutex_lock(&p->mutex);
	/* Under the mutex: once wake_by() has taken it back, nobody is called. */
	if (p->wake != NULL)
		p->wake(p->wake_context);
	pthread_mutex_unlock(&p->mutex);
}

static struct ticket *
resume(void *self, bool last)
{
	struct publish *p = self;
	struct ticket *finished;
	bool more = kafka_poll(p->kafka, 0);

	finished = join(serve_waiting(p), take_finished(p));
	while (last && finished == NULL && atomic_load(&p->unfinished) > 0) {
		kafka_poll(p->kafka, LAST_POLL_MS);
		finished = join(serve_waiting(p), take_finished(p));
	}
	if (more)
		call(p);
	return finished;
}

static void
wake_by(void *self, sink_wake *wake, void *context)
{
	struct publish *p = self;

	pthread_mutex_lock(&p->mutex);
	p->wake = wake;
	p->wake_context = context;
	pthread_mutex_unlock(&p->mutex);
	kafka_wake_by(p->kafka, wake, context);
	/* What came before is called for by nobody. */
	call(p);
}

static bool
ready(void *self, char *why, size_t size)
{
	struct publish *p = self;

	return publish_state_ready(&p->state, why, size);
}

static bool
tick(void *self)
{
	struct publish *p = self;
	bool waits;

	/* Those that wait for room may have waited too long, and nothing come for them. */
	pthread_mutex_lock(&p->mutex);
	waits = p->waiting != NULL;
	pthread_mutex_unlock(&p->mutex);
	if (waits)
		call(p);
	if (publish_state_asks(&p->state))
		kafka_ask_topic(p->kafka, p->topic, ASK_TIMEOUT_MS);
	return !publish_state_fatal(&p->state);
}

/* There is nothing to be opened again: librdkafka connects by itself. */
static void
reopen(void *self)
{
	(void)self;
}

static bool
reopened(void *self)
{
	(void)self;
	return true;
}

static bool
start(void *self, char *error, size_t size)
{
	struct publish *p = self;

	return kafka_start_producer(p->kafka, error, size) &&
	       kafka_open_topic(p->kafka, p->topic, error, size);
}

static void
close_publish(void *self)
{
	struct publish *p = self;

	kafka_free(p->kafka);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}

struct sink
publish_sink(struct publish *p)
{
	return (struct sink){
	    .self = p,
	    .wake_by = wake_by,
	    .start = start,
	    .submit = submit,
	    .resume = resume,
	    .ready = ready,
	    .tick = tick,
	    .reopen = reopen,
	    .reopened = reopened,
	    .close = close_publish,
	};
}

/* --- opening --- */

static void
on_failed(void *context, int error)
{
	struct publish *p = context;

	publish_state_failed(&p->state, error);
}

static void
on_statistics(void *context, const char *json, size_t len)
{
	struct publish *p = context;

	(void)len;
	publish_state_read(&p->state, json);
}

static void
on_described(void *context, int error, const char *name, const char *value)
{
	struct publish *p = context;

	if (error == KAFKA_GOOD && name != NULL)
		publish_state_topic(&p->state, name, value);
	else
		publish_state_untold(&p->state, error, kafka_error_text(p->kafka, error));
}

static struct kafka *
open_kafka(struct publish *p, const struct kafka_settings *s, struct buf *mistakes)
{
	/* What a file may change. */
	static const struct kafka_property defaults[] = {
	    {"client.id", "pbu-log-server"},
	    {"compression.codec", "lz4"},
	    /* While two sets are on their way to a broker, records for it gather. With the five
	     * that librdkafka would send, batches of 100 over three brokers took 2.5 times the
	     * server's time, and half of them were taken in the same time. */
	    {"linger.ms", "2"},
	    {"max.in.flight.requests.per.connection", "2"},
	    {"socket.nagle.disable", "true"},
	    {"socket.keepalive.enable", "true"},
	    {"reconnect.backoff.max.ms", "1000"},
	    {NULL, NULL},
	};
	const struct kafka_property own[] = {
	    {"bootstrap.servers", s->brokers},
	    {"acks", "all"},
	    {"enable.idempotence", "true"},
	    {"message.timeout.ms", TEXT_OF(PUBLISH_TIMEOUT_MS)},
	    /* Java's default, so that a logger's partition is the same whoever writes it. */
	    {"partitioner", "murmur2_random"},
	    {"allow.auto.create.topics", "false"},
	    /* publish and the budget have bounds, and the topic has one: publish_state.h. */
	    {"queue.buffering.max.messages", "10000000"},
	    {"queue.buffering.max.kbytes", "2097151"},
	    {"message.max.bytes", "1000000000"},
	    {"statistics.interval.ms", TEXT_OF(PUBLISH_STATISTICS_MS)},
	    /* Connections are kept: what is known of brokers is how they are now. */
	    {"enable.sparse.connections", "false"},
	    {NULL, NULL},
	};
	const struct kafka_events events = {.context = p,
	    .delivered = on_delivered,
	    .failed = on_failed,
	    .statistics = on_statistics,
	    .described = on_described};
	struct kafka_properties file;
	struct kafka *kafka = NULL;

	if (kafka_properties_read(&file, s->config, mistakes))
		kafka = kafka_new(defaults, &file, own, &events, mistakes);
	kafka_properties_free(&file);
	return kafka;
}

struct publish *
publish_open(const struct kafka_settings *settings, struct metrics *m, char *error, size_t size)
{
	struct publish *p = calloc(1, sizeof(*p));
	struct buf mistakes = BUF_INIT;
	uint64_t id;

	if (p == NULL || getrandom(&id, sizeof(id), 0) != sizeof(id)) {
		snprintf(error, size, "%s", diag_reason(errno));
		free(p);
		return NULL;
	}
	snprintf(p->id, sizeof(p->id), "%016" PRIx64, id);
	p->topic = settings->topic;
	p->metrics = m;
	p->waiting_end = &p->waiting;
	pthread_mutex_init(&p->mutex, NULL);
	p->kafka = open_kafka(p, settings, &mistakes);
	if (p->kafka != NULL)
		publish_state_init(
		    &p->state, settings->topic, (size_t)kafka_number(p->kafka, "batch.size"), m);
	if (p->kafka == NULL) {
		int first = (int)strcspn(mistakes.data != NULL ? mistakes.data : "", "\n");

		snprintf(error, size, "%.*s", first, mistakes.data != NULL ? mistakes.data : "");
		close_publish(p);
		p = NULL;
	}
	buf_free(&mistakes);
	m->kafka = p != NULL;
	return p;
}
