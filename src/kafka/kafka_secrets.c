#include "kafka/kafka_secrets.h"

#include <stdlib.h>
#include <string.h>

/* What the names of those have in them that are secret. */
static const char *const marks[] = {"password", "secret", ".pem", "oauthbearer.config"};

/* Of this one librdkafka quotes the rest that it does not understand. */
static const char quoted[] = "oauthbearer.config";

static bool
is_secret(const struct kafka_property *p)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (strstr(p->name, marks[i]) != NULL)
			return strlen(p->value) >= KAFKA_SECRET_LEAST;
	}
	return false;
}

bool
kafka_secrets_take(struct kafka_secrets *s, const struct kafka_properties *file)
{
	size_t count = file != NULL ? file->count : 0;

	*s = (struct kafka_secrets){0};
	s->value = calloc(count + 1, sizeof(*s->value));
	if (s->value == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!is_secret(&file->property[i]))
			continue;
		s->value[s->count] = strdup(file->property[i].value);
		if (s->value[s->count] == NULL)
			return false;
		s->count++;
	}
	return true;
}

bool
kafka_secrets_in(const struct kafka_secrets *s, const char *text)
{
	if (s->count > 0 && strstr(text, quoted) != NULL)
		return true;
	for (size_t i = 0; i < s->count; i++) {
		if (strstr(text, s->value[i]) != NULL)
			return true;
	}
	return false;
}

void
kafka_secrets_free(struct kafka_secrets *s)
{
	for (size_t i = 0; i < s->count; i++) {
		explicit_bzero(s->value[i], strlen(s->value[i]));
		free(s->value[i]);
	}
	free(s->value);
	*s = (struct kafka_secrets){0};
}
