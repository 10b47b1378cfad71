#include "record/record_level.h"

#include "base/level.h"
#include "json/json.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#define UNKNOWN 20

/* Names that Python has not: of loguru, structlog, syslog (RFC 5424) and its short forms, Google's
 * LogSeverity, and what others say for one of Python's. */
static const struct {
	const char *name;
	const char *shown;
	long number;
} names[] = {
    {"TRACE", "TRACE", 5},
    {"INFORMATION", "INFO", 20},
    {"INFORMATIONAL", "INFO", 20},
    {"NOTICE", "NOTICE", 25},
    {"SUCCESS", "SUCCESS", 25},
    {"ERR", "ERROR", 40},
    {"EXCEPTION", "ERROR", 40},
    {"CRIT", "CRITICAL", 50},
    {"ALERT", "ALERT", 50},
    {"EMERG", "EMERGENCY", 50},
    {"EMERGENCY", "EMERGENCY", 50},
    {"PANIC", "EMERGENCY", 50},
};

/* RFC 5424, 6.2.1, from 0 on. */
static const char *const syslog_names[] = {
    "EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"};

/* google.logging.type.LogSeverity, in hundreds. */
static const char *const google_names[] = {
    "DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A name in capitals, or as it is where there is no room for it. */
static struct value
capitals(struct value v, char *text, size_t size)
{
	if (v.len >= size)
		return v;
	for (size_t i = 0; i < v.len; i++) {
		char c = v.text[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		text[i] = c;
	}
	text[v.len] = '\0';
	return (struct value){VALUE_STRING, text, v.len, NULL};
}

static void
by_name(struct value v, long *number, struct value *name, char *text, size_t size)
{
	*number = level_number_of(v.text, v.len);
	if (*number >= 0) {
		*name = value_string(level_name_of(*number, text, size));
		return;
	}
	for (size_t i = 0; i < COUNT(names); i++) {
		if (strlen(names[i].name) == v.len &&
		    strncasecmp(names[i].name, v.text, v.len) == 0) {
			*number = names[i].number;
			*name = value_string(names[i].shown);
			return;
		}
	}
	*number = UNKNOWN;
	*name = capitals(v, text, size);
}

static bool
by_number(
    double d, enum record_scale scale, long *number, struct value *name, char *text, size_t size)
{
	static const long syslog_end = COUNT(syslog_names), google_end = 100 * COUNT(google_names);
	const char *known = NULL;

	if (!isfinite(d))
		return false;
	*number = d >= (double)LONG_MAX ? LONG_MAX : d <= (double)LONG_MIN ? LONG_MIN : (long)d;
	if (scale == SCALE_SEVERITY && *number >= 0 && *number < syslog_end)
		known = syslog_names[*number];
	else if (scale == SCALE_SEVERITY && *number >= 100 && *number < google_end)
		known = google_names[*number / 100];
	if (known != NULL)
		by_name(value_string(known), number, name, text, size);
	else
		*name = value_string(level_name_of(*number, text, size));
	return true;
}

/* A text that is a number, all of it. */
static bool
is_number(struct value v)
{
	size_t sign = v.len > 0 && v.text[0] == '-';

	return v.len > sign && v.len < 20 && strspn(v.text + sign, "0123456789") == v.len - sign;
}

/* loguru's level as str() gives it, (name='ERROR', no=40, icon='...'): its name, copied to text,
 * and number. */
static bool
is_printed(struct value v, struct value *name, long *number, char *text, size_t size)
{
	static const char head[] = "(name='", middle[] = "', no=";
	const char *start = v.text + sizeof(head) - 1, *end;
	size_t len;

	if (strncmp(v.text, head, sizeof(head) - 1) != 0)
		return false;
	end = strstr(start, middle);
	len = end == NULL ? size : (size_t)(end - start);
	if (len >= size)
		return false;
	memcpy(text, start, len);
	text[len] = '\0';
	*name = value_string(text);
	*number = strtol(end + sizeof(middle) - 1, NULL, 10);
	return true;
}

bool
record_level(struct value v, enum record_scale scale, long *number, struct value *name, char *text,
    size_t size)
{
	struct value no;

	switch (v.type) {
	case VALUE_NUMBER: return by_number(strtod(v.text, NULL), scale, number, name, text, size);
	case VALUE_OBJECT:
		no = json_member(v, "no", 2);
		*name = json_member(v, "name", 4);
		if (name->type != VALUE_STRING || name->len == 0)
			return no.type == VALUE_NUMBER &&
			       by_number(strtod(no.text, NULL), scale, number, name, text, size);
		if (!value_is_integer(no))
			by_name(*name, number, name, text, size);
		else
			*number = strtol(no.text, NULL, 10);
		return true;
	case VALUE_STRING: break;
	default: return false;
	}
	if (is_number(v))
		return by_number(strtod(v.text, NULL), scale, number, name, text, size);
	if (v.len > 0 && !is_printed(v, name, number, text, size))
		by_name(v, number, name, text, size);
	return v.len > 0;
}
