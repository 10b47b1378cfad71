/* Publishing, over a Kafka that acknowledges when a test says so. */
#include "kafka/publish.h"

#include "base/clock.h"
#include "kafka/kafka.h"
#include "kafka/publish_state.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICKETS 4

/* --- the clock --- */

static int64_t now = CLOCK_NS_PER_SECOND;

int64_t
clock_now_ns(void)
{
	return now;
}

int64_t
clock_monotonic_ns(void)
{
	return now;
}

int64_t
clock_coarse_ns(void)
{
	return now;
}

/* --- Kafka --- */

struct produced {
	char value[64], key[64], level[16], batch[128];
	size_t len;
	int64_t timestamp;
	void *owner;
};

static struct {
	struct kafka_events events;
	struct produced *produced; /* of the first PRODUCED_MAX */
	void *last[2];		   /* owners of the last two */
	size_t count, acknowledged;
	int error;	   /* of kafka_produce(), */
	size_t error_from; /* from so many on */
	int failure;	   /* of the next reports */
	size_t reports;	   /* that the next poll gives; SIZE_MAX: all */
	size_t fails;	   /* of which, from the front, so many fail */
	unsigned woken, asked;
	kafka_wake *wake;
	void *wake_context;
	bool opened, started, freed, more;
	int waited;
} fake;

#define PRODUCED_MAX 16

struct kafka *
kafka_new(const struct kafka_property *defaults, const struct kafka_properties *file,
    const struct kafka_property *own, const struct kafka_events *events, struct buf *mistakes)
{
	(void)defaults;
	(void)file;
	(void)own;
	(void)mistakes;
	fake.events = *events;
	fake.opened = true;
	return (struct kafka *)&fake;
}

int64_t
kafka_number(const struct kafka *k, const char *name)
{
	(void)k;
	assert_string_equal(name, "batch.size");
	return 1000000;
}

bool
kafka_start_producer(struct kafka *k, char *error, size_t size)
{
	(void)k;
	(void)error;
	(void)size;
	fake.started = true;
	return true;
}

bool
kafka_open_topic(struct kafka *k, const char *name, char *error, size_t size)
{
	(void)k;
	(void)error;
	(void)size;
	assert_string_equal(name, "records");
	return true;
}

void
kafka_free(struct kafka *k)
{
	(void)k;
	fake.freed = true;
}

const char *
kafka_error_text(const struct kafka *k, int error)
{
	(void)k;
	(void)error;
	return "words";
}

void
kafka_wake_by(struct kafka *k, kafka_wake *wake, void *context)
{
	(void)k;
	fake.wake = wake;
	fake.wake_context = context;
}

void
kafka_ask_topic(struct kafka *k, const char *name, int timeout_ms)
{
	(void)k;
	(void)timeout_ms;
	assert_string_equal(name, "records");
	fake.asked++;
}

