#include "fuzz.h"

#include <ctype.h>

/* Where a name as Prometheus takes it ends. */
static const char *
skip_name(const char *at)
{
	require(isalpha((unsigned char)*at) || *at == '_' || *at == ':');
	while (isalnum((unsigned char)*at) || *at == '_' || *at == ':')
		at++;
	return at;
}

/* Where {name="value",...} ends. */
static const char *
skip_labels(const char *at)
{
	do {
		at = skip_name(at + 1);
		require(at[0] == '=' && at[1] == '"');
		for (at += 2; *at != '"'; at++) {
			require(*at != '\0');
			if (*at == '\\') {
				at++;
				require(*at != '\0' && strchr("\\\"n", *at) != NULL);
			}
		}
		at++;
	} while (*at == ',');
	require(*at == '}');
	return at + 1;
}

/* "name{labels} number" of the family whose TYPE came last; the number. */
static double
check_sample(const char *line, const char *family)
{
	const char *at = skip_name(line);
	char *end;
	double value;

	require(strncmp(line, family, strlen(family)) == 0);
	if (*at == '{')
		at = skip_labels(at);
	require(*at == ' ' && !isspace((unsigned char)at[1]));
	value = strtod(at + 1, &end);
	require(end > at + 1 && *end == '\0');
	return value;
}

double
fuzz_check_metrics(const struct buf *out, const char *summed)
{
	char *text = strndup(out->data, out->len), family[128] = "", *save = NULL;
	double sum = 0;

	require(text != NULL && strlen(text) == out->len && out->data[out->len - 1] == '\n');
	require(strstr(text, "\n\n") == NULL);
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		double value;

		if (strncmp(line, "# TYPE ", 7) == 0) {
			const char *end = skip_name(line + 7);

			snprintf(family, sizeof(family), "%.*s", (int)(end - line - 7), line + 7);
			require(strcmp(end, " counter") == 0 || strcmp(end, " gauge") == 0 ||
				strcmp(end, " histogram") == 0);
		} else if (strncmp(line, "# HELP ", 7) == 0) {
			require(*skip_name(line + 7) == ' ');
		} else {
			require(*family != '\0');
			value = check_sample(line, family);
			require(value >= 0);
			if (strcmp(family, summed) == 0)
				sum += value;
		}
	}
	free(text);
	return sum;
}
