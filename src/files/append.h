/*
 * The writer: puts the entries of a group of tickets into the log files, those of each ticket all
 * or nothing, in the files of the period in which it arrived.
 *
 * For one thread at a time, the one with the writer's role (commit.h).
 */
#ifndef PBU_APPEND_H
#define PBU_APPEND_H

#include "base/ticket.h"
#include "files/logs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tickets of a group at most. */
#define APPEND_GROUP_MAX 256

/*
 * Writes the group, n (at most APPEND_GROUP_MAX) tickets, in their order within each file, and
 * syncs it with SYNC_ALWAYS. `now` is CLOCK_REALTIME in nanoseconds, taken after all of them
 * arrived. Sets every result.
 */
void append_group(struct logs *l, struct ticket *const tickets[], size_t n, int64_t now);

/*
 * Writes the entries, all or nothing, without a look at the clock and without a sync: for who
 * begins and ends groups (logs_take_time(), logs_end_group()) that are larger than one append.
 * False, and reported, when they can't be written.
 */
bool append_entries(struct logs *l, const struct entries *entries);

#endif
