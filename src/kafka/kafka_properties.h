/*
 * The file of KAFKA_CONFIG: librdkafka's own properties, a `name=value` a line, as its and Java's
 * clients have them (there is no escape, and no line that goes on in the next). White space around
 * both counts for nothing; a line that begins with `#` is a comment.
 *
 * What the programs need to be their own is refused: a property that could break what 200 promises
 * is a mistake at the start, and not a surprise later. Values are secrets, all of them.
 *
 * Main thread.
 */
#ifndef PBU_KAFKA_PROPERTIES_H
#define PBU_KAFKA_PROPERTIES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct kafka_property {
	const char *name;
	const char *value;
};

struct kafka_properties {
	const char *path; /* of the file; the caller's */
	struct kafka_property *property;
	unsigned *line; /* of each, in the file */
	size_t count;
	char *text; /* which they point into */
	size_t size;
};

/* Bytes of a file at most: certificates may stand in it. */
#define KAFKA_PROPERTIES_MAX ((size_t)1024 * 1024)

/* Reads the file, NULL: none. False: appends to `mistakes` all that is wrong, a line each, and no
 * value; the properties are those that may be set. To be freed in any case. */
bool kafka_properties_read(struct kafka_properties *p, const char *path, struct buf *mistakes);

/* The same of a text, which is copied; `path` is what mistakes name. */
bool kafka_properties_parse(struct kafka_properties *p, const char *text, size_t len,
    const char *path, struct buf *mistakes);

/* Overwrites the values, and frees. */
void kafka_properties_free(struct kafka_properties *p);

#endif
