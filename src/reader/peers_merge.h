/*
 * The entries of several servers as one: this server's, by a merge of its levels, and its peers'.
 * Of those that are next, the one whose time is least (backward: greatest) comes first; of two of
 * the same time, forward that of the first server, and backward that of the last, in the order of
 * peers.h. So it is what one merge over all their levels would give.
 *
 * For one thread at a time, that of the group of the streams.
 */
#ifndef PBU_PEERS_MERGE_H
#define PBU_PEERS_MERGE_H

#include "reader/merge.h"
#include "reader/peers_stream.h"

struct peers_merge;

/* An entry; what it points to is good until the next step, or peer_http_wait(). */
struct peers_entry {
	size_t server; /* its place in the peers */
	struct walk_entry entry;
	bool is_own; /* else the fields that the server has sent are here */
	struct entry_fields fields;
};

/* NULL: memory ran out. `partial`: one that fails is left out. */
struct peers_merge *peers_merge_new(const struct peers *peers, bool forward, bool partial);
void peers_merge_free(struct peers_merge *m);

/* Adds what this server has; and a peer, by its place in the peers. Both are the merge's from here
 * on. */
void peers_merge_own(struct peers_merge *m, struct merge *own);
void peers_merge_add(struct peers_merge *m, size_t server, struct peers_stream *stream);

/* A peer is left out, and why. */
void peers_merge_miss(struct peers_merge *m, size_t server, const char *why);

/* Those that are late are (peers_stream_is_late()). */
void peers_merge_miss_late(struct peers_merge *m);

/* Entries are only counted: this server's are given at once, and those of peers not at all. */
void peers_merge_count(struct peers_merge *m);

/* Whether the answers of all peers have begun, or failed. */
bool peers_merge_is_there(struct peers_merge *m);

enum peers_merge_result {
	PEERS_MERGE_ENTRY,
	PEERS_MERGE_MORE,  /* this server has more to look through: peer_http_wait() for a moment */
	PEERS_MERGE_WAITS, /* only peers are waited for */
	PEERS_MERGE_END,
	PEERS_MERGE_DEADLINE, /* a peer's answer ended there */
	PEERS_MERGE_FAILED,   /* this server's, by errno */
	PEERS_MERGE_MISSING,  /* a peer's, and it was not to be left out: peers_merge_missing() */
};

enum peers_merge_result peers_merge_next(struct peers_merge *m, struct peers_entry *entry);

/* Why a server is missing; NULL: it is not. */
const char *peers_merge_missing(const struct peers_merge *m, size_t server);
/* The status that one answered with; 0: none. */
int peers_merge_status(const struct peers_merge *m, size_t server);

/* Appends where it stands after the entry that was given last: a cursor of several servers, or
 * nothing, where none of them has a place. */
void peers_merge_cursor(const struct peers_merge *m, struct buf *out);

void peers_merge_progress(const struct peers_merge *m, uint64_t *scanned, uint64_t *of);
/* As walk_given_up(), and entries that were counted, of all servers, once all have ended. */
uint64_t peers_merge_given_up(const struct peers_merge *m);
uint64_t peers_merge_counted(const struct peers_merge *m);

#endif
