#include "kafka/publish_state.h"

#include "base/clock.h"
#include "base/diag.h"
#include "kafka/kafka.h"
#include "kafka/kafka_statistics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a set of one record takes beside its value and key: its own head, and the record's with the
 * headers (batch.h). */
#define RECORD_BYTES 256

/* Kafka's default of max.message.bytes, until it is known. */
#define MOST_DEFAULT 1048588

/* How often the brokers are asked about the topic; and after a record was too large for them. */
#define ASK	  (60 * CLOCK_NS_PER_SECOND)
#define ASK_AGAIN (5 * CLOCK_NS_PER_SECOND)

/* For how long a record that was given up speaks against the brokers: without others there is
 * nothing else to know it by. */
#define SILENCE (5 * CLOCK_NS_PER_SECOND)

/* Statistics in a row that agree, before it is logged: a start goes through some states. */
#define SAY 3

/* What one broker's word is worth is said where it is not two's. */
#define REPLICAS_LEAST 2

void
publish_state_init(struct publish_state *s, const char *topic, size_t batch_size, struct metrics *m)
{
	*s = (struct publish_state){.topic = topic, .metrics = m, .batch_size = batch_size};
	atomic_store(&s->most, MOST_DEFAULT);
}

/* --- what keeps records from being published --- */

static void
put_trouble(const struct publish_state *s, enum publish_trouble trouble, char *why, size_t size)
{
	switch (trouble) {
	case PUBLISH_NEW:
		snprintf(why, size, "no broker (KAFKA_BROKERS) has been reached yet");
		break;
	case PUBLISH_READY: snprintf(why, size, "records are published"); break;
	case PUBLISH_DOWN: snprintf(why, size, "no broker (KAFKA_BROKERS) can be reached"); break;
	case PUBLISH_NO_TOPIC:
		snprintf(why, size,
		    "the brokers don't have the topic %s (KAFKA_TOPIC), or no leader for it",
		    s->topic);
		break;
	case PUBLISH_NO_ID:
		snprintf(why, size, "the brokers have not let the producer begin yet");
		break;
	case PUBLISH_SILENT:
		snprintf(why, size, "the brokers don't acknowledge records in time");
		break;
	case PUBLISH_FATAL: snprintf(why, size, "librdkafka has given up"); break;
	}
}

static void
say(struct publish_state *s, enum publish_trouble trouble)
{
	char why[512];

	if (atomic_exchange(&s->said, (int)trouble) == (int)trouble)
		return;
	put_trouble(s, trouble, why, sizeof(why));
	diag(trouble == PUBLISH_READY ? DIAG_INFO : DIAG_ERROR, NULL, "%s", why);
}

static void
set_trouble(struct publish_state *s, enum publish_trouble trouble)
{
	int before = atomic_load(&s->trouble);

	if (before == PUBLISH_FATAL)
		return;
	atomic_store(&s->trouble, (int)trouble);
	if (before != (int)trouble)
		atomic_store(&s->times, 0);
	if (atomic_fetch_add(&s->times, 1) + 1 == SAY || trouble == PUBLISH_FATAL)
		say(s, trouble);
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
	const char *id =
	    kafka_statistics_member(kafka_statistics_member(json, "eos"), "idemp_state");
	int up = count_up(kafka_statistics_member(json, "brokers"));
	int partitions = count_partitions(kafka_statistics_member(topic, "partitions"));
	bool is_new = up == 0 && atomic_load(&s->trouble) == PUBLISH_NEW;

	set_trouble(s, is_new				     ? PUBLISH_NEW
		       : up == 0			     ? PUBLISH_DOWN
		       : partitions == 0		     ? PUBLISH_NO_TOPIC
		       : kafka_statistics_is(id, "Assigned") ? PUBLISH_READY
							     : PUBLISH_NO_ID);
	atomic_store(&s->metrics->kafka_brokers_up, (uint64_t)up);
	atomic_store(&s->metrics->kafka_partitions, (uint64_t)partitions);
}

