/* Times as other loggers send them. */
#ifndef PBU_RECORD_TIME_H
#define PBU_RECORD_TIME_H

#include "record/record.h"

/*
 * Reads a time: ISO 8601 with an offset, or without in local time (base/iso8601.h); seconds,
 * milliseconds, micro- or nanoseconds since the epoch, by magnitude, as a number or its text;
 * loguru's {"repr": ..., "timestamp": ...}. *created becomes a LogRecord's: seconds, a NUMBER, and
 * *msecs its milliseconds, or absent: those that *created has. They may lie in *made. False: it is
 * no time, or one before 1973 given as a number, which is rather something else (a duration).
 */
bool record_time(
    struct value v, struct value *created, struct value *msecs, struct record_made *made);

#endif
