/* A record to the entry that goes into a file: message, line, and what follows it. */
#ifndef PBU_RENDER_H
#define PBU_RENDER_H

#include "buf.h"
#include "record/formatter.h"
#include "record/record.h"
#include "record/timestamp.h"

/* What the server knows of a record beside its fields. */
struct render_arrival {
	int64_t time;		  /* CLOCK_REALTIME, nanoseconds */
	struct value remote_addr; /* a STRING, or absent */
};

/* What one thread needs to render; reused from record to record. */
struct render {
	const struct formatter *formatter;
	size_t message_max; /* bytes that one formatted message may have */
	bool failed;	    /* no memory, since the record was begun */
	struct timestamp_cache seconds;
	struct buf message;
	struct buf field;
	struct buf converted;
};

/* The formatter must outlive it. */
void render_init(struct render *r, const struct formatter *formatter, size_t message_max);
void render_free(struct render *r);

/*
 * Appends the entry of a record to out; out->failed tells when memory ran out. Returns false
 * when `msg % args` would have raised in Python, so that the entry shows both as they are.
 */
bool render_record(struct render *r, const struct record *record,
    const struct render_arrival *arrival, struct buf *out);

#endif
