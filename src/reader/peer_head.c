#include "reader/peer_head.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PACKS "packs its answer, unasked"

/* The value of a header line, if it is of that name; its length goes to *len. */
static const char *
value_of(const char *line, size_t line_len, const char *name, size_t *len)
{
	size_t n = strlen(name);
	const char *value, *end = line + line_len;

	if (line_len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	for (value = line + n + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	while (end > value && isspace((unsigned char)end[-1]))
		end--;
	*len = (size_t)(end - value);
	return value;
}

/* The first that is wrong counts. */
static void
refuse(struct peer_head *h, const char *why)
{
	if (h->why[0] == '\0')
		snprintf(h->why, sizeof(h->why), "%s", why);
}

/* What a reader says of itself: its version, and its process' word. */
static void
read_version(struct peer_head *h, const char *value, size_t len)
{
	const size_t word = strlen(h->self);
	char sentence[sizeof(h->why)];
	int version = 0;
	size_t i;

	for (i = 0; i < len && i < 9 && isdigit((unsigned char)value[i]); i++)
		version = version * 10 + (value[i] - '0');
	h->is_reader = i > 0 && (i == len || value[i] == ' ');
	if (!h->is_reader)
		return;
	if (version != PEER_HEAD_VERSION) {
		snprintf(sentence, sizeof(sentence),
		    "speaks another version (%d, and this reader %d)", version, PEER_HEAD_VERSION);
		refuse(h, sentence);
	}
	if (word > 0 && len - i == word + 1 && memcmp(value + i + 1, h->self, word) == 0)
		refuse(h, "is this server itself: its READ_NAME should say so");
}

static bool
is_word(const char *value, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(value, word, len) == 0;
}

bool
peer_head_line(struct peer_head *h, const char *line, size_t line_len)
{
	const char *value, *parameters;
	size_t len;

	h->bytes += line_len;
	if (h->bytes > PEER_HEAD_MAX)
		return false;
	if ((value = value_of(line, line_len, PEER_HEAD_NAME, &len)) != NULL)
		read_version(h, value, len);
	value = value_of(line, line_len, "Content-Encoding", &len);
	if (value != NULL && !is_word(value, len, "identity"))
		refuse(h, PACKS);
	/* Which libcurl unpacks unasked, and holds in memory where it is made to wait. */
	value = value_of(line, line_len, "Transfer-Encoding", &len);
	if (value != NULL && !is_word(value, len, "chunked") && !is_word(value, len, "identity"))
		h->is_packed = true;
	value = value_of(line, line_len, "Content-Type", &len);
	if (value == NULL || h->type == NULL)
		return true;
	parameters = memchr(value, ';', len);
	if (parameters != NULL)
		len = (size_t)(parameters - value);
	while (len > 0 && value[len - 1] == ' ')
		len--;
	h->is_type = is_word(value, len, h->type);
	return true;
}

static const char *
words_of_status(int status)
{
	switch (status) {
	case 400: return ": it does not understand this reader; is it an older one?";
	case 401:
	case 403: return ": READ_PEERS_TOKEN is none of its tokens for reading";
	case 404: return ": it has no reader there, or an older one";
	case 410: return ": the file that the cursor is of is gone there";
	case 429:
	case 503: return ": it is busy";
	case 502:
	case 504: return ": its reader does not answer";
	default: return status >= 300 && status < 400 ? ": no redirect is followed" : "";
	}
}

bool
peer_head_end(struct peer_head *h, int status)
{
	if (status < 200) {
		h->is_reader = h->is_type = false;
		h->why[0] = '\0';
		return false;
	}
	if (h->is_packed)
		refuse(h, PACKS);
	if (status != 200)
		snprintf(h->why, sizeof(h->why), "answered %d%s", status, words_of_status(status));
	else if (!h->is_reader)
		refuse(h, "is no reader, or an older one");
	else if (h->type != NULL && !h->is_type)
		refuse(h, "answers with something of another type");
	return true;
}
