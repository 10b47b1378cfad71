/* Which files of the folder are a level's, and the order in which they were written. Any thread. */
#ifndef PBU_LIBRARY_NAMES_H
#define PBU_LIBRARY_NAMES_H

#include "files/rollover.h"
#include "reader/library_listing.h"

/* How a file is named, and what orders those that are named so. */
enum library_kind {
	LIBRARY_ROLLED,	  /* as the server names it: its period, and number */
	LIBRARY_DATED,	  /* info.log-20191224, of logrotate's dateext: its text */
	LIBRARY_NUMBERED, /* info.log.1: the greater, the older */
	LIBRARY_OTHER,	  /* info.log.old: by when it was written last */
	LIBRARY_KINDS,
	LIBRARY_CURRENT = LIBRARY_KINDS,
};

struct library_name {
	enum library_kind kind;
	struct rollover_name rolled;
	uint64_t number;
};

/* Takes a name apart that may be of a log file of `file` ("info.log"). False: it is none, or one
 * that can't be read as text (info.log.1.gz), or that is being made (info.log.1.tmp). */
bool library_name_parse(const char *file, const char *name, struct library_name *parsed);

struct library_found {
	struct listed_file file;
	struct library_name name;
};

/*
 * Brings them into the order in which they were written, the current one last. Each kind has its
 * own order; of the files that are next in each kind, the one that was written last longest ago
 * (its modification time) goes first. False: no memory.
 */
bool library_order(struct library_found *found, size_t count);

#endif
