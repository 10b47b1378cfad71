/*
 * The answers of the query API: each makes one response, in a thread of the pool, and takes as long
 * as that takes. They send it whole, errors too, but leave stream_end() to the caller.
 */
#ifndef PBU_ANSWERS_H
#define PBU_ANSWERS_H

#include "reader/library.h"
#include "reader/metrics.h"
#include "reader/peers.h"
#include "reader/pool.h"
#include "reader/selection.h"
#include "web/stream.h"

/* What all of them read from. */
struct reading {
	struct library *library;
	const struct entry_parser *parser;
	unsigned levels;  /* ENABLED_LOG_LEVELS, a LEVEL_BIT each */
	unsigned timeout; /* QUERY_TIMEOUT, seconds */
	struct reader_metrics *metrics;
	struct peers *peers;	 /* that are read along; NULL: none */
	const char *peer_header; /* of answers to a peer: a whole line */
	struct pool_task *task;	 /* of the answer; NULL: nobody else waits */
};

/* Whether a selection is over the peers, too. */
static inline bool
reading_is_along(const struct reading *r, const struct selection *s)
{
	return r->peers != NULL && !s->only_own && !s->framed;
}

typedef void answer(const struct reading *r, struct selection *s, struct stream *out);

answer answer_query;	/* entries, NDJSON */
answer answer_context;	/* the neighbours of one, NDJSON */
answer answer_hits;	/* the histogram, NDJSON: each line all that is known so far */
answer answer_raw;	/* entries as text */
answer answer_files;	/* JSON */
answer answer_messages; /* a day of a level, JSON, as the seed's newest server has it */

/* The same over this server and its peers, where there are some and they are not left out; raw and
 * messages do so by themselves. */
answer answer_peers_query;
answer answer_peers_context;
answer answer_peers_hits;
answer answer_peers_files;

/* Entries that a query gives where it names no limit. */
#define ANSWER_LIMIT_DEFAULT 100

/* What a reader answers another, as=peer: this server's own, in frames (peer_frame.h). Files and
 * hits do so by themselves. */
answer answer_framed;	      /* entries, of query and raw */
answer answer_framed_context; /* those before an entry, or forward it and those after it */

#endif
