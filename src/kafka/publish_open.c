#include "kafka/publish_inside.h"

#include "base/diag.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TEXT_OF(number)	 TEXT_OF_(number)
#define TEXT_OF_(number) #number

void
publish_close(struct publish *p)
{
	kafka_free(p->kafka);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}

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
	    .delivered = publish_delivered,
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
		publish_close(p);
		p = NULL;
	}
	buf_free(&mistakes);
	m->kafka = p != NULL;
	return p;
}
