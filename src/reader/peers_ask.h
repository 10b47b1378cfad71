/* What a peer is asked: an address of the query API (selection.h), as=peer. */
#ifndef PBU_PEERS_ASK_H
#define PBU_PEERS_ASK_H

#include "reader/peer_frame.h"
#include "reader/peers.h"

struct peers_asked {
	const char *path;	    /* "/api/log/query" */
	enum peer_frame_kind wants; /* ENTRY, COUNTS or FILE: no other of these may come */
	int64_t start, end;	    /* as in a selection */
	unsigned levels;	    /* a LEVEL_BIT each */
	const char *q;		    /* NULL: everything */
	uint64_t limit;		    /* of entries; UINT64_MAX: none */
	bool forward;
	bool follows; /* the tail: what is new, too, and it has no order that can be told */
	bool has_cursor;
	struct cursor cursor;
	unsigned buckets; /* 0: not given */
	int64_t deadline; /* nanoseconds of CLOCK_MONOTONIC; INT64_MAX: none. The peer is told so
			     that its answer comes before it. */
};

/* Appends the address, and a NUL. */
void peers_ask(struct buf *out, const struct peer *peer, const struct peers_asked *asked);

#endif
