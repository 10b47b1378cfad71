/*
 * Which of a file's properties are secret, and whether a text has one of them: librdkafka's words
 * are shown, and what it puts into them is its own affair.
 *
 * Once taken, any thread may ask.
 */
#ifndef PBU_KAFKA_SECRETS_H
#define PBU_KAFKA_SECRETS_H

#include "kafka/kafka_properties.h"

#include <stdbool.h>
#include <stddef.h>

/* Shorter ones are found in any text, and are none. */
#define KAFKA_SECRET_LEAST 4

struct kafka_secrets {
	char **value; /* owned */
	size_t count;
};

/* Copies those of the file (NULL: none). False: memory ran out. To be freed in any case. */
bool kafka_secrets_take(struct kafka_secrets *s, const struct kafka_properties *file);

/* Whether a text has one of them, or may have a part of one. */
bool kafka_secrets_in(const struct kafka_secrets *s, const char *text);

/* Overwrites them, and frees. */
void kafka_secrets_free(struct kafka_secrets *s);

#endif
