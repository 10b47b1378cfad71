/*
 * Which entries a request is about, from the query part of its address; the same for every request:
 *
 *     start, end   from start, before end: ISO 8601, seconds since the epoch, or relative (-15m,
 * -7d) level        DEBUG, INFO, WARNING, ERROR: several by commas, or the parameter several times
 *     q            search.h
 *     limit        entries at most; 0: they are only counted
 *     direction    backward (the default: newest first) or forward
 *     cursor       where to go on, or which entry
 *     timezone     of times without one, in and out; without it the server's, TZ
 *     before, after, buckets, date    of single requests
 *     partial      1: servers that do not answer are left out, and named, where several are read
 *     peers        0: this server's own entries only
 *
 * and, as readers ask each other (peers_ask.h):
 *
 *     as           peer: this server's own, in frames (peer_frame.h)
 *     timeout      milliseconds that the answer may take, up to QUERY_TIMEOUT
 *     start, end   also @ and milliseconds since the epoch
 */
#ifndef PBU_SELECTION_H
#define PBU_SELECTION_H

#include "base/buf.h"
#include "base/civil.h"
#include "reader/cursor_servers.h"
#include "reader/search.h"

#include <stdbool.h>
#include <stdint.h>

struct selection {
	int64_t start, end;    /* milliseconds since the epoch; INT64_MIN, INT64_MAX: not given */
	unsigned levels;       /* a LEVEL_BIT each */
	struct search *search; /* owned */
	uint64_t limit;
	bool limited;		/* a limit was given */
	bool forward, directed; /* directed: a direction was given */
	bool has_cursor;
	struct cursor cursor;		/* of this server; empty where the next is set */
	struct cursor_servers *cursors; /* of several; owned; NULL: it was none of such */
	char *q;			/* what `search` was made of; owned; NULL: nothing */
	bool partial, only_own, framed;
	uint64_t timeout; /* milliseconds; 0: not given */
	struct civil_zone zone;
	unsigned before, after; /* neighbours */
	unsigned buckets;
	char date[16];	  /* of messages: 2026-11-24; "": not given */
	bool no_memory;	  /* it is refused for that, and not for what it says */
	int64_t wrong_at; /* the byte of q that a refused selection is refused for; -1: none */
};

/*
 * Takes the query part of an address apart (without the question mark; NULL: there is none).
 * `levels` are those of a selection that names none, `now` is milliseconds since the epoch. False:
 * a sentence for the client is appended to `why`. Either way selection_free() is due.
 */
bool selection_parse(
    struct selection *s, const char *query, unsigned levels, int64_t now, struct buf *why);
void selection_free(struct selection *s);

#endif
