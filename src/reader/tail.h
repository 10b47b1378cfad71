/*
 * The live tail: entries as they are written, as Server-Sent Events (the HTML standard, 9.2), to
 * many viewers by one thread.
 *
 *     data: {"ts": …}       an entry, as query has it
 *     id: <cursor>          where to resume; also alone, when nothing came for a while
 *
 *     event: dropped        so many entries were left out: the viewer was too slow for too long
 *     data: {"dropped": 12}
 *     id: <cursor>
 *
 * Where several servers are read as one (tail_peers.h), the cursor is of all of them, and who is
 * missing is told at the beginning and whenever that changes. A peer that asks (as=peer) is sent
 * frames instead (peer_frame.h).
 *
 * What is new is read once, and goes to all who follow. A viewer that resumes, or whose socket
 * takes no more, has a place of its own and is given the rest from the files, until it has caught
 * up: nothing is held in memory for it, but the one entry that is half sent.
 */
#ifndef PBU_TAIL_H
#define PBU_TAIL_H

#include "reader/answers.h"

struct tail;

/* For tests; else tail_usual_limits. */
struct tail_limits {
	unsigned viewers;     /* at most; others are answered 503, which says so */
	unsigned servers;     /* other servers' tails, beside those, likewise */
	int64_t behind_bytes; /* so much is written meanwhile, ... */
	int64_t behind_ms;    /* or so long nothing can be sent: entries are dropped */
	int64_t silence_ms;   /* a comment is sent so often */
	size_t held_bytes;    /* of entries that are half sent, all together; one is always held */
};

extern const struct tail_limits tail_usual_limits;

/* Follows the folder (LOG_FOLDER) that r->library is of; all must outlive it. Without viewers it
 * does nothing. NULL, with the reason in words in error (size bytes). */
struct tail *tail_start(const struct reading *r, const char *folder,
    const struct tail_limits *limits, char *error, size_t size);

/*
 * A viewer: levels, q, zone and cursor of a selection, which is taken over as the stream is: it is
 * answered, and ended, whatever happens (400, 410 and 503 before anything else). last_event_id
 * (NULL or "": none) goes before the selection's cursor; without both it begins now. A level that
 * the cursor does not have begins now, too. Returns at once. Any thread.
 */
void tail_add(
    struct tail *t, struct selection *s, const char *last_event_id, struct stream *stream);

/* Ends those who follow now: they come again, and are asked once more whether they may. Any thread.
 */
void tail_dismiss(struct tail *t);

/* Ends all and frees; viewers come again and resume. Nobody may add any more. */
void tail_stop(struct tail *t);

#endif
