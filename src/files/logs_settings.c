#include "files/logs_settings.h"

static const char *const rotate_words[] = {
    [ROTATE_DAILY] = "daily", [ROTATE_HOURLY] = "hourly", [ROTATE_NEVER] = "never", NULL};

static const char *const sync_words[] = {
    [SYNC_NO] = "no", [SYNC_EVERYSEC] = "everysec", [SYNC_ALWAYS] = "always", NULL};

static const struct setting rows[] = {
    {.name = "LOG_FOLDER",
	.help = "where the files go",
	.fallback = "./_logs",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct logs_settings, folder)},
    {.name = "ENABLED_LOG_LEVELS",
	.help = "of DEBUG,INFO,WARNING,ERROR",
	.fallback = "INFO,ERROR",
	.empty_counts = true,
	.kind = SETTING_LEVELS,
	SETTING_INTO(struct logs_settings, levels)},
    {.name = "LOG_ROTATE",
	.help = "roll over daily, hourly or never",
	.fallback = "daily",
	.kind = SETTING_CHOICE,
	.words = rotate_words,
	SETTING_INTO(struct logs_settings, rotate)},
    {.name = "LOG_MAX_BYTES",
	.help = "roll over at this size, too; 0: no limit",
	.fallback = "0",
	.kind = SETTING_NUMBER,
	.high = INT64_MAX,
	SETTING_INTO(struct logs_settings, max_bytes)},
    {.name = "LOG_BACKUP_COUNT",
	.help = "rolled-over files kept for each level; 0: all",
	.fallback = "30",
	.kind = SETTING_NUMBER,
	.high = 1000000,
	SETTING_INTO(struct logs_settings, backup_count)},
    {.name = "LOG_FSYNC",
	.help = "no, everysec or always",
	.fallback = "everysec",
	.kind = SETTING_CHOICE,
	.words = sync_words,
	SETTING_INTO(struct logs_settings, sync)},
};

const struct setting_group logs_settings_group = SETTING_GROUP(rows, NULL);