static void
copy(char *to, size_t size, const void *from, size_t len)
{
	len = len < size - 1 ? len : size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

int
kafka_produce(struct kafka *k, const struct kafka_record *r)
{
	struct produced *p = &fake.produced[fake.count < PRODUCED_MAX ? fake.count : PRODUCED_MAX];

	(void)k;
	if (fake.error != KAFKA_GOOD && fake.count >= fake.error_from)
		return fake.error;
	copy(p->value, sizeof(p->value), r->value, r->len);
	copy(p->key, sizeof(p->key), r->key, r->key_len);
	assert_int_equal(r->header_count, 2);
	assert_string_equal(r->headers[0].name, "level");
	copy(p->level, sizeof(p->level), r->headers[0].value, r->headers[0].len);
	assert_string_equal(r->headers[1].name, "batch");
	copy(p->batch, sizeof(p->batch), r->headers[1].value, r->headers[1].len);
	p->timestamp = r->timestamp;
	p->len = r->len;
	p->owner = r->owner;
	fake.last[0] = fake.last[1];
	fake.last[1] = r->owner;
	fake.count++;
	return KAFKA_GOOD;
}

/* What lies beyond PRODUCED_MAX is of the last ticket. */
bool
kafka_poll(struct kafka *k, int timeout_ms)
{
	struct kafka_report reports[64];
	bool more = fake.more;
	size_t n = 0;

	(void)k;
	fake.waited += timeout_ms;
	if (timeout_ms > 0 && fake.reports == 0)
		fake.reports = SIZE_MAX; /* they come while it waits */
	for (; fake.reports > 0 && fake.acknowledged < fake.count; fake.reports--) {
		size_t i = fake.acknowledged++;
		struct produced *p = &fake.produced[i < PRODUCED_MAX ? i : PRODUCED_MAX];

		reports[n++] = (struct kafka_report){
		    p->owner, p->len, fake.fails > 0 ? fake.failure : KAFKA_GOOD};
		fake.fails -= fake.fails > 0;
		if (n == 64) {
			fake.events.delivered(fake.events.context, reports, n);
			n = 0;
		}
	}
	if (n > 0)
		fake.events.delivered(fake.events.context, reports, n);
	fake.reports = 0;
	fake.more = false;
	return more;
}

/* --- the fixture --- */

struct fixture {
	struct kafka_settings settings;
	struct metrics metrics;
	struct publish *publish;
	struct sink sink;
	struct ticket ticket[TICKETS];
	struct entries entries[TICKETS];
	unsigned woken;
};

static void
statistics(const char *broker, const char *partitions, const char *id)
{
	char json[512];

	snprintf(json, sizeof(json),
	    "{\"brokers\":{\"a\":{\"state\":\"%s\"}},\"topics\":{\"records\":{\"partitions\":{%s}}}"
	    ","
	    "\"eos\":{\"idemp_state\":\"%s\"}}",
	    broker, partitions, id);
	fake.events.statistics(fake.events.context, json, strlen(json));
}

static void
is_up(void)
{
	statistics("UP",
	    "\"0\":{\"partition\":0,\"leader\":1},\"-1\":{\"partition\":-1,\"leader\":0}",
	    "Assigned");
}

static void
wake(void *context)
{
	struct fixture *f = context;

	f->woken++;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char error[512];

	memset(&fake, 0, sizeof(fake));
	fake.produced = calloc(PRODUCED_MAX + 1, sizeof(*fake.produced));
	f->settings = (struct kafka_settings){.brokers = "a:1", .topic = "records"};
	f->publish = publish_open(&f->settings, &f->metrics, error, sizeof(error));
	if (f->publish == NULL)
		return -1;
	f->sink = publish_sink(f->publish);
	for (int i = 0; i < TICKETS; i++)
		f->ticket[i].entries = &f->entries[i];
	if (!f->sink.start(f->sink.self, error, sizeof(error)))
		return -1;
	f->sink.wake_by(f->sink.self, wake, f);
	is_up();
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	f->sink.close(f->sink.self);
	if (!fake.freed)
		return -1;
	for (int i = 0; i < TICKETS; i++) {
		for (int k = 0; k < LEVEL_COUNT; k++)
			buf_free(&f->entries[i].level[k]);
		buf_free(&f->entries[i].marks);
		buf_free(&f->entries[i].keys);
	}
	free(fake.produced);
	free(f);
	return 0;
}

static void
put(struct fixture *f, int i, enum level level, const char *key, const char *line, unsigned index)
{
	struct entries *e = &f->entries[i];
	struct entry_mark mark = {.len = strlen(line) + 1,
	    .key_len = (uint32_t)strlen(key),
	    .index = index,
	    .level = level};

	buf_puts(&e->level[level], line);
	buf_putc(&e->level[level], '\n');
	buf_puts(&e->keys, key);
	buf_append(&e->marks, &mark, sizeof(mark));
	e->records[level]++;
}

static void
put_many(struct fixture *f, int i, size_t count)
{
	for (size_t n = 0; n < count; n++)
		put(f, i, LEVEL_INFO, "k", "v", (unsigned)n);
}

static struct ticket *
submit(struct fixture *f, int i)
{
	return f->sink.submit(f->sink.self, &f->ticket[i]);
}

static struct ticket *
resume(struct fixture *f)
{
	return f->sink.resume(f->sink.self, false);
}

static void
acknowledge(size_t reports)
{
	fake.reports = reports;
}

static void
report(size_t reports, size_t fails, int error)
{
	fake.reports = reports;
	fake.fails = fails;
	fake.failure = error;
}

/* Exactly this ticket is finished. */
static void
is_finished(const struct ticket *list, const struct ticket *t, enum ticket_result result)
{
	assert_ptr_equal(list, t);
	assert_null(t->next);
	assert_int_equal(t->result, result);
}

/* --- what is published --- */

static void
a_record_is_a_message(void **state)
{
	struct fixture *f = *state;

	put(f, 0, LEVEL_WARNING, "app.db", "{\"msg\":\"x\"}", 3);
	f->entries[0].arrival = 1795387123048945678;
	f->ticket[0].batch = (struct ticket_batch){"client-17", 6, 17};
	assert_null(submit(f, 0));
	assert_int_equal(fake.count, 1);
	assert_string_equal(fake.produced[0].value, "{\"msg\":\"x\"}");
	assert_string_equal(fake.produced[0].key, "app.db");
	assert_string_equal(fake.produced[0].level, "WARNING");
	assert_string_equal(fake.produced[0].batch, "client-17:3");
	assert_true(fake.produced[0].timestamp == 1795387123048); /* when it arrived */
	assert_null(resume(f));
	acknowledge(1);
	is_finished(resume(f), &f->ticket[0], TICKET_DONE);
	assert_int_equal(f->metrics.records[LEVEL_WARNING], 1);
	assert_int_equal(f->metrics.kafka_acknowledged, 1);
	assert_int_equal(f->metrics.kafka_bytes, strlen("{\"msg\":\"x\"}"));
	assert_int_equal(f->metrics.kafka_in_flight, 0);
	assert_int_equal(f->metrics.kafka_in_flight_bytes, 0);
}

static void
records_keep_their_order_over_levels(void **state)
{
	static const char *const values[] = {"0", "11", "2", "33333", "4"};
	static const enum level levels[] = {
	    LEVEL_ERROR, LEVEL_INFO, LEVEL_ERROR, LEVEL_INFO, LEVEL_DEBUG};
	static const char *const keys[] = {"a", "bb", "a", "", "ccc"};
	struct fixture *f = *state;

	for (unsigned i = 0; i < 5; i++)
		put(f, 0, levels[i], keys[i], values[i], 2 * i);
	assert_null(submit(f, 0));
	assert_int_equal(fake.count, 5);
	for (unsigned i = 0; i < 5; i++) {
		const char *colon = strrchr(fake.produced[i].batch, ':');

		assert_string_equal(fake.produced[i].value, values[i]);
		assert_string_equal(fake.produced[i].key, keys[i]);
		assert_string_equal(fake.produced[i].level, level_name(levels[i]));
		assert_int_equal(atoi(colon + 1), 2 * i);
	}
	acknowledge(4);
	assert_null(resume(f));
	acknowledge(1);
	is_finished(resume(f), &f->ticket[0], TICKET_DONE);
}

/* What was not sent is told; nothing where it was. */
static void
what_was_added_is_told(void **state)
{
	struct fixture *f = *state;
	struct entry_mark *marks;

	put(f, 0, LEVEL_INFO, "keymessage,nan", "v", 0);
	put(f, 0, LEVEL_INFO, "other", "w", 1);
	marks = (struct entry_mark *)(void *)f->entries[0].marks.data;
	marks[0].key_len = 3;
	marks[0].added_len = 11;
	assert_null(submit(f, 0));
	assert_string_equal(fake.produced[0].key, "key");
	assert_string_equal(strchr(fake.produced[0].batch, ':'), ":0;message,nan");
	assert_string_equal(fake.produced[1].key, "other");
	assert_string_equal(strchr(fake.produced[1].batch, ':'), ":1");
	acknowledge(2);
	assert_non_null(resume(f));
}

/* Without a key of the client's, each request has one of the server's own. */
static void
requests_without_a_key_have_one(void **state)
{
	struct fixture *f = *state;

	put(f, 0, LEVEL_INFO, "k", "v", 0);
	put(f, 1, LEVEL_INFO, "k", "v", 0);
	assert_null(submit(f, 0));
	assert_null(submit(f, 1));
	assert_int_equal(strcspn(fake.produced[0].batch, "-"), 16);
	assert_memory_equal(fake.produced[0].batch, fake.produced[1].batch, 17);
	assert_string_equal(fake.produced[0].batch + 17, "0:0");
	assert_string_equal(fake.produced[1].batch + 17, "1:0");
	acknowledge(2);
	assert_non_null(resume(f));
}

static void
nothing_is_done_at_once(void **state)
{
	struct fixture *f = *state;

	is_finished(submit(f, 0), &f->ticket[0], TICKET_DONE);
	assert_int_equal(fake.count, 0);
}

static void
what_failed_before_is_not_published(void **state)
{
	struct fixture *f = *state;

	put(f, 0, LEVEL_INFO, "k", "v", 0);
	f->entries[0].level[LEVEL_DEBUG].failed = true;
	is_finished(submit(f, 0), &f->ticket[0], TICKET_FAILED);
	f->entries[0].level[LEVEL_DEBUG].failed = false;
	f->entries[0].keys.failed = true;
	is_finished(submit(f, 0), &f->ticket[0], TICKET_FAILED);
	assert_int_equal(fake.count, 0);
}

/* --- what fails --- */

static void
one_that_fails_fails_all_when_all_are_known(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, 3);
	assert_null(submit(f, 0));
	report(1, 1, KAFKA_MESSAGE_TIMED_OUT);
	assert_null(resume(f));
	acknowledge(1);
	assert_null(resume(f));
	acknowledge(1);
	is_finished(resume(f), &f->ticket[0], TICKET_FAILED);
	assert_non_null(strstr(f->ticket[0].why, "in time"));
	assert_int_equal(f->metrics.kafka_failed[METRICS_FAILURE_TIME], 1);
	assert_int_equal(f->metrics.kafka_acknowledged, 2);
	assert_int_equal(f->metrics.records[LEVEL_INFO], 0);
}

