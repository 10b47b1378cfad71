#include "web/http.h"

#include <string.h>
#include <strings.h>

/* Moves over white space to the word that begins there; how long it is. */
static size_t
word(const char **text, const char *stop)
{
	*text += strspn(*text, " \t");
	return strcspn(*text, stop);
}

bool
http_is_type(const char *content_type, const char *type)
{
	size_t len = content_type == NULL ? 0 : word(&content_type, "; \t");

	return len > 0 && len == strlen(type) && strncasecmp(content_type, type, len) == 0;
}

bool
http_is_token(const char *header, const char *token)
{
	size_t len = header == NULL ? 0 : word(&header, " \t");

	return len > 0 && len == strlen(token) && strncasecmp(header, token, len) == 0 &&
	       header[len + strspn(header + len, " \t")] == '\0';
}

bool
http_takes(const char *taken, const char *method)
{
	return taken == NULL || strcmp(method, taken) == 0 ||
	       (strcmp(method, "HEAD") == 0 && strcmp(taken, "GET") == 0);
}
