/* What the parts of handler.c share: a thread's own, a request's own. */
#ifndef PBU_HANDLER_JOB_H
#define PBU_HANDLER_JOB_H

#include "reader/handler.h"
#include "web/reply.h"
#include "json/json.h"

struct handler_thread {
	struct reader_handler *handler;
	struct json_decoder *decoder;
};

struct handler_job {
	struct app_job app;
	const char *remote_addr; /* the request's own */
	bool https;
	size_t announced;  /* bytes of the body, by Content-Length */
	char headers[256]; /* of the response, where they are its own */

	/* Of a query, until it is over, and of a viewer, until the tail has it. */
	struct reader_handler *handler;
	answer *answer; /* in a thread of a pool; NULL: the tail answers */
	bool along;	/* peers are read along */
	bool download;	/* it takes as long as its client does */
	struct selection selection;
	const char *last_event_id; /* the request's own */
	struct stream *stream;
	struct pool_task task;
};

/* Answers a request by its head, or says how it goes on (app.h). */
typedef enum app_verdict handler_head(struct handler_thread *t, struct handler_job *job,
    const struct http_request *q, struct http_response *r);

static inline struct handler_job *
handler_job_of(struct app_job *app)
{
	return (struct handler_job *)app; /* which it begins with */
}

/* A verdict of a head: APP_ANSWER. */
static inline enum app_verdict
handler_refuse(struct http_response *r, enum access_verdict verdict)
{
	return reply_error(r, access_status(verdict), "%s", access_words(verdict));
}

#endif
