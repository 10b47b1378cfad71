/*
 * Viewers that are behind: since they resume, their socket takes no more, or their expression takes
 * long. Each reads the files by itself, in turns, until it is where the follower is. For the tail's
 * thread.
 */
#ifndef PBU_TAIL_BEHIND_H
#define PBU_TAIL_BEHIND_H

#include "reader/tail_feed.h"

/* A place with all of these levels: what it does not have begins where the follower stands. */
struct cursor behind_complete(const struct feed *f, const struct cursor *at, unsigned levels);

/* It goes on from there by itself. merge: already opened, or NULL. */
void behind_fall(struct feed *f, struct viewer *v, const struct cursor *at, struct merge *merge);

/* Goes on with all that can, for a few milliseconds. True: there is more to do now. */
bool behind_go_on(struct feed *f);

/* A few times a second: whether it is too slow. */
void behind_tick(struct feed *f, struct viewer *v);

#endif
