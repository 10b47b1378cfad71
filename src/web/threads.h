/*
 * The threads that accept connections, receive requests, and answer them by the app.
 *
 * Every connection waits in one epoll set; a thread takes one with something to read, receives what
 * has come, and has the app begin a request that is whole. So no thread is held by an idle
 * connection, by one whose peer has stopped within a request (see connections.h), or by one whose
 * job is submitted: the thread that gets it back finished answers it.
 */
#ifndef PBU_THREADS_H
#define PBU_THREADS_H

#include "web/app.h"
#include "web/listener.h"

struct threads;

/*
 * Starts `count` threads. Listener and app must outlive them. All signals should be blocked by the
 * caller. NULL on error, with the reason in words in error (size bytes).
 */
struct threads *threads_start(
    struct listener *l, unsigned count, const struct app *app, char *error, size_t size);

/* Housekeeping, twice a second: takes up accepting again where descriptors had run out, and gives
 * up requests that are not whole in time. Never waits. */
void threads_tick(struct threads *ts);

/* Stops accepting, lets every request that was begun be answered, closes all connections, frees;
 * streams go on (app.h). */
void threads_stop(struct threads *ts);

#endif