/* What librdkafka doesn't take ends the request; what it has is waited for. */
static void
what_is_not_taken_ends_the_request(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, 5);
	fake.error = KAFKA_QUEUE_FULL;
	fake.error_from = 2;
	assert_null(submit(f, 0));
	assert_int_equal(fake.count, 2);
	acknowledge(2);
	is_finished(resume(f), &f->ticket[0], TICKET_FAILED);
	assert_int_equal(f->metrics.kafka_failed[METRICS_FAILURE_OTHER], 1);
	/* And at once where it has none. */
	put_many(f, 1, 1);
	is_finished(submit(f, 1), &f->ticket[1], TICKET_FAILED);
	assert_int_equal(f->metrics.kafka_in_flight, 0);
}

static void
failures_have_words_and_are_counted(void **state)
{
	static const struct {
		int error;
		enum metrics_failure counted;
		const char *word;
	} cases[] = {
	    {KAFKA_MESSAGE_TIMED_OUT, METRICS_FAILURE_TIME, "in time"},
	    {KAFKA_TRANSPORT, METRICS_FAILURE_BROKERS, "no broker"},
	    {KAFKA_NO_TOPIC, METRICS_FAILURE_TOPIC, "topic"},
	    {KAFKA_UNKNOWN_TOPIC, METRICS_FAILURE_TOPIC, "topic"},
	    {KAFKA_NOT_ENOUGH_REPLICAS, METRICS_FAILURE_REPLICAS, "in sync"},
	    {KAFKA_TOO_LARGE, METRICS_FAILURE_SIZE, "too large"},
	    {-1, METRICS_FAILURE_OTHER, "could not be published"},
	};
	struct fixture *f = *state;

	put_many(f, 0, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t before = f->metrics.kafka_failed[cases[i].counted];

		assert_null(submit(f, 0));
		report(1, 1, cases[i].error);
		is_finished(resume(f), &f->ticket[0], TICKET_FAILED);
		assert_non_null(strstr(f->ticket[0].why, cases[i].word));
		assert_int_equal(f->metrics.kafka_failed[cases[i].counted], before + 1);
	}
}

