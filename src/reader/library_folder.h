/* The library's own inside, for its parts. */
#ifndef PBU_LIBRARY_FOLDER_H
#define PBU_LIBRARY_FOLDER_H

#include "reader/blocks.h"
#include "reader/library.h"
#include "reader/library_listing.h"

#include <pthread.h>

struct library {
	char *path;
	const struct entry_parser *parser;
	struct blocks *blocks;
	pthread_mutex_t lock;
	struct listing *listings[LEVEL_COUNT]; /* the last of each, if it was whole */
};

/* What a name in the folder is; the file's `name` and `current` stay. False, with errno; ENOENT: no
 * regular file. */
bool library_look(int folder, const char *name, struct listed_file *file);

#endif