void
publish_state_failed(struct publish_state *s, int error)
{
	if (error == KAFKA_ALL_BROKERS_DOWN)
		set_trouble(s, PUBLISH_DOWN);
	if (error == KAFKA_FATAL)
		set_trouble(s, PUBLISH_FATAL);
}

bool
publish_state_down(struct publish_state *s)
{
	return atomic_load(&s->trouble) == PUBLISH_DOWN;
}

bool
publish_state_silent(struct publish_state *s)
{
	int64_t given_up = atomic_load(&s->given_up);

	return given_up > atomic_load(&s->acknowledged) &&
	       clock_monotonic_ns() - given_up < SILENCE;
}

bool
publish_state_fatal(struct publish_state *s)
{
	return atomic_load(&s->trouble) == PUBLISH_FATAL;
}

bool
publish_state_ready(struct publish_state *s, char *why, size_t size)
{
	enum publish_trouble trouble = (enum publish_trouble)atomic_load(&s->trouble);

	if (trouble == PUBLISH_READY && publish_state_silent(s))
		trouble = PUBLISH_SILENT;
	if (trouble != PUBLISH_READY)
		put_trouble(s, trouble, why, size);
	return trouble == PUBLISH_READY;
}

/* --- what the topic takes --- */

bool
publish_state_fits(struct publish_state *s, const struct entries *e, size_t *which)
{
	const struct entry_mark *mark = (const struct entry_mark *)(const void *)e->marks.data;
	size_t most = atomic_load(&s->most);

	for (size_t i = 0; i < e->marks.len / sizeof(*mark); i++) {
		if (mark[i].len + mark[i].key_len + RECORD_BYTES > most) {
			*which = mark[i].index;
			return false;
		}
	}
	return true;
}

bool
publish_state_asks(struct publish_state *s)
{
	int64_t now = clock_monotonic_ns();

	if (atomic_load(&s->trouble) != PUBLISH_READY || now < atomic_load(&s->ask))
		return false;
	atomic_store(&s->ask, now + ASK);
	return true;
}

void
publish_state_record_failed(struct publish_state *s, int error)
{
	int64_t now = clock_monotonic_ns(), soon = now + ASK_AGAIN;

	if (error == KAFKA_MESSAGE_TIMED_OUT)
		atomic_store(&s->given_up, now);
	if (error == KAFKA_TOO_LARGE && atomic_load(&s->ask) > soon)
		atomic_store(&s->ask, soon);
}

void
publish_state_acknowledged(struct publish_state *s)
{
	atomic_store(&s->acknowledged, clock_monotonic_ns());
}

void
publish_state_topic(struct publish_state *s, const char *name, const char *value)
{
	long long number = strtoll(value, NULL, 10);

	if (number <= 0)
		return;
	atomic_store(&s->unanswered, KAFKA_GOOD);
	if (strcmp(name, "max.message.bytes") == 0) {
		if (atomic_exchange(&s->most, (size_t)number) != (size_t)number &&
		    (size_t)number < s->batch_size)
			diag_warn(
			    "the topic %s takes %lld bytes at a time (max.message.bytes), and "
			    "up to %zu are sent: set batch.size in KAFKA_CONFIG to less",
			    s->topic, number, s->batch_size);
	} else if (strcmp(name, "min.insync.replicas") == 0) {
		if (atomic_exchange(&s->replicas, (int)number) != (int)number &&
		    number < REPLICAS_LEAST)
			diag_warn("the topic %s has min.insync.replicas=%lld: a record that is "
				  "answered 200 may be on one broker only",
			    s->topic, number);
	}
}

void
publish_state_untold(struct publish_state *s, int error, const char *why)
{
	if (atomic_exchange(&s->unanswered, error) != error)
		diag_warn("the brokers don't tell how large a record the topic %s takes (%s): %zu "
			  "bytes are taken for it",
		    s->topic, why, atomic_load(&s->most));
}
