/*
 * What was written gets to the disk: with SYNC_ALWAYS before a group is answered, with
 * SYNC_EVERYSEC from the main thread and without holding up the writer. The names of files that
 * were created or renamed count as well: they are synced with the folder.
 */
#ifndef PBU_SYNC_H
#define PBU_SYNC_H

#include "files/logs.h"

#include <stdbool.h>

/* Descriptors of the files to sync, or -1; the last is the folder's. */
struct sync_set {
	int fd[LEVEL_COUNT + 1];
};

/* The bit of the folder, in what sync_set_run() returns. */
#define SYNC_FOLDER_BIT (1U << LEVEL_COUNT)

/* Syncs one file, when it is dirty. On failure it is closed, not trusted. */
void sync_file(struct logs *l, struct logfile *f);

/* Syncs the names in the folder, when they are dirty. */
void sync_names(struct logs *l);

/* For SYNC_ALWAYS: all that is dirty. False when any of it failed since logs_take_time(). */
bool sync_group(struct logs *l);

/* Duplicates the descriptors of what is dirty, which does not count as dirty any more. */
void sync_set_take(struct sync_set *set, struct logs *l);

/* Syncs and closes the duplicates, without the writer's role. Returns the LEVEL_BIT of each that
 * failed, and SYNC_FOLDER_BIT. */
unsigned sync_set_run(struct sync_set *set, struct logs *l);

/* With the role again: what failed is opened again, or counts as dirty again. */
void sync_set_failed(struct logs *l, unsigned failed);

#endif
