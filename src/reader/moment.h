/* A time as people write it in an address. */
#ifndef PBU_MOMENT_H
#define PBU_MOMENT_H

#include "base/civil.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads
 *
 *     2026-11-24, 2026-11-24T08:21, ...:46, ...:46.035    and after it Z, +01:00 or nothing: in
 * `zone` 1764059000, 1764059000.123                           seconds since the epoch -15m, -1h30m,
 * now                                    before `now`: s, m, h, d, w
 *
 * into milliseconds since the epoch; `now` is such, too. (A space counts as a T, and in place of
 * the + that an address must have as %2B.) False: it is none of these, or no such day or time
 * exists.
 */
bool moment_parse(const char *text, struct civil_zone *zone, int64_t now, int64_t *ms);

#endif
