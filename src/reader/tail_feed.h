/*
 * What viewers are fed: a merge over all levels, from the end of the files on, whose entries go to
 * all who follow. Those who are behind are tail_behind.h's. For the tail's thread.
 */
#ifndef PBU_TAIL_FEED_H
#define PBU_TAIL_FEED_H

#include "base/diag.h"
#include "reader/tail.h"
#include "reader/tail_newcomer.h"
#include "reader/tail_sources.h"

struct tail_peers;

struct feed {
	const struct reading *reading;
	const struct tail_limits *limits;
	struct viewer_list viewers;
	unsigned count;

	struct walk_options options; /* of all merges: everything, forward */
	struct merge *follower;	     /* NULL: nobody is here, or it could not be opened */
	bool begun;		     /* `at` is a place, and must not be lost */
	struct cursor at;	     /* where the follower stands, in all levels */
	int64_t passed[LEVEL_COUNT]; /* bytes of entries */
	uint64_t scanned;	     /* bytes, of this follower, that were counted */

	struct tail_render render;
	struct search_scratch *scratch;
	bool wanting; /* somebody waits for room for a parcel */
	bool again;   /* a parcel has gone out, for which something of a peer's may have waited */
	struct tail_peers *peers; /* NULL: there are none */
	struct diag_limit limit;
};

/* False: no memory. Either way feed_free() is due, which ends all viewers. Peers are followed if
 * the reading has some. */
bool feed_init(struct feed *f, const struct reading *r, const struct tail_limits *limits);
void feed_free(struct feed *f);

/* Lets a viewer in, or answers why not. It is taken over. */
void feed_admit(struct feed *f, struct newcomer *n);

/* Sends what is new. True: there is more, and others are to be seen to first. */
bool feed_round(struct feed *f);

/* A few times a second: opens what could not be opened, says that it is still here. */
void feed_tick(struct feed *f);

/* Ends those that are over. */
void feed_reap(struct feed *f);

/* For tail_behind.c and tail_peers.c. Whether a viewer wants an entry; nanoseconds that this may
 * take. */
enum search_result feed_search(struct feed *f, struct viewer *v, struct tail_entry *e, int64_t max);
/* It, if it is not too large to be sent at once. False: there is no room for it. */
bool feed_send(struct feed *f, struct viewer *v, struct tail_entry *e, const struct cursor *after);
/* Bytes that have been passed in these levels. */
int64_t feed_passed(const struct feed *f, unsigned levels);
/* Says how many were dropped, if any, and counts them. False: there is no room. */
bool feed_tell_dropped(struct feed *f, struct viewer *v, const struct cursor *at);

#endif
