#include "writer/settings.h"

#include "writer/checkpoint.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the host's name and the folder, which are there to be read, as much as fits. */
#define PART_MAX 100

static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

/* As Kafka has names. */
static bool
is_name(const char *text, size_t most)
{
	size_t len = strlen(text);

	return len > 0 && len <= most && strspn(text, allowed) == len && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0;
}

static void
check(const void *settings, struct buf *mistakes)
{
	const struct writer_settings *s = settings;

	if (s->kafka.brokers == NULL)
		buf_puts(mistakes, "KAFKA_BROKERS: must be set: it is where records come from\n");
	if (strlen(s->kafka.topic) >= CHECKPOINT_TEXT_SIZE)
		buf_puts(mistakes, "KAFKA_TOPIC: is too long\n");
	if (strlen(s->group) >= CHECKPOINT_TEXT_SIZE)
		buf_puts(mistakes, "KAFKA_GROUP: is too long\n");
	if (s->instance != NULL && !is_name(s->instance, SETTINGS_INSTANCE_MAX))
		buf_printf(mistakes,
		    "KAFKA_INSTANCE=%s: must be 1 to %d of A-Z, a-z, 0-9, \".\", \"_\" and \"-\"\n",
		    s->instance, SETTINGS_INSTANCE_MAX);
}

static const struct setting rows[] = {
    {.name = "KAFKA_GROUP",
	.help = "writers of a group share the topic",
	.fallback = "pbu-log-writer",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct writer_settings, group)},
    {.name = "KAFKA_INSTANCE",
	.help = "its name in the group (host and folder)",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct writer_settings, instance)},
    {.name = "METRICS_FILE",
	.help = "where metrics are written, for Prometheus (none)",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct writer_settings, metrics_file)},
};

static const struct setting_group own_group = SETTING_GROUP(rows, check);

const struct program_settings writer_settings_of[] = {
    {&logs_settings_group, offsetof(struct writer_settings, logs)},
    {&format_settings_group, offsetof(struct writer_settings, format)},
    {&zone_settings_group, offsetof(struct writer_settings, zone)},
    {&kafka_settings_group, offsetof(struct writer_settings, kafka)},
    {&own_group, 0},
};

const size_t writer_settings_count = sizeof(writer_settings_of) / sizeof(writer_settings_of[0]);

/* FNV-1a. */
static uint32_t
hash_of(const char *text)
{
	uint32_t hash = 2166136261U;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619U;
	return hash;
}

void
writer_settings_instance(const char *folder, char text[SETTINGS_INSTANCE_MAX + 1])
{
	char host[HOST_NAME_MAX + 1] = "", *path = realpath(folder, NULL);
	const char *place = path != NULL ? path : folder;

	gethostname(host, sizeof(host) - 1);
	/* The hash tells /a/b from /a_b. */
	snprintf(text, SETTINGS_INSTANCE_MAX + 1, "%.*s%.*s-%08" PRIx32, PART_MAX, host, PART_MAX,
	    place, hash_of(place));
	for (char *c = text; *c != '\0'; c++) {
		if (strchr(allowed, *c) == NULL)
			*c = '_';
	}
	free(path);
}
