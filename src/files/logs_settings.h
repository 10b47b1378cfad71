/* The settings of the log files. */
#ifndef PBU_LOGS_SETTINGS_H
#define PBU_LOGS_SETTINGS_H

#include "base/setting.h"
#include "files/rollover.h"

#include <stdint.h>

enum sync { SYNC_NO, SYNC_EVERYSEC, SYNC_ALWAYS };

struct logs_settings {
	const char *folder;    /* LOG_FOLDER */
	unsigned levels;       /* ENABLED_LOG_LEVELS, a LEVEL_BIT each */
	enum rotate rotate;    /* LOG_ROTATE */
	uint64_t max_bytes;    /* LOG_MAX_BYTES; 0: no limit */
	unsigned backup_count; /* LOG_BACKUP_COUNT, files per level; 0 keeps all */
	enum sync sync;	       /* LOG_FSYNC */
};

extern const struct setting_group logs_settings_group;

#endif
