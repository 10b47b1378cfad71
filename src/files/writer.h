/*
 * The writer: puts a group of requests into the log files, each all or nothing, and each in the
 * files of the period in which it arrived.
 *
 * For one thread at a time, the one with the writer's role (commit.h).
 */
#ifndef PBU_WRITER_H
#define PBU_WRITER_H

#include "files/commit.h"
#include "files/logs.h"

#include <stddef.h>
#include <stdint.h>

/* Requests of a group at most. */
#define WRITER_GROUP_MAX 256

/*
 * Writes the group, n (at most WRITER_GROUP_MAX) requests, in their order within each file, and
 * syncs it with SYNC_ALWAYS. `now` is CLOCK_REALTIME in nanoseconds, taken after all of them
 * arrived. Sets every result.
 */
void writer_write(struct logs *l, struct commit_ticket *const requests[], size_t n, int64_t now);

#endif
