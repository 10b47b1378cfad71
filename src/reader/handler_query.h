/* Requests that read the log: what they select, and where they are answered. */
#ifndef PBU_HANDLER_QUERY_H
#define PBU_HANDLER_QUERY_H

#include "reader/handler_job.h"

/* What a query is about: from here on its job has a selection. */
handler_head handler_query_head;

/* As app.h's stream(): hands it to a pool, or to the tail. */
void handler_query_stream(void *thread, struct app_job *app, struct stream *stream);

/* Frees what a job has that never came to handler_query_stream(). */
void handler_query_forget(struct handler_job *job);

#endif
