/* What the parts of logs.c share. */
#ifndef PBU_LOGS_INSIDE_H
#define PBU_LOGS_INSIDE_H

#include "files/logs.h"

/* Of the reason for a failure, in words. */
#define LOGS_WHY_SIZE 512

static inline bool
logs_is_enabled(const struct logs *l, enum level i)
{
	return (l->common.settings.levels & LEVEL_BIT(i)) != 0;
}

/* Whether bytes can be written; health knows it then. Any thread. */
bool logs_probe_folder(const struct folder *f, struct health *h);

#endif
