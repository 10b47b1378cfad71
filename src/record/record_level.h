/* Levels as other loggers send them. */
#ifndef PBU_RECORD_LEVEL_H
#define PBU_RECORD_LEVEL_H

#include "json/value.h"

#include <stddef.h>

enum record_scale {
	SCALE_PYTHON,	/* a number is as Python's */
	SCALE_SEVERITY, /* 0 to 7 are syslog's (RFC 5424), from 100 on Google's (LogSeverity) */
};

/*
 * Reads a level: a name in any case, a number or its text, loguru's {"name": ..., "no": ...}, and
 * the str() of that. *number becomes Python's number for it, *name the name that an entry shows: in
 * capitals, and Python's where it has one. It may lie in text, which holds size bytes. A name that
 * nobody knows is level 20. False: it is no level.
 */
bool record_level(struct value v, enum record_scale scale, long *number, struct value *name,
    char *text, size_t size);

#endif
