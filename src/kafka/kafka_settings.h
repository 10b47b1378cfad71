/* The settings of Kafka, for the server and the writer. */
#ifndef PBU_KAFKA_SETTINGS_H
#define PBU_KAFKA_SETTINGS_H

#include "base/setting.h"

struct kafka_settings {
	const char *brokers; /* KAFKA_BROKERS, host:port and so on; NULL: no Kafka */
	const char *topic;   /* KAFKA_TOPIC */
	const char *config;  /* KAFKA_CONFIG, a file (kafka_properties.h); NULL: none */
};

extern const struct setting_group kafka_settings_group;

#endif
