/* A record to the entry that goes into a file: message, line, and what follows it. */
#ifndef PBU_RENDER_H
#define PBU_RENDER_H

#include "base/buf.h"
#include "record/formatter.h"
#include "record/record.h"
#include "record/render_added.h"
#include "record/timestamp.h"

/* What the server knows of a record beside its fields. */
struct render_arrival {
	int64_t time;		  /* CLOCK_REALTIME, nanoseconds */
	struct value remote_addr; /* a STRING, or absent */
};

/* What the records of a body may grow to and cost. */
struct render_bounds {
	size_t message; /* bytes of a formatted message; a longer one is not formatted */
	size_t text;	/* bytes of any text on its way to an entry; beyond, the entry fails */
	size_t work;	/* of formatting messages, for all together (pyformat.h); beyond, they are
			 * not formatted */
};

/* What one thread needs to render; reused from record to record. */
struct render {
	const struct formatter *formatter;
	struct render_bounds bounds;
	bool failed, over_max;	   /* as a buf's, since the record was begun */
	struct render_added added; /* of the last record, with LOG_FORMAT=json */
	struct timestamp_cache seconds;
	int64_t received_at; /* of the text, which is the same for all records of a request */
	struct buf received;
	struct buf message;
	struct buf field;
	struct buf converted;
};

/* The formatter and the budget, that memory counts against (NULL: none), must outlive it. */
void render_init(struct render *r, const struct formatter *formatter, struct budget *budget);
void render_free(struct render *r);

/* Begins a body. Before the first one nothing is bounded. */
void render_begin(struct render *r, const struct render_bounds *bounds);

/*
 * Appends the entry of a record to out; out->failed and out->over_max tell when it could not be
 * written whole. Returns false when `msg % args` would have raised in Python, or been beyond the
 * bounds, so that the entry shows both as they are.
 */
bool render_record(struct render *r, const struct record *record,
    const struct render_arrival *arrival, struct buf *out);

#endif
