/* The settings of a program that answers requests. */
#ifndef PBU_WEB_SETTINGS_H
#define PBU_WEB_SETTINGS_H

#include "base/setting.h"

#include <stdint.h>

struct web_settings {
	unsigned port;	   /* PORT, which only nginx uses */
	uint64_t max_body; /* MAX_BODY_BYTES */
	unsigned threads;  /* THREADS */
};

extern const struct setting_group web_settings_group;

#endif
