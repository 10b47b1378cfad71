/* The configuration: environment variables, read once into one constant struct. */
#ifndef PBU_OPTIONS_H
#define PBU_OPTIONS_H

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

enum rotate { ROTATE_DAILY, ROTATE_HOURLY, ROTATE_NEVER };
enum sync { SYNC_NO, SYNC_EVERYSEC, SYNC_ALWAYS };

struct options {
	const char *log_folder;	     /* LOG_FOLDER */
	const char *auth_token;	     /* AUTH_TOKEN; NULL: none */
	const char *auth_token_file; /* AUTH_TOKEN_FILE; NULL: none */
	unsigned port;		     /* PORT, which only nginx uses */
	unsigned levels;	     /* ENABLED_LOG_LEVELS, a LEVEL_BIT each */
	const char *format;	     /* LOG_FORMAT */
	const char *date_format;     /* LOG_DATE_FORMAT; NULL: Python's default */
	enum rotate rotate;	     /* LOG_ROTATE */
	uint64_t max_bytes;	     /* LOG_MAX_BYTES; 0: no limit */
	unsigned backup_count;	     /* LOG_BACKUP_COUNT, files per level; 0 keeps all */
	enum sync sync;		     /* LOG_FSYNC */
	uint64_t max_body;	     /* MAX_BODY_BYTES */
	unsigned threads;	     /* THREADS */
};

/*
 * Fills *o from the environment; the strings are the environment's own. Appends a line for each
 * setting that cannot be used to `mistakes`, and for each that was odd but could be used to
 * `warnings`. True when there was no mistake.
 */
bool options_read(struct options *o, struct buf *mistakes, struct buf *warnings);

/*
 * Overwrites AUTH_TOKEN in the environment, where /proc shows it, and takes it out of *o. To be
 * called before the first thread is started.
 */
void options_forget_token(struct options *o);

/* Appends the settings as --check prints them, a line each; tokens are not shown. */
void options_describe(const struct options *o, struct buf *out);

#endif
