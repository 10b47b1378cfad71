/*
 * All streams of the peers (tail_source.h), and which of them each viewer is sent. For the tail's
 * thread.
 */
#ifndef PBU_TAIL_SOURCES_H
#define PBU_TAIL_SOURCES_H

#include "reader/tail_source.h"
#include "reader/tail_viewer.h"

struct tail_sources {
	const struct peers *peers;
	struct peer_http_group *group;
	TAILQ_HEAD(source_list, tail_source) list;
	unsigned count;
	bool fresh; /* there is one that was not asked yet */
};

TAILQ_HEAD(viewer_list, viewer);

/* Why a peer is missing for whom there is no connection left: a part of a sentence about it. */
extern const char sources_words_full[];

/* False: no memory. */
bool sources_init(struct tail_sources *s, const struct peers *peers);
void sources_free(struct tail_sources *s);

/* Finds or makes one for each peer of which the viewer has none. */
void sources_join(struct tail_sources *s, struct viewer *v);

/* A viewer's part of a source's peer; whether the source is what it is sent. */
struct viewer_peer *sources_part(
    const struct tail_sources *s, const struct viewer *v, const struct tail_source *source);
bool sources_is_sent(
    const struct tail_sources *s, const struct viewer *v, const struct tail_source *source);

/* It has a place of its own with that peer from here on. */
void sources_detach(struct viewer_peer *part);

/* It is sent nothing more; those are ended which nobody is left for. */
void sources_leave(struct tail_sources *s, struct viewer *v);

/* Where another one of the same stands in the same place, all go on with that. */
void sources_unite(struct tail_sources *s, struct tail_source *source, struct viewer_list *viewers);

/* Ends one. */
void sources_remove(struct tail_sources *s, struct tail_source *source);

static inline bool
same_cursor(const struct cursor *a, const struct cursor *b)
{
	for (int level = 0; level < LEVEL_COUNT; level++) {
		if ((a->levels & LEVEL_BIT(level)) != 0 &&
		    !same_place(&a->at[level], &b->at[level]))
			return false;
	}
	return a->levels == b->levels;
}

#endif
