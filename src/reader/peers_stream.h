/*
 * What one peer answers, frame by frame (peer_frame.h), each checked before anybody sees it: that
 * it is of a kind and size that a reader sends, that it was asked for (level, time, how many), and
 * that its order can be that of files (peers_order.h). Where there is no deadline, it has to keep
 * pace, too (peers_pace.h).
 *
 * The tail is asked for by who follows (peers_asked): its frames come in any order, and those of
 * every kind come to the caller; it ends whenever the peer ends it.
 *
 * A download whose peer hangs up while it was made to wait, as both it and its nginx do after a
 * minute, is asked for again from where it stood.
 *
 * For one thread at a time, that of the group.
 */
#ifndef PBU_PEERS_STREAM_H
#define PBU_PEERS_STREAM_H

#include "reader/peer_frame.h"
#include "reader/peers_ask.h"

struct peers_stream;

/* Asks. NULL: memory ran out. */
struct peers_stream *peers_stream_new(
    struct peer_http_group *g, const struct peer *peer, const struct peers_asked *asked);
void peers_stream_free(struct peers_stream *s);

const struct peer *peers_stream_peer(const struct peers_stream *s);

/* Whether its answer has begun, and is one. */
bool peers_stream_is_there(const struct peers_stream *s);

/*
 * Whether it has not begun to answer, and is waited for no longer: the deadline has passed, or,
 * where it can be left out, a second, if it did not answer the last time either. It has failed
 * then, as by peers_stream_next().
 */
bool peers_stream_is_late(struct peers_stream *s, bool partial);

enum peers_step {
	PEERS_FRAME,  /* an entry, counts or a file is next */
	PEERS_MORE,   /* nothing whole has come: peer_http_wait() */
	PEERS_END,    /* there is no more; see peers_stream_end() */
	PEERS_FAILED, /* peers_stream_why() */
};

/* Lets the last frame go, which counts as given from then on, and looks for the next. */
enum peers_step peers_stream_next(struct peers_stream *s);

/* The frame, after PEERS_FRAME until the next step (whether there is one); and its payload, which
 * may move with every peer_http_wait(). */
bool peers_stream_holds(const struct peers_stream *s);
const struct peer_frame *peers_stream_frame(const struct peers_stream *s);
const char *peers_stream_payload(const struct peers_stream *s);

/* The last frame. */
const struct peer_frame *peers_stream_end(const struct peers_stream *s);

/* Why it failed, as peer_http_why(); and the status that it answered with, 0: none. */
const char *peers_stream_why(const struct peers_stream *s);
int peers_stream_status(const struct peers_stream *s);

/* Where it stands after what was given. False: it has not said where it begins. */
bool peers_stream_cursor(const struct peers_stream *s, struct cursor *cursor);

/* What the peer has looked through, as it said last. */
void peers_stream_progress(const struct peers_stream *s, uint64_t *scanned, uint64_t *of);

#endif
