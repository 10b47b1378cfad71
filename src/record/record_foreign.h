/*
 * Records of other loggers than CPython's: loguru, structlog, python-json-logger,
 * python-logstash-async, and what is shaped like theirs. Their fields stand for a LogRecord's where
 * it has none. What counts for what is a table in doc/loggers.md.
 *
 * Nothing here refuses a record: a value that makes no sense counts as not
 * sent, and the next that may stand for the same is asked.
 */
#ifndef PBU_RECORD_FOREIGN_H
#define PBU_RECORD_FOREIGN_H

#include "record/record.h"

/* The fields that may stand for those of a set. */
record_fields record_foreign_sources(record_fields fields);

/* Whether the record is an object inside of the one that was sent: {"text": ..., "record": {...}},
 * as loguru's serialize=True has it. */
bool record_is_wrapped(const struct record *r);

/* A LogRecord: what follows its line. */
void record_own(struct record *r);

/* Any other: fills in what its fields say of those that are wanted, and what follows its line. */
void record_foreign(struct record *r, record_fields wanted);

#endif
