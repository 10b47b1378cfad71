/* A request in, a response out: what the server answers, free of FastCGI. */
#ifndef PBU_HANDLER_H
#define PBU_HANDLER_H

#include "files/commit.h"
#include "metrics.h"
#include "options.h"
#include "record/formatter.h"
#include "web/auth.h"
#include "web/http.h"

/* What all threads share; each part is safe for any thread. */
struct handler {
	const struct options *options;
	const struct formatter *formatter;
	struct auth *auth;
	struct commit *commit;
	struct metrics *metrics;
};

struct handler_worker; /* what one thread needs, reused from request to request */

/* What one request needs until it is answered, by whichever thread; reused on its connection. */
struct handler_job {
	struct commit_ticket ticket;
	struct commit_entries entries;
	struct buf body;
	const char *remote_addr; /* the request's own */
	size_t records;
	bool batch;
	uint64_t dropped;
	uint64_t unformatted;
};

/* A worker for a thread; NULL when memory ran out. The handler must outlive it. */
struct handler_worker *handler_worker_new(const struct handler *h);
void handler_worker_free(struct handler_worker *w);

/* A job starts as all zeros; this gives its memory back. */
void handler_job_free(struct handler_job *job);

/*
 * Looks at a request's head. True: its body of *body_length bytes is wanted, in job->body, which
 * is empty now; then comes handler_take(). False: *response is the answer, and the body is not
 * wanted.
 */
bool handler_head(struct handler_worker *w, struct handler_job *job,
    const struct http_request *request, size_t *body_length, struct http_response *response);

/*
 * Decodes and renders the body. True: job->ticket is to be committed, and with its result comes
 * handler_finish(). False: *response is the answer.
 */
bool handler_take(
    struct handler_worker *w, struct handler_job *job, struct http_response *response);

/*
 * Answers by the ticket's result. False: its day was over before it could be written;
 * handler_take() again.
 */
bool handler_finish(
    struct handler_worker *w, struct handler_job *job, struct http_response *response);

/* Answers a request whose body has `got` bytes where `expected` were announced. */
void handler_wrong_length(struct http_response *response, size_t got, size_t expected);

/* Answers a request whose body no memory could be found for. */
void handler_no_memory(struct http_response *response);

/* After the response was sent: counts it, and gives the job's memory beyond the usual back. */
void handler_done(
    struct handler_worker *w, struct handler_job *job, const struct http_response *response);

#endif
