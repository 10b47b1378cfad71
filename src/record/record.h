/*
 * A log record: what json.dumps(record.__dict__) gives of a CPython logging.LogRecord, checked
 * field by field.
 */
#ifndef PBU_RECORD_H
#define PBU_RECORD_H

#include "record/value.h"

#include <stdint.h>
#include <time.h>

/* The fields whose meaning the server knows; every other one is kept as it is. */
enum field {
	FIELD_NAME,
	FIELD_MSG,
	FIELD_ARGS,
	FIELD_LEVELNAME,
	FIELD_LEVELNO,
	FIELD_PATHNAME,
	FIELD_FILENAME,
	FIELD_MODULE,
	FIELD_EXC_INFO,
	FIELD_EXC_TEXT,
	FIELD_STACK_INFO,
	FIELD_LINENO,
	FIELD_FUNCNAME,
	FIELD_CREATED,
	FIELD_MSECS,
	FIELD_RELATIVECREATED,
	FIELD_THREAD,
	FIELD_THREADNAME,
	FIELD_PROCESSNAME,
	FIELD_PROCESS,
	FIELD_TASKNAME,
	FIELD_MESSAGE,
	FIELD_ASCTIME,
	FIELD_TRACE,
	FIELD_REMOTE_ADDR, /* the server's own, as is the next: what a client sends is ignored */
	FIELD_RECEIVED,
	FIELD_COUNT,
};

struct record {
	struct value object;		 /* the whole, as it was sent */
	struct value field[FIELD_COUNT]; /* VALUE_ABSENT: not sent */
	long levelno;			 /* its own, or that of its level's name, or 20 */
	time_t created;			 /* the second of FIELD_CREATED, where that was sent */
};

/* Why a record was refused: `field` "must be" so and so. */
struct record_error {
	const char *field;
	const char *what; /* "must be an integer" */
};

/* Which fields are to be decoded; the others are checked and passed over. */
struct record_wanted {
	uint32_t fields; /* a bit for each enum field */
	bool others;	 /* fields that the server does not know, too */
};

/* The fields without which a record can't be told: message, level, time, what follows the line. */
#define RECORD_ALWAYS_WANTED                                                                       \
	(1U << FIELD_MSG | 1U << FIELD_ARGS | 1U << FIELD_MESSAGE | 1U << FIELD_LEVELNO |          \
	    1U << FIELD_LEVELNAME | 1U << FIELD_CREATED | 1U << FIELD_MSECS | 1U << FIELD_TRACE |  \
	    1U << FIELD_EXC_TEXT | 1U << FIELD_STACK_INFO)

/* For record_skip(). */
struct record_skipping {
	struct record_wanted wanted;
	uint32_t kept; /* fields that are no longer passed over; 0 at the start of each record */
};

/*
 * A json_skip, whose context is a struct record_skipping. A value that its field can't have is
 * kept, and so is what comes later by that name: record_read() knows which of them counts.
 */
bool record_skip(
    void *context, const char *name, size_t name_len, const char *value, size_t value_len);

/*
 * Checks a decoded object and fills *r, which refers to the object's memory. A null counts as not
 * sent for name, levelname, levelno, created, msecs and message, which have a default. False when
 * it is no record: *e says why.
 */
bool record_read(struct record *r, struct value object, struct record_error *e);

/* The known field of that name, or -1. */
int record_field(const char *name, size_t len);

#endif
