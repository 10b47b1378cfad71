#include "server/settings.h"

#include <inttypes.h>

/* The least that will do is the default. */
static uint64_t
memory_needed(const void *settings)
{
	const struct settings *s = settings;
	uint64_t bytes = s->web.max_body * SETTINGS_MEMORY_FACTOR;

	return bytes > SETTINGS_MEMORY_LEAST ? bytes : SETTINGS_MEMORY_LEAST;
}

static void
check(const void *settings, struct buf *mistakes)
{
	const struct settings *s = settings;
	uint64_t needed = memory_needed(s);

	if (s->max_memory < needed)
		buf_printf(mistakes,
		    "MAX_MEMORY_BYTES=%" PRIu64 ": must be at least %" PRIu64
		    " where MAX_BODY_BYTES is %" PRIu64 "\n",
		    s->max_memory, needed, s->web.max_body);
}

static const struct setting rows[] = {
    {.name = "MAX_MEMORY_BYTES",
	.help = "for all requests together",
	.fallback = "32 times MAX_BODY_BYTES, at least 128 MiB",
	.computed = memory_needed,
	.kind = SETTING_NUMBER,
	.high = INT64_MAX,
	SETTING_INTO(struct settings, max_memory)},
};

static const struct setting_group own_group = SETTING_GROUP(rows, check);

const struct program_settings settings_of[] = {
    {&logs_settings_group, offsetof(struct settings, logs)},
    {&kafka_settings_group, offsetof(struct settings, kafka)},
    {&format_settings_group, offsetof(struct settings, format)},
    {&zone_settings_group, offsetof(struct settings, zone)},
    {&auth_settings_group, offsetof(struct settings, auth)},
    {&web_settings_group, offsetof(struct settings, web)},
    {&own_group, 0}, /* after MAX_BODY_BYTES, which it goes by */
};

const size_t settings_count = sizeof(settings_of) / sizeof(settings_of[0]);
