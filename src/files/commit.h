/*
 * Group commit: the one door to the log files. It is a queue of tickets and a role, the writer's:
 * only the thread that has the role touches a log file.
 *
 * Any number of threads submit tickets. One that finds the role free takes it and writes;
 * what comes meanwhile queues up, and is the next group: one append per file, and with SYNC_ALWAYS
 * one fdatasync per file, serve it whole. No thread waits for a group of another's: a ticket that
 * is finished comes back to the thread that wrote its group, mostly another than the one that
 * submitted it. (A submitter does wait while the queue holds too much memory.) Housekeeping, in a
 * thread of its own, takes the role for what it does to the files, after the group that is being
 * written.
 */
#ifndef PBU_COMMIT_H
#define PBU_COMMIT_H

#include "base/metrics.h"
#include "base/sink.h"
#include "files/logs_settings.h"

#include <stdbool.h>
#include <stddef.h>

struct commit; /* the queue, the role, and the log folder */

/*
 * Opens the folder (creating it with its parents), takes its lock, and prepares the files:
 * yesterday's are rolled over. What the settings point to, and the metrics, must outlive it.
 * Unfinished tickets may hold bytes_max bytes. NULL on error, with the reason in words in error
 * (size bytes).
 */
struct commit *commit_open(const struct logs_settings *settings, size_t bytes_max,
    struct metrics *m, char *error, size_t size);

/* It as a sink, which commit_close() ends. */
struct sink commit_sink(struct commit *c);

/* How a thread is called when there is a queue and the role is free; to be set before the first
 * submission. NULL, once all threads have ended: nobody is called any more. */
void commit_wake_by(struct commit *c, sink_wake *wake, void *context);

/* Starts housekeeping (housekeeping.h), with all signals blocked. Once, before the first
 * submission. False, with the reason in words. */
bool commit_start(struct commit *c, char *error, size_t size);

/*
 * Submits a ticket, its entries set. Returns a list of finished tickets, which the caller has to
 * take on: this one, others, or none. A ticket with nothing in it is finished at once, and so is
 * one of which a buffer failed: TICKET_FAILED. While unfinished tickets hold more than bytes_max,
 * it waits. Any thread.
 */
struct ticket *commit_submit(struct commit *c, struct ticket *ticket);

/* Writes the next group of the queue, unless another thread writes. Returns what commit_submit()
 * does; a thread that was called has to call it. `last`: the calling thread ends; it waits until
 * there is no queue or it has a group, and calls again until it gets none. */
struct ticket *commit_resume(struct commit *c, bool last);

/* Asks for every file to be opened again (SIGHUP), and returns at once. After commit_start(). Any
 * thread. */
void commit_reopen(struct commit *c);

/* Whether all that was asked of commit_reopen() is done. */
bool commit_reopened(struct commit *c);

/* Whether records can be written, as far as it is known: it tries nothing and waits for nothing
 * (health.h). False: why, in words. Any thread. */
bool commit_writable(struct commit *c, char *why, size_t size);

/* Syncs (unless SYNC_NO), closes and frees. No ticket may be under way. It waits for a disk 2 s at
 * most: then it logs that, leaves the rest to the kernel, and the process should end. */
void commit_close(struct commit *c);

#endif
