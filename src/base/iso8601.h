/* A date and time as ISO 8601 and RFC 3339 write it, and as Python's asctime does. */
#ifndef PBU_ISO8601_H
#define PBU_ISO8601_H

#include "base/civil.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads all of a text such as
 *
 *     2026-11-24, 2026-11-24T08:21, ...:46, ...:46.035123    and after it Z, +01:00, +0100, +01
 *
 * into microseconds since the epoch; what is finer is cut off. Without an offset it is in `zone`. A
 * comma counts as the point, a space or t as the T; in place of the + a space is taken, which it
 * becomes in an address. False: it is none, or no such day or time exists.
 */
bool iso8601_parse(const char *text, struct civil_zone *zone, int64_t *us);

#endif
