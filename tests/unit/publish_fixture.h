/* Publishing, over a Kafka and a clock that are the test's own. */
#ifndef PBU_PUBLISH_FIXTURE_H
#define PBU_PUBLISH_FIXTURE_H

#include "kafka/publish.h"

#include "fake_clock.h"
#include "fake_kafka.h"

#include <stdio.h>
#include <stdlib.h>

#define TICKETS 4

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

static inline void
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

static inline void
is_up(void)
{
	statistics("UP",
	    "\"0\":{\"partition\":0,\"leader\":1},\"-1\":{\"partition\":-1,\"leader\":0}",
	    "Assigned");
}

static inline void
wake(void *context)
{
	struct fixture *f = context;

	f->woken++;
}

static inline int
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

static inline int
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

static inline void
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

static inline void
put_many(struct fixture *f, int i, size_t count)
{
	for (size_t n = 0; n < count; n++)
		put(f, i, LEVEL_INFO, "k", "v", (unsigned)n);
}

static inline struct ticket *
submit(struct fixture *f, int i)
{
	return f->sink.submit(f->sink.self, &f->ticket[i]);
}

static inline struct ticket *
resume(struct fixture *f)
{
	return f->sink.resume(f->sink.self, false);
}

/* Exactly this ticket is finished. */
static inline void
is_finished(const struct ticket *list, const struct ticket *t, enum ticket_result result)
{
	assert_ptr_equal(list, t);
	assert_null(t->next);
	assert_int_equal(t->result, result);
}

#define publish_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
