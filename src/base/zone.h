/* The time zone, TZ; glibc silently uses UTC for one that it does not understand. */
#ifndef PBU_ZONE_H
#define PBU_ZONE_H

#include "base/setting.h"

#include <stdbool.h>
#include <stddef.h>

struct zone_settings {
	const char *name; /* TZ */
};

extern const struct setting_group zone_settings_group;

/*
 * Whether tzset(3) understands the text: empty, a file of the zone database or any other by its
 * absolute path, or rules as POSIX has them (Base Definitions, 8.3), a colon before it or not.
 * Names of UTC need no database. Any thread.
 */
bool zone_valid(const char *name);

/* Sets the zone by TZ, before the first thread is started. False: no memory to read it. */
bool zone_set(void);

#endif
