#include "kafka/kafka_statistics.h"

#include <stdlib.h>
#include <string.h>

static const char *
skip_blank(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* Behind a string that begins at p. */
static const char *
skip_string(const char *p)
{
	for (p++; *p != '\0' && *p != '"'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
	}
	return *p == '"' ? p + 1 : p;
}

/* Behind the value that begins at p. */
static const char *
skip_value(const char *p)
{
	int depth = 0;

	do {
		p = skip_blank(p);
		if (*p == '"') {
			p = skip_string(p);
		} else if (*p == '{' || *p == '[') {
			depth++;
			p++;
		} else if (*p == '}' || *p == ']') {
			depth--;
			p++;
		} else if (*p == ',' || *p == ':') {
			p++;
		} else {
			p += strcspn(p, ",:{}[]\" \t\r\n");
		}
	} while (depth > 0 && *p != '\0');
	return p;
}

const char *
kafka_statistics_next(const char **at, const char **name)
{
	const char *p = *at, *value;

	*at = NULL;
	if (p == NULL || (*p != '{' && *p != ','))
		return NULL;
	p = skip_blank(p + 1);
	if (*p != '"')
		return NULL;
	*name = p + 1;
	p = skip_blank(skip_string(p));
	if (*p != ':')
		return NULL;
	value = skip_blank(p + 1);
	p = skip_blank(skip_value(value));
	*at = p > value ? p : NULL;
	return value;
}

const char *
kafka_statistics_member(const char *object, const char *name)
{
	size_t len = strlen(name);
	const char *found, *value;

	while ((value = kafka_statistics_next(&object, &found)) != NULL) {
		if (strncmp(found, name, len) == 0 && found[len] == '"')
			return value;
	}
	return NULL;
}

int64_t
kafka_statistics_number(const char *value, int64_t otherwise)
{
	char *end;
	long long number;

	if (value == NULL)
		return otherwise;
	number = strtoll(value, &end, 10);
	return end == value ? otherwise : number;
}

bool
kafka_statistics_is(const char *value, const char *text)
{
	size_t len = strlen(text);

	return value != NULL && *value == '"' && strncmp(value + 1, text, len) == 0 &&
	       value[1 + len] == '"';
}
