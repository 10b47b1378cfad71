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

/* What one that is behind waits for. */
enum viewer_waits {
	VIEWER_READY,
	VIEWER_SOCKET, /* until it takes more */
	VIEWER_ROUND,  /* it has caught up with the files: until these are looked at again */
	VIEWER_TICK,   /* until something that is missing, memory or a descriptor, may be there */
};

struct viewer {
	TAILQ_ENTRY(viewer) links;
	struct stream *stream;
	struct selection selection;

	bool over;	/* its peer has gone, or it is to be ended */
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

	bool dropping;	  /* behind or not: entries are counted and not sent */
	uint64_t dropped; /* and not told yet */
	int64_t searched; /* nanoseconds, in this round */
};

/* Bytes of an event's JSON which can be sent at once. */
#define VIEWER_EVENT_MAX (STREAM_STEP - 1024)

/* Begins the response at a cursor. NULL, and what was given stays the caller's: no memory. */
struct viewer *viewer_new(struct stream *stream, struct selection *s);
/* Ends the response: whole, if there is room to say so. The parcel was given back before. */
void viewer_free(struct viewer *v);

/* The response's head and where it begins. */
void viewer_begin(struct viewer *v, const struct cursor *at);

/* Whether there is room for so many bytes. */
bool viewer_has_room(struct viewer *v, size_t bytes);

/* An entry, which is followed by that place. False, and nothing was sent: there is no room. */
bool viewer_send(struct viewer *v, const struct buf *json, const struct cursor *after);

/* Goes on with the parcel, if there is one. True: there is nothing left of it, and it is to be
 * given back. */
bool viewer_send_parcel(struct viewer *v);

/* Says how many were dropped, if any. False: there is no room. */
bool viewer_tell_dropped(struct viewer *v, const struct cursor *at);

/* A comment, and where it is; if there is room. */
void viewer_comment(struct viewer *v, const struct cursor *at);

void viewer_flush(struct viewer *v);

#endif
