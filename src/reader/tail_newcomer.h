/* One who has come to follow and is not let in yet; and what is answered to who is not. Any thread.
 */
#ifndef PBU_TAIL_NEWCOMER_H
#define PBU_TAIL_NEWCOMER_H

#include "reader/peers.h"
#include "reader/selection.h"
#include "web/stream.h"

#include <sys/queue.h>

struct newcomer {
	STAILQ_ENTRY(newcomer) links;
	struct selection selection;
	struct stream *stream;
	bool along;   /* it follows the peers, too */
	bool resumes; /* from: */
	struct cursor from;
	struct cursor_servers *servers; /* or these; NULL: it is no place in several servers */
};

/* Takes over the selection and the stream, whatever happens. peers: that are read along; NULL:
 * none. NULL: it was refused. */
struct newcomer *newcomer_new(struct selection *s, const char *last_event_id, struct stream *stream,
    const struct peers *peers);

/* Where it goes on in this server's own files; NULL: from now on. */
const struct cursor *newcomer_own(const struct newcomer *n, const struct peers *peers);

/* Ends it; why: a sentence without quotes. */
void newcomer_refuse(struct newcomer *n, int status, const char *why);

/* Frees it alone: the selection and the stream are somebody else's now. */
void newcomer_free(struct newcomer *n);

/* Answers with an error; the stream stays. */
void newcomer_answer(struct stream *stream, int status, const char *why);

#endif