static void
what_is_too_large_is_named_and_not_sent(void **state)
{
	struct fixture *f = *state;

	put(f, 0, LEVEL_INFO, "k", "small", 0);
	put(f, 0, LEVEL_INFO, "k", "small", 5);
	for (int i = 0; i < 1048588; i++)
		buf_putc(&f->entries[0].level[LEVEL_ERROR], 'x');
	put(f, 0, LEVEL_ERROR, "k", "", 7);
	((struct entry_mark *)(void *)f->entries[0].marks.data)[2].len += 1048588;
	is_finished(submit(f, 0), &f->ticket[0], TICKET_TOO_LARGE);
	assert_int_equal(f->ticket[0].which, 7);
	assert_non_null(strstr(f->ticket[0].why, "max.message.bytes"));
	assert_int_equal(fake.count, 0);
	/* Where the topic takes it, it is sent. */
	fake.events.described(fake.events.context, KAFKA_GOOD, "max.message.bytes", "2000000");
	assert_null(submit(f, 0));
	assert_int_equal(fake.count, 3);
	acknowledge(3);
	is_finished(resume(f), &f->ticket[0], TICKET_DONE);
	/* And where it takes less, less is. */
	fake.events.described(fake.events.context, KAFKA_GOOD, "max.message.bytes", "200");
	is_finished(submit(f, 0), &f->ticket[0], TICKET_TOO_LARGE);
	assert_int_equal(f->ticket[0].which, 0);
}

