/* What the reader answers: the app that web/ asks. */
#ifndef PBU_READER_HANDLER_H
#define PBU_READER_HANDLER_H

#include "base/diag.h"
#include "base/metrics.h"
#include "reader/access.h"
#include "reader/answers.h"
#include "reader/metrics.h"
#include "reader/pool.h"
#include "reader/tail.h"
#include "web/app.h"

/* What all threads share; each part is safe for any thread. */
struct reader_handler {
	const char *folder; /* LOG_FOLDER */
	struct access access;
	struct reading reading; /* what queries read from */
	struct pool *queries;	/* where they do */
	struct pool *downloads; /* the same for those that take as long as their client does */
	/* Both for what peers ask, as far as this one asks any, too: who waits for a peer must not
	 * keep its questions waiting. NULL: the others are for all. */
	struct pool *asked_queries, *asked_downloads;
	struct tail *tail;			 /* for those who follow */
	struct metrics *metrics;		 /* web's; the reader's own are the reading's */
	struct diag_limit refused[STATUS_COUNT]; /* by status_index() */
};

/* The app of a handler, which must outlive it. */
struct app reader_app(struct reader_handler *h);

#endif
