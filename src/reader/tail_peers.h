/*
 * The peers in the live tail: what each of them writes is taken once for all viewers who select the
 * same (tail_source.h), and goes to each as it comes. One who resumes, or whose socket takes no
 * more, has a place of its own, and is given the rest by a source of its own, until that stands
 * where the others' does. Viewers are told who is missing, now and whenever that changes:
 *
 *     event: missing
 *     data: {"missing": [{"server": "log2.example", "why": "cannot be reached: ..."}]}
 *
 * For the tail's thread.
 */
#ifndef PBU_TAIL_PEERS_H
#define PBU_TAIL_PEERS_H

#include "reader/tail_feed.h"
#include "reader/tail_sources.h"

struct tail_peers;

/* NULL: no memory. */
struct tail_peers *tail_peers_new(const struct peers *peers);
void tail_peers_free(struct tail_peers *p);

/* With which the tail's thread waits. */
struct peer_http_group *tail_peers_group(struct tail_peers *p);

/* A new viewer follows the peers, too, from these places on (NULL: from now on). Its response
 * begins later: with VIEWER_BEGIN it waits until each of them has said where it stands, or is
 * missing. False: no memory. */
bool tail_peers_admit(struct feed *f, struct viewer *v, const struct cursor_servers *from);

/* It is over. */
void tail_peers_leave(struct feed *f, struct viewer *v);

/* Passes on what has come, and asks for more. True: there is more to do now. */
bool tail_peers_go_on(struct feed *f);

#endif
