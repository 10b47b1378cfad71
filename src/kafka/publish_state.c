#include "kafka/publish_state.h"

#include "kafka/kafka.h"
#include "kafka/kafka_statistics.h"

#include <stdio.h>

/* What a set of one record takes beside its value and key: its own head, and the record's with the
 * headers (batch.h). */
#define RECORD_BYTES 256

/* Kafka's default of max.message.bytes, until it is known. */
#define MOST_DEFAULT 1048588

void
publish_state_init(struct publish_state *s, const char *topic, struct metrics *m)
{
	*s = (struct publish_state){.topic = topic, .metrics = m};
	atomic_store(&s->brokers_up, -1);
	atomic_store(&s->most, MOST_DEFAULT);
}

void
publish_state_destroy(struct publish_state *s)
{
	(void)s;
}

static int
count_up(const char *brokers)
{
	const char *name, *broker;
	int up = 0;

	while ((broker = kafka_statistics_next(&brokers, &name)) != NULL)
		up += kafka_statistics_is(kafka_statistics_member(broker, "state"), "UP");
	return up;
}

/* Those that have a leader. (The partition -1 is where records wait that have none yet.) */
static int
count_partitions(const char *partitions)
{
	const char *name, *partition;
	int led = 0;

	while ((partition = kafka_statistics_next(&partitions, &name)) != NULL)
		led +=
		    kafka_statistics_number(kafka_statistics_member(partition, "partition"), -1) >=
			0 &&
		    kafka_statistics_number(kafka_statistics_member(partition, "leader"), -1) >= 0;
	return led;
}

void
publish_state_read(struct publish_state *s, const char *json)
{
	const char *topic =
	    kafka_statistics_member(kafka_statistics_member(json, "topics"), s->topic);
	int up = count_up(kafka_statistics_member(json, "brokers"));
	int partitions = count_partitions(kafka_statistics_member(topic, "partitions"));

	atomic_store(&s->partitions, partitions);
	atomic_store(&s->numbered,
	    kafka_statistics_is(
		kafka_statistics_member(kafka_statistics_member(json, "eos"), "idemp_state"),
		"Assigned"));
	atomic_store(&s->brokers_up, up);
	atomic_store(&s->metrics->kafka_brokers_up, (uint64_t)up);
	atomic_store(&s->metrics->kafka_partitions, (uint64_t)partitions);
}

void
publish_state_failed(struct publish_state *s, int error)
{
	if (error == KAFKA_ALL_BROKERS_DOWN)
		atomic_store(&s->brokers_up, 0);
	if (error == KAFKA_FATAL)
		atomic_store(&s->fatal, true);
}

bool
publish_state_down(struct publish_state *s)
{
	return atomic_load(&s->brokers_up) == 0;
}

bool
publish_state_fatal(struct publish_state *s)
{
	return atomic_load(&s->fatal);
}

bool
publish_state_fits(struct publish_state *s, const struct entries *e)
{
	const struct entry_mark *mark = (const struct entry_mark *)(const void *)e->marks.data;
	size_t most = atomic_load(&s->most);

	for (size_t i = 0; i < e->marks.len / sizeof(*mark); i++) {
		if (mark[i].len + mark[i].key_len + RECORD_BYTES > most)
			return false;
	}
	return true;
}

bool
publish_state_ready(struct publish_state *s, char *why, size_t size)
{
	if (atomic_load(&s->fatal))
		snprintf(why, size, "librdkafka has given up");
	else if (atomic_load(&s->brokers_up) < 0)
		snprintf(why, size, "no broker (KAFKA_BROKERS) has been reached yet");
	else if (atomic_load(&s->brokers_up) == 0)
		snprintf(why, size, "no broker (KAFKA_BROKERS) can be reached");
	else if (atomic_load(&s->partitions) == 0)
		snprintf(why, size, "the brokers don't have the topic %s (KAFKA_TOPIC)", s->topic);
	else if (!atomic_load(&s->numbered))
		snprintf(why, size, "the brokers have not let the producer begin yet");
	else
		return true;
	return false;
}
