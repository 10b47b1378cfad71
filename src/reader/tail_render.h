/*
 * Entries as viewers are sent them, each once for all viewers of a form; and parcels: those which
 * do not go out at once, and are shared by all who are being sent them. For the tail's thread.
 */
#ifndef PBU_TAIL_RENDER_H
#define PBU_TAIL_RENDER_H

#include "reader/entry_json.h"
#include "reader/peers.h"
#include "reader/walk.h"

#include <sys/queue.h>

/* Forms in which an entry is kept while it goes round. */
#define RENDER_FORMS 4

/* What a viewer is sent an entry as: JSON in a time zone, or its bytes (peer_frame.h). */
struct tail_form {
	struct civil_zone *zone;
	const struct peer *own; /* how this server's own are called; NULL: not at all */
	bool framed;
};

/* An entry of this server or of another one. */
struct tail_entry {
	struct entry_shown
	    shown;   /* without a server: this one's; its fields may not be known yet */
	bool parsed; /* they are */
};

/* What tells renderings of an entry apart. */
struct rendering_key {
	char zone[CIVIL_NAME_SIZE];
	bool framed, named;
};

struct rendering {
	uint64_t entry; /* by its number */
	struct rendering_key key;
	struct buf body;
};

struct parcel {
	LIST_ENTRY(parcel) links;
	unsigned refs;
	enum level level;
	struct place at;
	uint32_t server;
	struct rendering_key key;
	struct buf body;
};

struct tail_render {
	struct entry_json json;
	struct buf extra; /* what of a frame's payload is not in the text */
	uint64_t entry;	  /* the number of the one that goes round */
	struct rendering renderings[RENDER_FORMS];
	LIST_HEAD(parcel_list, parcel) parcels;
	size_t held, held_max; /* bytes of these */
};

/* held_max: bytes that parcels may have together; one there may always be. */
void tail_render_init(struct tail_render *r, const struct entry_parser *parser, size_t held_max);
void tail_render_free(struct tail_render *r);

/* The next entry goes round: one of this server's own. */
struct tail_entry tail_render_next(struct tail_render *r, const struct walk_entry *e);
/* The same of another server's, with its fields. */
struct tail_entry tail_render_next_shown(struct tail_render *r, const struct entry_shown *shown);

/* Its fields are known after that. */
void tail_render_parse(struct tail_render *r, struct tail_entry *e);

/* What it is made of in that form, in bytes: more than that is to be sent. */
size_t tail_render_size(const struct tail_form *form, const struct tail_entry *e);

/* It as JSON, or as a frame's payload, good until another one does; `failed`: no memory. */
const struct buf *tail_render(
    struct tail_render *r, const struct tail_form *form, struct tail_entry *e);

/* The line of a frame whose payload that is. */
void tail_render_line(
    struct tail_render *r, struct tail_entry *e, const struct cursor *after, struct buf *line);

/* The same as tail_render() as a parcel; NULL: there is no room for it now. */
struct parcel *tail_render_take(
    struct tail_render *r, const struct tail_form *form, struct tail_entry *e);
/* NULL: nothing is done. */
void tail_render_give_back(struct tail_render *r, struct parcel *p);

static inline bool
same_place(const struct place *a, const struct place *b)
{
	return a->inode == b->inode && a->born == b->born && a->offset == b->offset;
}

#endif
