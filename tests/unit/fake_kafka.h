/* A Kafka that is only there: it acknowledges what is produced when a test says so. */
#ifndef PBU_FAKE_KAFKA_H
#define PBU_FAKE_KAFKA_H

#include "kafka/kafka.h"
#include "unit.h"

#include <string.h>

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

static inline void
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

/* So many more are acknowledged by the next poll; SIZE_MAX: all. */
static inline void
acknowledge(size_t reports)
{
	fake.reports = reports;
}

/* The same, but the first of them fail, by an error (enum kafka_error). */
static inline void
report(size_t reports, size_t fails, int error)
{
	fake.reports = reports;
	fake.fails = fails;
	fake.failure = error;
}

#endif
