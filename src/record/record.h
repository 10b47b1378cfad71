/*
 * A log record: what json.dumps(record.__dict__) gives of a CPython logging.LogRecord, checked
 * field by field; or what other loggers send in its place (record_foreign.h).
 */
#ifndef PBU_RECORD_H
#define PBU_RECORD_H

#include "json/value.h"

#include <stdint.h>
#include <time.h>

/*
 * The fields whose meaning the server knows; every other one is kept as it is. Name, what it may be
 * (record.c), and whether a null counts as not sent. First a LogRecord's and the server's own, then
 * those of other loggers. To add one is a line here.
 */
#define RECORD_FIELDS(X)                                                                           \
	X(NAME, "name", STRING, false)                                                             \
	X(MSG, "msg", ANY, false)                                                                  \
	X(ARGS, "args", ANY, false)                                                                \
	X(LEVELNAME, "levelname", STRING, true)                                                    \
	X(LEVELNO, "levelno", INTEGER, true)                                                       \
	X(PATHNAME, "pathname", STRING, false)                                                     \
	X(FILENAME, "filename", STRING, false)                                                     \
	X(MODULE, "module", STRING, false)                                                         \
	X(EXC_INFO, "exc_info", ANY, false)                                                        \
	X(EXC_TEXT, "exc_text", STRING, false)                                                     \
	X(STACK_INFO, "stack_info", LINES, false)                                                  \
	X(LINENO, "lineno", INTEGER, false)                                                        \
	X(FUNCNAME, "funcName", STRING, false)                                                     \
	X(CREATED, "created", NUMBER, true)                                                        \
	X(MSECS, "msecs", NUMBER, true)                                                            \
	X(RELATIVECREATED, "relativeCreated", NUMBER, false)                                       \
	X(THREAD, "thread", INTEGER, false)                                                        \
	X(THREADNAME, "threadName", STRING, false)                                                 \
	X(PROCESSNAME, "processName", STRING, false)                                               \
	X(PROCESS, "process", INTEGER, false)                                                      \
	X(TASKNAME, "taskName", STRING, false)                                                     \
	X(MESSAGE, "message", ANY, true)                                                           \
	X(ASCTIME, "asctime", ANY, false)                                                          \
	X(TRACE, "trace", ANY, false)                                                              \
	X(REMOTE_ADDR, "remote_addr", OURS, false)                                                 \
	X(RECEIVED, "received", OURS, false)                                                       \
	X(LEVEL, "level", ANY, false)                                                              \
	X(SEVERITY, "severity", ANY, false)                                                        \
	X(EVENT, "event", ANY, false)                                                              \
	X(LOGGER, "logger", ANY, false)                                                            \
	X(LOGGER_NAME, "logger_name", ANY, false)                                                  \
	X(TIMESTAMP, "timestamp", ANY, false)                                                      \
	X(AT_TIMESTAMP, "@timestamp", ANY, false)                                                  \
	X(TIME, "time", ANY, false)                                                                \
	X(EXCEPTION, "exception", ANY, false)                                                      \
	X(STACK, "stack", ANY, false)                                                              \
	X(STACK_TRACE, "stack_trace", ANY, false)                                                  \
	X(ERROR, "error", ANY, false)                                                              \
	X(EXTRA, "extra", ANY, false)                                                              \
	X(LOG, "log", ANY, false)                                                                  \
	X(RECORD, "record", ANY, false)                                                            \
	X(TEXT, "text", ANY, false)                                                                \
	X(FUNC_NAME, "func_name", ANY, false)                                                      \
	X(FUNCTION, "function", ANY, false)                                                        \
	X(LINE, "line", ANY, false)                                                                \
	X(PATH, "path", ANY, false)                                                                \
	X(FILE, "file", ANY, false)                                                                \
	X(THREAD_NAME, "thread_name", ANY, false)                                                  \
	X(PROCESS_NAME, "process_name", ANY, false)                                                \
	X(PID, "pid", ANY, false)

#define RECORD_ENUM(field, name, kind, null_is_absent) FIELD_##field,
enum field { RECORD_FIELDS(RECORD_ENUM) FIELD_COUNT };
#undef RECORD_ENUM

/* The first of those that only other loggers send. */
#define FIELD_FOREIGN FIELD_LEVEL

/* A set of fields. */
typedef uint64_t record_fields;
#define RECORD_BIT(field) (UINT64_C(1) << (field))

/* Room for what is made of other loggers' values. */
struct record_made {
	char levelname[64];
	char created[32];
	char msecs[8];
};

