/*
 * A request's body to the entries that are to be written: decoded, checked, routed, rendered.
 *
 * What a body may take and cost is bounded by its own size, unpacked, for all its records together,
 * so that none keeps a thread much longer than an ordinary one of the same size and 64 KiB.
 * doc/design.md ("Memory and work") has the bounds, and adds them up. The 1,679,000 records
 * {"msg":1} of 16 MiB take 0.6 s; the longest body found takes 1.1, and 1.5 more to unpack at
 * worst.
 */
#ifndef PBU_INTAKE_H
#define PBU_INTAKE_H

#include "base/ticket.h"
#include "record/formatter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intake_settings {
	const struct formatter *formatter;
	unsigned levels;       /* the enabled ones, a LEVEL_BIT each */
	size_t max_body;       /* bytes of a body at most, unpacked */
	struct budget *budget; /* for all memory that grows with a body */
	bool marks;	       /* each entry is wanted by itself, with its logger's name, and is of
				* the level that it would have if all were enabled */
};

enum intake_format {
	INTAKE_JSON,  /* a record, or an array of them */
	INTAKE_LINES, /* a record a line (NDJSON) */
	INTAKE_FORM,  /* one record (application/x-www-form-urlencoded) */
};

/* What came. */
struct intake_body {
	const char *bytes;
	size_t len;
	enum intake_format format;
	bool gzip;		 /* it is to be unpacked first */
	const char *remote_addr; /* the client's address; NULL or empty: not known */
};

struct intake; /* what one thread needs, reused from body to body */

enum intake_status {
	INTAKE_GOOD,
	INTAKE_BAD,	  /* not gzip, not JSON, or no record: what says which, and where */
	INTAKE_TOO_LARGE, /* it would grow beyond what a body of its size may, or be unpacked */
	INTAKE_NO_MEMORY, /* no memory or budget for it now; sent again, it may well be taken */
};

struct intake_counts {
	size_t records;
	bool batch;	      /* it was an array, or lines */
	uint64_t dropped;     /* records below every enabled level */
	uint64_t unformatted; /* records whose `msg % args` would have raised in Python */
};

struct intake_result {
	struct intake_counts counts;
	char what[512]; /* unless it is good: what is wrong, in words; may quote the client */
};

/* For one thread at a time; NULL when memory ran out. The settings must outlive it. */
struct intake *intake_new(const struct intake_settings *settings);
void intake_free(struct intake *in);

/*
 * Takes a body, which came now. Fills *entries anew, its arrival too, and *result. Of what is not
 * INTAKE_GOOD there are no entries, and no memory is held.
 */
enum intake_status intake_take(struct intake *in, const struct intake_body *body,
    struct entries *entries, struct intake_result *result);

/* Empties the entries; keeps the memory of a usual batch. */
void intake_clear(struct entries *entries);

/* Frees the memory. */
void intake_free_entries(struct entries *entries);

#endif
