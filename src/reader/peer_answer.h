/*
 * What has come of a peer's answer to one call of peer_http.h, and whether it is one: its head is
 * checked, its body kept until it is taken. For the thread of the call.
 */
#ifndef PBU_PEER_ANSWER_H
#define PBU_PEER_ANSWER_H

#include "reader/peer_buffer.h"
#include "reader/peer_curl.h"
#include "reader/peer_head.h"
#include "reader/peer_http.h"

struct peer_answer {
	struct peer_head head;
	enum peer_http_state state;
	int status; /* 0: none yet */
	struct peer_buffer buffer;
	bool over;     /* nothing more comes */
	bool paused;   /* the buffer is full */
	int64_t heard; /* when something came last, nanoseconds of CLOCK_MONOTONIC */
	char why[160]; /* it has failed */
};

/* By which it is taken; the context is the answer. */
extern const struct peer_curl_sink peer_answer_sink;

/* It has failed, for this reason, unless it had before. */
void peer_answer_fail(struct peer_answer *a, const char *why);

/* Whether a peer that was made to wait is to go on, as there is room again. */
bool peer_answer_unpause(struct peer_answer *a);

#endif
