/* What answers over several servers have in common (peers_merge.h), on top of answering.h. */
#ifndef PBU_ANSWERING_PEERS_H
#define PBU_ANSWERING_PEERS_H

#include "reader/answering.h"
#include "reader/peers_merge.h"

struct answering_peers {
	struct answering a; /* the selection, the buffer, and how it ends */
	const struct peers *peers;
	struct peer_http_group *group;
	struct peers_merge *merge; /* whose missing servers the last line names; may be NULL */
};

/* Begins one; false: it was refused. Either way answering_peers_end() is due. */
bool answering_peers_init(
    struct answering_peers *p, const struct reading *r, struct selection *s, struct stream *out);
void answering_peers_end(struct answering_peers *p);

/* The place of the selection's cursor in a server's log; NULL: it has none. */
const struct cursor *answering_peers_from(const struct answering_peers *p, size_t server);

/* Makes the merge, of nothing yet; false: it was refused. */
bool answering_peers_merge(struct answering_peers *p, bool forward);

/* Asks a peer, for the merge; one that can't even be asked is missing. */
void answering_peers_add(struct answering_peers *p, size_t server, const struct peers_asked *asked);

/* Opens a merge of the selection over all servers; false: it was refused. */
bool answering_peers_open(struct answering_peers *p, bool forward, uint64_t limit);

/* Waits until all that were asked answer, so that nothing is sent before. False: it was refused, as
 * one of them does not, or the client has gone. */
bool answering_peers_await(struct answering_peers *p);

/* Refuses with 502, or 410 as the peer has that was asked with a cursor: this one is missing. */
void answering_peers_refuse(struct answering_peers *p, size_t server, const char *why, int status);

/* Whether to go on after a step that gave no entry: waits for peers, if it has to. */
bool answering_peers_goes_on(struct answering_peers *p, enum peers_merge_result result);

/* Waits for the group, for a moment, without a turn. False: the client has gone. */
bool answering_peers_wait_for(struct answering_peers *p);

/* An entry, to be shown with its server. */
struct entry_shown answering_peers_entry(struct answering_peers *p, const struct peers_entry *e);

/* Appends `, "missing": [...]` where somebody is. */
void answering_peers_append_missing(struct answering_peers *p);

/* What the last line says, with those who are missing. */
void answering_peers_append_worth(struct answering_peers *p);

/* As answering_whole(), over all servers. */
void answering_peers_whole(const struct reading *r, struct selection *s, struct stream *out,
    const struct answering_whole *w);

#endif
