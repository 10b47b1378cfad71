/*
 * The threads that serve requests.
 *
 * Every connection waits in one epoll set; a thread takes one with something to read, receives what
 * has come, and serves a request that is whole. So neither an idle connection holds a thread, nor
 * one whose peer has stopped within a request (it is given up after ten seconds), nor one whose
 * record is being written: whichever thread is free answers it afterwards.
 */
#ifndef PBU_WORKERS_H
#define PBU_WORKERS_H

#include "metrics.h"
#include "web/handler.h"

struct workers;

/*
 * Starts `threads` threads that accept from listen_fd (made non-blocking) and serve by the
 * handler, which must outlive them, and take on what its commit delivers. All signals should be
 * blocked by the caller. NULL on error, with the reason in words in error (size bytes).
 */
struct workers *workers_start(
    int listen_fd, unsigned threads, const struct handler *h, char *error, size_t size);

/* Housekeeping: takes up accepting again where descriptors had run out. Twice a second. */
void workers_tick(struct workers *ws);

/* Stops accepting, lets every request under way be answered, closes all connections, frees. */
void workers_stop(struct workers *ws);

#endif
