/*
 * What librdkafka's statistics say (its STATISTICS.md): JSON that it makes itself, so that it is
 * found in without being checked. Of strings in it, names of hosts are others': what is no JSON is
 * read as far as it goes, and never beyond its NUL.
 */
#ifndef PBU_KAFKA_STATISTICS_H
#define PBU_KAFKA_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of an object's member; NULL: there is none, or it is no object (or NULL). */
const char *kafka_statistics_member(const char *object, const char *name);

/* Goes through the values of an object: *at is it first, NULL at the end. Returns the value, and in
 * *name where its name begins, or NULL. */
const char *kafka_statistics_next(const char **at, const char **name);

/* A number; or `otherwise`. */
int64_t kafka_statistics_number(const char *value, int64_t otherwise);

/* Whether it is this string. */
bool kafka_statistics_is(const char *value, const char *text);

#endif
