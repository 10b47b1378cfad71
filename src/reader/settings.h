/* The reader's configuration: the server's settings, as far as they are about what is in the
 * folder, and its own. */
#ifndef PBU_READER_SETTINGS_H
#define PBU_READER_SETTINGS_H

#include "base/program.h"
#include "base/zone.h"
#include "reader/peers.h"
#include "record/format_settings.h"
#include "web/auth.h"

struct reader_settings {
	const char *folder; /* LOG_FOLDER */
	unsigned levels;    /* ENABLED_LOG_LEVELS, a LEVEL_BIT each */
	struct format_settings format;
	struct zone_settings zone;
	struct auth_settings write;  /* AUTH_TOKEN, AUTH_TOKEN_FILE */
	struct auth_settings read;   /* READ_TOKEN, READ_TOKEN_FILE */
	unsigned timeout;	     /* QUERY_TIMEOUT, seconds */
	struct peers_settings peers; /* READ_PEERS and what is for it */
};

/* Where each comes from: for program_begin(), into a struct reader_settings. */
extern const struct program_settings reader_settings_of[];
extern const size_t reader_settings_count;

#endif
