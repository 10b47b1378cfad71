/* The writer's configuration: the server's settings, as far as they are about the files, those of
 * Kafka, and its own. */
#ifndef PBU_WRITER_SETTINGS_H
#define PBU_WRITER_SETTINGS_H

#include "base/program.h"
#include "base/zone.h"
#include "files/logs_settings.h"
#include "kafka/kafka_settings.h"
#include "record/format_settings.h"

struct writer_settings {
	struct logs_settings logs;
	struct format_settings format;
	struct zone_settings zone;
	struct kafka_settings kafka;
	const char *group;	  /* KAFKA_GROUP */
	const char *instance;	  /* KAFKA_INSTANCE; NULL: writer_settings_instance() */
	const char *metrics_file; /* METRICS_FILE; NULL: none */
};

/* Where each comes from: for program_begin(), into a struct writer_settings. */
extern const struct program_settings writer_settings_of[];
extern const size_t writer_settings_count;

/* Characters of an instance's name, as Kafka takes it. */
#define SETTINGS_INSTANCE_MAX 249

/*
 * The name of this writer in its group, which is to be the same after each start, and no other's:
 * of the host and the log folder. Writes it, and a NUL, to text.
 */
void writer_settings_instance(const char *folder, char text[SETTINGS_INSTANCE_MAX + 1]);

#endif
