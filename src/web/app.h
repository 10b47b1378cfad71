/*
 * What a program answers: web/ receives requests and sends responses, and knows no more of a
 * program than this.
 *
 *     head() ─> APP_ANSWER                           refused, or needs no body
 *            └> APP_BODY ─> body() ─> APP_ANSWER     refused
 *                             ↑    └> APP_LATER ─> submit() … answer() ─> APP_ANSWER
 *                             └──────────────────────────────────────┘ APP_BODY
 *
 * and sent() once the response is. Or head() ─> APP_STREAM: see stream().
 */
#ifndef PBU_APP_H
#define PBU_APP_H

#include "base/metrics.h"
#include "web/http.h"

struct stream;

/* What a connection's request needs until it is answered, by whichever thread; the program's own
 * begins with it. Used again for the next request of the connection. */
struct app_job {
	struct app_job *next; /* in a list of finished ones */
	void *connection;     /* web's */
};

enum app_verdict {
	APP_ANSWER, /* *response is the answer */
	APP_BODY,   /* the body is wanted, or wanted again: next comes body() */
	APP_LATER,  /* next comes submit(), and the answer once the job is finished */
	APP_STREAM, /* next comes stream(); from head() only */
};

/* Wakes one thread, soon, which then calls resume(). Any thread may call it. */
typedef void app_wake(void *context);

/* `thread` is what thread_new() made for the calling thread. A response's body is empty when the
 * program is given it, and its memory web's. */
struct app {
	void *self;
	size_t max_body;       /* bytes of a body at most; of a longer one none are kept */
	struct budget *budget; /* for all memory that grows with a request; NULL: without bounds */
	struct metrics *metrics;

	/* NULL when memory ran out. */
	void *(*thread_new)(void *self);
	void (*thread_free)(void *thread);
	struct app_job *(*job_new)(void *self);
	void (*job_free)(struct app_job *job);

	/* Before any thread runs; and with NULL when all have ended: then nobody is woken any more.
	 */
	void (*wake_by)(void *self, app_wake *wake, void *context);

	enum app_verdict (*head)(void *thread, struct app_job *job,
	    const struct http_request *request, struct http_response *response);
	enum app_verdict (*body)(void *thread, struct app_job *job, const struct http_body *body,
	    struct http_response *response);

	/* Both return a list of finished jobs, which may be others than the submitted, or none: the
	 * calling thread has to answer them. `last`: the calling thread ends; resume() waits until
	 * there is no queue or it has a group, and is called until it returns none. */
	struct app_job *(*submit)(void *thread, struct app_job *job);
	struct app_job *(*resume)(void *thread, bool last);

	/* Answers a finished job; or it begins once more with its body. */
	enum app_verdict (*answer)(
	    void *thread, struct app_job *job, struct http_response *response);

	/* The program answers by itself, in a thread of its own, and ends with stream_end(); what
	 * was read of the request is the job's until then. Returns at once. NULL where no head()
	 * returns APP_STREAM. The threads do not wait for streams: the program ends those that are
	 * left after threads_stop(), when none can begin any more, and before the app goes. */
	void (*stream)(void *thread, struct app_job *job, struct stream *stream);

	/* The response was sent; its request's strings are still there. */
	void (*sent)(void *thread, struct app_job *job, const struct http_response *response);
};

#endif