struct record_line;

struct record {
	struct value object; /* that whose members LOG_FORMAT names: the whole, or what loguru wraps
			      * in it */
	struct value sent;   /* the whole, as it was sent */
	struct value field[FIELD_COUNT]; /* VALUE_ABSENT: not sent, nor had from another */
	struct value exception, stack;	 /* what follows the line; absent: nothing */
	struct value extra;		 /* another logger's object of further fields; or absent */
	long levelno;			 /* its own, or that of its level's name, or 20 */
	time_t created;			 /* the second of FIELD_CREATED, where that is there */
	record_fields derived;	/* had from another logger's field, not sent by their names */
	record_fields spent;	/* those that they were had from */
	record_fields not_sent; /* record_wanted's */
	bool event;		/* the message is structlog's `event` */
	const struct record_line *line; /* of what was sent (record_line.h), or NULL: the caller's
					 * to set */
	struct record_made made; /* which fields may point into: a record is not to be copied */
};

/* Why a record was refused: `field` "must be" so and so. */
struct record_error {
	const char *field;
	const char *what; /* "must be an integer" */
};

/* Which fields are to be decoded; the others are passed over. */
struct record_wanted {
	record_fields fields;
	record_fields
	    typed;   /* of these, those that must be of their type; others may be anything */
	bool others; /* fields that the server does not know, too */
	/* Of the outermost object those that a server has added to what was sent (render_added.h):
	 * they are there, and count as not sent. But the message is not made again. */
	record_fields not_sent;
};

/* What must be of its type, whatever LOG_FORMAT is: every entry needs it. */
#define RECORD_ALWAYS_TYPED                                                                        \
	(RECORD_BIT(FIELD_LEVELNO) | RECORD_BIT(FIELD_LEVELNAME) | RECORD_BIT(FIELD_CREATED) |     \
	    RECORD_BIT(FIELD_MSECS) | RECORD_BIT(FIELD_EXC_TEXT) | RECORD_BIT(FIELD_STACK_INFO))

/* The fields that every entry needs: message, level, time, what follows the line; and those of
 * other loggers that may stand for them. */
#define RECORD_ALWAYS_WANTED                                                                       \
	(RECORD_ALWAYS_TYPED | RECORD_BIT(FIELD_MSG) | RECORD_BIT(FIELD_ARGS) |                    \
	    RECORD_BIT(FIELD_MESSAGE) | RECORD_BIT(FIELD_TRACE) | RECORD_BIT(FIELD_EXC_INFO) |     \
	    RECORD_BIT(FIELD_ASCTIME) | RECORD_BIT(FIELD_LEVEL) | RECORD_BIT(FIELD_SEVERITY) |     \
	    RECORD_BIT(FIELD_EVENT) | RECORD_BIT(FIELD_TIMESTAMP) |                                \
	    RECORD_BIT(FIELD_AT_TIMESTAMP) | RECORD_BIT(FIELD_TIME) |                              \
	    RECORD_BIT(FIELD_EXCEPTION) | RECORD_BIT(FIELD_STACK) |                                \
	    RECORD_BIT(FIELD_STACK_TRACE) | RECORD_BIT(FIELD_ERROR) | RECORD_BIT(FIELD_EXTRA) |    \
	    RECORD_BIT(FIELD_LOG) | RECORD_BIT(FIELD_RECORD) | RECORD_BIT(FIELD_TEXT))

/*
 * A scan_skip, whose context is a struct record_wanted. Without it, the instructions from a
 * body to its entries are 36 % more for tests/bench/record.json, 29 % for the real records
 * (callgrind): most of a record is not in the line, and what cJSON doesn't see needs no node.
 */
bool record_skip(
    void *context, const char *name, size_t name_len, const struct value *v, bool plain);

/*
 * Checks a decoded object and fills *r, which refers to the object's memory. A null counts as not
 * sent for levelname, levelno, created, msecs and message, which have a default. Of several members
 * of one name the last counts, and each must be of its type where that is wanted. False when it is
 * no record: *e says why. What is wanted must be there of the object, or all of it.
 */
bool record_read(struct record *r, struct value object, const struct record_wanted *wanted,
    struct record_error *e);

/* The known field of that name, or -1. */
int record_field(const char *name, size_t len);

/* The name of a field. */
const char *record_field_name(enum field field);

/* Whether v can be that field's; any may be null. */
bool record_fits(enum field field, const struct value *v);

#endif