/* --- no brokers --- */

static void
without_brokers_it_fails_at_once(void **state)
{
	struct fixture *f = *state;
	char why[512];

	fake.events.failed(fake.events.context, KAFKA_ALL_BROKERS_DOWN);
	put_many(f, 0, 1);
	is_finished(submit(f, 0), &f->ticket[0], TICKET_FAILED);
	assert_non_null(strstr(f->ticket[0].why, "no broker"));
	assert_int_equal(fake.count, 0);
	assert_false(f->sink.ready(f->sink.self, why, sizeof(why)));
	/* It is known when they are back. */
	is_up();
	assert_true(f->sink.ready(f->sink.self, why, sizeof(why)));
	assert_null(submit(f, 0));
	acknowledge(1);
	is_finished(resume(f), &f->ticket[0], TICKET_DONE);
}

static void
a_fatal_error_ends_it(void **state)
{
	struct fixture *f = *state;
	char why[512];

	assert_true(f->sink.tick(f->sink.self));
	fake.events.failed(fake.events.context, KAFKA_FATAL);
	assert_false(f->sink.tick(f->sink.self));
	/* For good. */
	is_up();
	assert_false(f->sink.tick(f->sink.self));
	assert_false(f->sink.ready(f->sink.self, why, sizeof(why)));
}

static void
the_topic_is_asked_for_when_it_is_there(void **state)
{
	struct fixture *f = *state;

	f->sink.tick(f->sink.self);
	f->sink.tick(f->sink.self);
	assert_int_equal(fake.asked, 1);
	now += 61 * CLOCK_NS_PER_SECOND;
	statistics("DOWN", "", "");
	f->sink.tick(f->sink.self);
	assert_int_equal(fake.asked, 1);
	is_up();
	f->sink.tick(f->sink.self);
	f->sink.tick(f->sink.self);
	assert_int_equal(fake.asked, 2);
	/* Sooner, once the brokers find something too large. */
	put_many(f, 0, 1);
	assert_null(submit(f, 0));
	report(1, 1, KAFKA_TOO_LARGE);
	assert_non_null(resume(f));
	now += 6 * CLOCK_NS_PER_SECOND;
	f->sink.tick(f->sink.self);
	assert_int_equal(fake.asked, 3);
}

/* --- more than there is room for --- */

static void
what_there_is_no_room_for_waits(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, PUBLISH_IN_FLIGHT - 1);
	put_many(f, 1, 5);
	put_many(f, 2, 1);
	assert_null(submit(f, 0));
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT - 1);
	assert_null(submit(f, 1));
	assert_null(submit(f, 2));
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT - 1);
	assert_int_equal(f->metrics.kafka_waiting, 2);
	/* Not for each that is acknowledged. */
	acknowledge(PUBLISH_IN_FLIGHT / 16);
	assert_null(resume(f));
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT - 1);
	acknowledge(PUBLISH_IN_FLIGHT / 8);
	assert_null(resume(f));
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT + 5);
	assert_int_equal(f->metrics.kafka_waiting, 0);
}

static void
nobody_overtakes_those_that_wait(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, PUBLISH_IN_FLIGHT);
	put(f, 1, LEVEL_INFO, "k", "first", 0);
	put(f, 2, LEVEL_INFO, "k", "second", 0);
	assert_null(submit(f, 0));
	assert_null(submit(f, 1));
	/* There is room by now, and nobody has come for it. */
	acknowledge(PUBLISH_IN_FLIGHT / 2);
	kafka_poll(NULL, 0);
	assert_null(submit(f, 2));
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT + 2);
	assert_ptr_equal(fake.last[0], &f->ticket[1]);
	assert_ptr_equal(fake.last[1], &f->ticket[2]);
}

/* One with more records than may be under way goes out in pieces. */
static void
a_request_of_any_size_goes_out(void **state)
{
	struct fixture *f = *state;
	struct ticket *finished = NULL;
	int polls = 0;

	put_many(f, 0, 2 * PUBLISH_IN_FLIGHT + 100);
	assert_null(submit(f, 0));
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT);
	while (finished == NULL && polls++ < 10) {
		acknowledge(SIZE_MAX);
		finished = resume(f);
		assert_true(fake.count - fake.acknowledged <= PUBLISH_IN_FLIGHT);
	}
	is_finished(finished, &f->ticket[0], TICKET_DONE);
	assert_int_equal(fake.count, 2 * PUBLISH_IN_FLIGHT + 100);
}

