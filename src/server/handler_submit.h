/* A part of handler: from a job to the sink, and what comes back. */
#ifndef PBU_HANDLER_SUBMIT_H
#define PBU_HANDLER_SUBMIT_H

#include "server/handler.h"

/*
 * As app->submit() and app->resume(). A job with an Idempotency-Key that is known is finished at
 * once; one whose key is under way comes back, to whichever thread, together with the job that it
 * waits for.
 */
struct app_job *handler_submit(struct handler *h, struct handler_job *job);
struct app_job *handler_resume(struct handler *h, bool last);

#endif
