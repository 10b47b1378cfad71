#include "reader/cursor_servers.h"

#include <string.h>

/* The longest that cursor_print() writes. */
#define CURSOR_MAX 256

#define ID_DIGITS  8

void
cursor_servers_print(struct buf *out, uint32_t id, const struct cursor *at)
{
	cursor_print(out, at);
	buf_putc(out, '~');
	for (int shift = 4 * (ID_DIGITS - 1); shift >= 0; shift -= 4)
		buf_putc(out, "0123456789abcdef"[id >> shift & 15]);
}

void
cursor_servers_separate(struct buf *out)
{
	buf_putc(out, '_');
}

static bool
parse_id(const char *text, uint32_t *id)
{
	*id = 0;
	for (int i = 0; i < ID_DIGITS; i++) {
		if (text[i] >= '0' && text[i] <= '9')
			*id = *id << 4 | (uint32_t)(text[i] - '0');
		else if (text[i] >= 'a' && text[i] <= 'f')
			*id = *id << 4 | (uint32_t)(text[i] - 'a' + 10);
		else
			return false;
	}
	return text[ID_DIGITS] == '\0' || text[ID_DIGITS] == '_';
}

bool
cursor_servers_parse(const char *text, struct cursor_servers *c)
{
	char one[CURSOR_MAX];
	size_t len;

	c->count = 0;
	for (;; text++) {
		struct cursor_server *of = &c->of[c->count];

		len = strcspn(text, "~");
		if (c->count == CURSOR_SERVERS_MAX || len >= sizeof(one) || text[len] != '~')
			return false;
		memcpy(one, text, len);
		one[len] = '\0';
		if (!cursor_parse(one, &of->at) || !parse_id(text + len + 1, &of->id) ||
		    cursor_servers_of(c, of->id) != NULL)
			return false;
		c->count++;
		text += len + 1 + ID_DIGITS;
		if (*text == '\0')
			return true;
	}
}

const struct cursor *
cursor_servers_of(const struct cursor_servers *c, uint32_t id)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->of[i].id == id)
			return &c->of[i].at;
	}
	return NULL;
}
