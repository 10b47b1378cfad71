/* The configuration: environment variables, read once into one constant struct. */
#ifndef PBU_SETTINGS_H
#define PBU_SETTINGS_H

#include "base/program.h"
#include "base/zone.h"
#include "files/logs_settings.h"
#include "kafka/kafka_settings.h"
#include "record/format_settings.h"
#include "web/auth.h"
#include "web/web_settings.h"

#include <stdint.h>

/*
 * MAX_MEMORY_BYTES must have room for whatever one body takes until it is answered (doc/design.md,
 * "Memory and work"), or such a body would be refused for ever: at least FACTOR times
 * MAX_BODY_BYTES, and at least LEAST bytes.
 */
#define SETTINGS_MEMORY_FACTOR 32
#define SETTINGS_MEMORY_LEAST  (128 * 1024 * 1024)

struct settings {
	struct logs_settings logs;
	struct kafka_settings kafka;
	struct format_settings format;
	struct zone_settings zone;
	struct auth_settings auth;
	struct web_settings web;
	uint64_t max_memory; /* MAX_MEMORY_BYTES */
};

/* Where each setting comes from: for program_begin(), into a struct settings. */
extern const struct program_settings settings_of[];
extern const size_t settings_count;

#endif
