/*
 * What one peer writes, as its own live tail tells it (as=peer): asked for once for all viewers
 * that select the same and stand at the same place, and asked again, from where it stands, whenever
 * it has ended. For the tail's thread.
 */
#ifndef PBU_TAIL_SOURCE_H
#define PBU_TAIL_SOURCE_H

#include "reader/entry_json.h"
#include "reader/peers_stream.h"

#include <sys/queue.h>

struct tail_source {
	TAILQ_ENTRY(tail_source) links;
	const struct peer *peer;
	unsigned levels;
	char *q; /* NULL: everything */

	struct peers_stream *stream; /* NULL: it is asked again at `again`, CLOCK_MONOTONIC */
	int64_t again, pause;
	int64_t asked;	 /* when it was, likewise */
	bool ended_soon; /* after that, the last time */
	bool let_go;	 /* the frame that is held was taken */
	bool waited;	 /* for a viewer, since it was asked */
	bool answered;	 /* once, at least */
	bool known;	 /* where it stands: */
	struct cursor at;
	bool live;     /* there is nothing but what is new */
	bool missing;  /* nothing comes of it now: */
	char why[192]; /* part of a sentence about the peer */
	bool gone;     /* the file of `at` is: it can't go on */
	bool changed;  /* one of the last three, or `known`, has */
	unsigned followers;
};

enum tail_source_step {
	SOURCE_NOTHING, /* for now */
	SOURCE_ENTRY,
	SOURCE_DROPPED, /* so many entries (matched of the frame) were left out */
	SOURCE_MOVED,	/* it stands somewhere else now: tail_source_take() was done */
};

/* From a place on, or NULL: from now on. It is not asked yet. NULL: no memory. */
struct tail_source *tail_source_new(
    const struct peer *peer, unsigned levels, const char *q, const struct cursor *from);
void tail_source_free(struct tail_source *s);

bool tail_source_is_of(
    const struct tail_source *s, const struct peer *peer, unsigned levels, const char *q);

/* What is next: the same, until it is taken. */
enum tail_source_step tail_source_look(struct tail_source *s, struct peer_http_group *group);

/* The frame of SOURCE_ENTRY and SOURCE_DROPPED. */
const struct peer_frame *tail_source_frame(const struct tail_source *s);
/* The entry: good until the group waits again. */
struct entry_shown tail_source_entry(const struct tail_source *s);

/* It was dealt with, for all. */
void tail_source_take(struct tail_source *s);

#endif
