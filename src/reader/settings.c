#include "reader/settings.h"

/* The server's own two, as the rest of its settings of files is about writing. */
static const struct setting folder_rows[] = {
    {.name = "LOG_FOLDER",
	.help = "where the files are",
	.fallback = "./_logs",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct reader_settings, folder)},
    {.name = "ENABLED_LOG_LEVELS",
	.help = "of DEBUG,INFO,WARNING,ERROR",
	.fallback = "INFO,ERROR",
	.empty_counts = true,
	.kind = SETTING_LEVELS,
	SETTING_INTO(struct reader_settings, levels)},
};

static const struct setting own_rows[] = {
    {.name = "QUERY_TIMEOUT",
	.help = "seconds that a query may take",
	.fallback = "30",
	.kind = SETTING_NUMBER,
	.low = 1,
	.high = 3600,
	SETTING_INTO(struct reader_settings, timeout)},
};

static const struct setting_group folder_group = SETTING_GROUP(folder_rows, NULL);
static const struct setting_group own_group = SETTING_GROUP(own_rows, NULL);

const struct program_settings reader_settings_of[] = {
    {&folder_group, 0},
    {&format_settings_group, offsetof(struct reader_settings, format)},
    {&zone_settings_group, offsetof(struct reader_settings, zone)},
    {&auth_settings_group, offsetof(struct reader_settings, write)},
    {&auth_read_settings_group, offsetof(struct reader_settings, read)},
    {&own_group, 0},
    {&peers_settings_group, offsetof(struct reader_settings, peers)},
};

const size_t reader_settings_count = sizeof(reader_settings_of) / sizeof(reader_settings_of[0]);
