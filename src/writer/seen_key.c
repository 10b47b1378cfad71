#include "writer/seen_key.h"

#include "writer/indexes.h"

#include <string.h>

/* A decimal of the whole text; false: it is none, or beyond `most`. */
static bool
decimal(const char *text, size_t len, uint64_t most, uint64_t *number)
{
	char copy[24];
	const char *at = copy;

	if (text == NULL || len == 0 || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return indexes_read_number(&at, most, number) && *at == '\0';
}

bool
seen_key_is_id(const char *id, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = id[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			c == '.' || c == '_' || c == '-'))
			return false;
	}
	return len > 0 && len <= SEEN_ID_MAX;
}

bool
seen_key_parse(
    const char *batch, size_t batch_len, const char *index, size_t index_len, struct seen_key *key)
{
	const char *dash = memrchr(batch, '-', batch_len);
	size_t len = dash == NULL ? 0 : (size_t)(dash - batch);
	uint64_t position;

	if (!seen_key_is_id(batch, len) ||
	    !decimal(dash + 1, batch_len - len - 1, INT64_MAX, &key->number) ||
	    !decimal(index, index_len, INDEXES_MAX, &position))
		return false;
	key->id = batch;
	key->len = len;
	key->index = (uint32_t)position;
	return true;
}
