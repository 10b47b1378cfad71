/* The settings of an entry's form. */
#ifndef PBU_FORMAT_SETTINGS_H
#define PBU_FORMAT_SETTINGS_H

#include "base/setting.h"

struct format_settings {
	const char *line; /* LOG_FORMAT */
	const char *date; /* LOG_DATE_FORMAT; NULL: Python's default */
};

extern const struct setting_group format_settings_group;

#endif
