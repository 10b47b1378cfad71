/* What the log server answers: the app that web/ asks. */
#ifndef PBU_HANDLER_H
#define PBU_HANDLER_H

#include "base/diag.h"
#include "base/metrics.h"
#include "base/sink.h"
#include "server/intake.h"
#include "server/repeats.h"
#include "web/app.h"
#include "web/auth.h"

/* What all threads share; each part is safe for any thread. */
struct handler {
	struct intake_settings intake;
	struct auth *auth;
	struct sink sink;
	struct repeats *repeats;
	struct metrics *metrics;
	struct budget *budget; /* for all requests' memory; NULL: without bounds */
	struct diag_limit refused[STATUS_COUNT]; /* by status_index() */
};

/* A request that is to be written, and what it is answered then. */
struct handler_job {
	struct app_job app;
	struct ticket ticket;
	struct entries entries;
	const char *remote_addr; /* the request's own */
	enum intake_format format;
	bool gzip;	  /* Content-Encoding */
	size_t announced; /* bytes of the body, by Content-Length */
	size_t received;
	struct intake_counts counts;
	struct repeats_claim claim; /* its key's id: NULL where none was sent */
	bool claimed;		    /* it is the first with its key, and under way */
	bool repeated;		    /* its key was taken by another, and nothing of it is written */
};

/* The app of a handler, which must outlive it. */
struct app handler_app(struct handler *h);

#endif
