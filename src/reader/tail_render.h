/*
 * Entries as JSON, each once for all viewers of a time zone; and parcels: those which do not go out
 * at once, and are shared by all who are being sent them. For the tail's thread.
 */
#ifndef PBU_TAIL_RENDER_H
#define PBU_TAIL_RENDER_H

#include "reader/entry_json.h"
#include "reader/walk.h"

#include <sys/queue.h>

/* Time zones in which an entry is kept while it goes round. */
#define RENDER_ZONES 4

struct rendering {
	uint64_t entry; /* by its number */
	char zone[CIVIL_NAME_SIZE];
	struct buf json;
};

struct parcel {
	LIST_ENTRY(parcel) links;
	unsigned refs;
	enum level level;
	struct place at;
	char zone[CIVIL_NAME_SIZE];
	struct buf json;
};

struct tail_render {
	struct entry_json json;
	uint64_t entry; /* the number of the one that goes round */
	struct rendering renderings[RENDER_ZONES];
	LIST_HEAD(parcel_list, parcel) parcels;
	size_t held, held_max; /* bytes of these */
};

/* held_max: bytes that parcels may have together; one there may always be. */
void tail_render_init(struct tail_render *r, const struct entry_parser *parser, size_t held_max);
void tail_render_free(struct tail_render *r);

/* The next entry goes round. */
void tail_render_next(struct tail_render *r);

/* It as JSON, good until another one does; `failed`: no memory. */
const struct buf *tail_render(
    struct tail_render *r, struct civil_zone *zone, const struct walk_entry *e);

/* The same as a parcel; NULL: there is no room for it now. */
struct parcel *tail_render_take(
    struct tail_render *r, struct civil_zone *zone, const struct walk_entry *e);
/* NULL: nothing is done. */
void tail_render_give_back(struct tail_render *r, struct parcel *p);

static inline bool
same_place(const struct place *a, const struct place *b)
{
	return a->inode == b->inode && a->born == b->born && a->offset == b->offset;
}

#endif
