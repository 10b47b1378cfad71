/*
 * How long a peer may keep waiting who asks it for what has no deadline (a download, the tail):
 * silence has an end of its own (peer_http.h), but a byte now and then is none. It has an allowance
 * of time, which waiting takes from, and what comes adds to, as much as an honest peer needs for it
 * at the very least. What only says that the peer is at work comes while it is waited for.
 */
#ifndef PBU_PEERS_PACE_H
#define PBU_PEERS_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peers_pace {
	int64_t allowed; /* nanoseconds of waiting */
	int64_t waited;
	int64_t last;	  /* when it was waited for, CLOCK_MONOTONIC; 0: it is not */
	uint64_t scanned; /* bytes that were added for being looked through */
};

/* Begins with so many nanoseconds. */
void peers_pace_init(struct peers_pace *p, int64_t allowed);

/* It is not waited for until the next peers_pace_wait(): there is something of use. */
void peers_pace_rest(struct peers_pace *p);

/* What came: so many bytes of frames (not of those that tell of progress alone); an entry; so many
 * bytes that it looked through. */
void peers_pace_bytes(struct peers_pace *p, size_t bytes);
void peers_pace_entry(struct peers_pace *p);
void peers_pace_scanned(struct peers_pace *p, uint64_t bytes);

/* It is waited for, now (CLOCK_MONOTONIC), with so many bytes of a frame that is not whole. False:
 * for too long. */
bool peers_pace_wait(struct peers_pace *p, int64_t now, size_t bytes);

#endif
