/*
 * One who follows: what it selects, how far it is, and how it is sent what there is. It is never
 * waited for: what it has no room for, it is not sent. For the tail's thread.
 */
#ifndef PBU_TAIL_VIEWER_H
#define PBU_TAIL_VIEWER_H

#include "reader/cursor.h"
#include "reader/merge.h"
#include "reader/selection.h"
#include "reader/tail_render.h"
#include "web/stream.h"

#include <sys/queue.h>

struct tail_source;

/* What one that is behind waits for. */
enum viewer_waits {
	VIEWER_READY,
	VIEWER_BEGIN,  /* its response has not begun: it is not known yet where it does */
	VIEWER_SOCKET, /* until it takes more */
	VIEWER_ROUND,  /* it has caught up with the files: until these are looked at again */
	VIEWER_TICK,   /* until something that is missing, memory or a descriptor, may be there */
};

/* Where it stands with a peer. */
struct viewer_peer {
	struct tail_source *source; /* whose entries it is sent, and which says where that is */
	bool refused;		    /* there was none to be had */
	bool known;		    /* without a source: it goes on at a place */
	struct cursor at;
};

struct viewer {
	TAILQ_ENTRY(viewer) links;
	struct stream *stream;
	struct selection selection;
	struct tail_form form;

	bool over;	/* its peer has gone, or it is to be ended */
	bool deaf;	/* what can be read from its socket is no end */
	bool unflushed; /* something was written and not flushed */
	size_t room;	/* bytes that can be written without asking */
	int64_t stuck;	/* since when there has been no room, by CLOCK_MONOTONIC; 0: there was */
	int64_t spoken; /* when it was last sent a comment */

	bool behind;	     /* else it is sent what is new */
	struct cursor at;    /* behind: where it goes on */
	struct merge *merge; /* behind, from there; NULL: not opened */
	enum viewer_waits waits;
	int64_t credit; /* bytes: what had been written when it fell behind, and what it has passed
			   since */
	struct parcel *parcel; /* behind: what is sent before it goes on, or NULL */
	size_t sent;	       /* bytes of that */
	struct buf line;       /* of a frame, before its payload */

	bool dropping;	  /* behind or not: entries are counted and not sent */
	uint64_t dropped; /* and not told yet */
	int64_t searched; /* nanoseconds, in this round */

	/* tail_peers.h; NULL, and nothing of it: it is sent this server's own only. */
	const struct peers *peers;
	struct viewer_peer *peer; /* for each of these; its own is not used */
	bool wants_room;	  /* a peer's entry waits for it */
	bool anew;		  /* others may be missing now than it was told last */
	struct buf missing;	  /* which that was */
};

/* Bytes of an event beside the JSON: the names of its fields, a cursor, a number. */
#define VIEWER_FRAME 512

/* Begins the response at a cursor. NULL, and what was given stays the caller's: no memory. */
struct viewer *viewer_new(struct stream *stream, struct selection *s);
/* Ends the response: whole, if there is room to say so. The parcel was given back before. */
void viewer_free(struct viewer *v);

/* The response's head and where it begins; header: one more of the head, a whole line, or NULL. */
void viewer_begin(struct viewer *v, const struct cursor *at, const char *header);

/* Whether there is room for so many bytes. */
bool viewer_has_room(struct viewer *v, size_t bytes);

/* Bytes of an entry which can be sent at once. */
size_t viewer_event_max(const struct viewer *v);

/* Makes the line of the frame that is sent next. */
void viewer_frame(
    struct viewer *v, struct tail_render *r, struct tail_entry *e, const struct cursor *after);

/* An entry, which is followed by that place. False, and nothing was
 * sent: there is no room. */
bool viewer_send(struct viewer *v, const struct buf *body, const struct cursor *after);

/* Goes on with the parcel, if there is one. True: there is nothing left of it, and it is to be
 * given back. */
bool viewer_send_parcel(struct viewer *v);

/* Says how many were dropped, if any. False: there is no room. */
bool viewer_tell_dropped(struct viewer *v, const struct cursor *at);

/* An event of this kind, of a whole line. False: there is no room. */
bool viewer_tell(
    struct viewer *v, const char *event, const struct buf *data, const struct cursor *at);

/* A comment, and where it is; if there is room. */
void viewer_comment(struct viewer *v, const struct cursor *at);

void viewer_flush(struct viewer *v);

#endif