static void
what_waits_too_long_is_given_up(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, PUBLISH_IN_FLIGHT);
	put_many(f, 1, 1);
	assert_null(submit(f, 0));
	assert_null(submit(f, 1));
	assert_null(resume(f));
	now += (PUBLISH_WAIT_MS + 1) * (CLOCK_NS_PER_SECOND / 1000);
	/* Nothing may come: the main thread calls for somebody. */
	f->woken = 0;
	f->sink.tick(f->sink.self);
	assert_int_equal(f->woken, 1);
	is_finished(resume(f), &f->ticket[1], TICKET_FAILED);
	assert_non_null(strstr(f->ticket[1].why, "in time"));
	/* The first is librdkafka's to give up. */
	report(SIZE_MAX, SIZE_MAX, KAFKA_MESSAGE_TIMED_OUT);
	is_finished(resume(f), &f->ticket[0], TICKET_FAILED);
}

/* Not longer than those whose time is over. */
static void
what_waits_is_given_up_with_those_before_it(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, PUBLISH_IN_FLIGHT);
	put_many(f, 1, 1);
	assert_null(submit(f, 0));
	assert_null(submit(f, 1));
	now += 2 * CLOCK_NS_PER_SECOND;
	assert_null(resume(f));
	report(1, 1, KAFKA_MESSAGE_TIMED_OUT);
	is_finished(resume(f), &f->ticket[1], TICKET_FAILED);
	assert_non_null(strstr(f->ticket[1].why, "in time"));
	report(SIZE_MAX, SIZE_MAX, KAFKA_MESSAGE_TIMED_OUT);
	is_finished(resume(f), &f->ticket[0], TICKET_FAILED);
}

static void
what_waits_is_given_up_with_the_brokers(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, PUBLISH_IN_FLIGHT + 1);
	put_many(f, 1, 1);
	assert_null(submit(f, 0));
	assert_null(submit(f, 1));
	fake.events.failed(fake.events.context, KAFKA_ALL_BROKERS_DOWN);
	is_finished(resume(f), &f->ticket[1], TICKET_FAILED);
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT);
	acknowledge(SIZE_MAX);
	is_finished(resume(f), &f->ticket[0], TICKET_FAILED);
}

/* --- threads --- */

static void
is_called_for_what_came_before(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->woken, 1); /* as it was set up */
	fake.more = true;
	assert_null(resume(f));
	assert_int_equal(f->woken, 2); /* there is more than it has taken */
	assert_null(resume(f));
	assert_int_equal(f->woken, 2);
	f->sink.wake_by(f->sink.self, NULL, NULL);
	assert_null(fake.wake);
	fake.more = true;
	assert_null(resume(f));
	assert_int_equal(f->woken, 2);
}

static void
the_last_thread_waits_for_all(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, 1);
	assert_null(submit(f, 0));
	is_finished(f->sink.resume(f->sink.self, true), &f->ticket[0], TICKET_DONE);
	assert_true(fake.waited > 0);
	fake.waited = 0;
	assert_null(f->sink.resume(f->sink.self, true));
	assert_int_equal(fake.waited, 0);
}

#define publish_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    publish_test(a_record_is_a_message),
	    publish_test(records_keep_their_order_over_levels),
	    publish_test(what_was_added_is_told),
	    publish_test(requests_without_a_key_have_one),
	    publish_test(nothing_is_done_at_once),
	    publish_test(what_failed_before_is_not_published),
	    publish_test(one_that_fails_fails_all_when_all_are_known),
	    publish_test(what_is_not_taken_ends_the_request),
	    publish_test(failures_have_words_and_are_counted),
	    publish_test(what_is_too_large_is_named_and_not_sent),
	    publish_test(without_brokers_it_fails_at_once),
	    publish_test(a_fatal_error_ends_it),
	    publish_test(the_topic_is_asked_for_when_it_is_there),
	    publish_test(what_there_is_no_room_for_waits),
	    publish_test(nobody_overtakes_those_that_wait),
	    publish_test(a_request_of_any_size_goes_out),
	    publish_test(what_waits_too_long_is_given_up),
	    publish_test(what_waits_is_given_up_with_those_before_it),
	    publish_test(what_waits_is_given_up_with_the_brokers),
	    publish_test(is_called_for_what_came_before),
	    publish_test(the_last_thread_waits_for_all),
	};

	return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
