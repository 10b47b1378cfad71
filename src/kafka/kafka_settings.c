#include "kafka/kafka_settings.h"

#include "base/network.h"
#include "config.h"
#ifdef HAVE_KAFKA
#include "kafka/kafka.h"
#endif
#include "kafka/kafka_properties.h"

/* Whether the library can be loaded, and takes the properties, is part of the configuration. */
static void
check_library(
    const struct kafka_settings *s, const struct kafka_properties *file, struct buf *mistakes)
{
#ifdef HAVE_KAFKA
	const struct kafka_property own[] = {{"bootstrap.servers", s->brokers}, {NULL, NULL}};

	kafka_free(kafka_new(NULL, file, own, NULL, mistakes));
#else
	(void)file;
	buf_printf(mistakes, "KAFKA_BROKERS=%s: this was built without Kafka\n", s->brokers);
#endif
}

static void
check(const void *settings, struct buf *mistakes)
{
	const struct kafka_settings *s = settings;
	struct kafka_properties file;

	if (s->brokers == NULL)
		return;
	network_check("KAFKA_BROKERS", mistakes);
	kafka_properties_read(&file, s->config, mistakes);
	/* What librdkafka finds wrong in the others is told in the same answer. */
	check_library(s, &file, mistakes);
	kafka_properties_free(&file);
}

static const struct setting rows[] = {
    {.name = "KAFKA_BROKERS",
	.help = "host:port,... of a Kafka cluster (none: no Kafka)",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct kafka_settings, brokers)},
    {.name = "KAFKA_TOPIC",
	.help = "the topic of the records",
	.fallback = "pbu-log",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct kafka_settings, topic)},
    {.name = "KAFKA_CONFIG",
	.help = "a file of librdkafka's properties (none: no TLS)",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct kafka_settings, config)},
};

const struct setting_group kafka_settings_group = SETTING_GROUP(rows, check);
