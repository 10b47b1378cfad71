#include "reader/peers_ask.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

/* What stands for itself in a parameter (RFC 3986, 3.4, and forms, where + is a space): what a
 * client's nginx took must not be too long for the peer's. */
static bool
is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~!$'()*,;:@/?=", c) != NULL);
}

static void
put_encoded(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		const unsigned char c = (unsigned char)*text;

		if (is_plain(c))
			buf_putc(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static void
put_levels(struct buf *out, unsigned levels)
{
	const char *before = "&level=";

	for (int level = 0; level < LEVEL_COUNT; level++) {
		if ((levels & LEVEL_BIT(level)) == 0)
			continue;
		buf_puts(out, before);
		buf_puts(out, level_name((enum level)level));
		before = ",";
	}
}

/* Of what is left, the peer has nine parts of ten: its last line shall be here in time. */
static uint64_t
timeout_of(int64_t deadline)
{
	const int64_t left = (deadline - clock_monotonic_ns()) / 1000000;

	return left > 1 ? (uint64_t)(left - left / 10) : 1;
}

void
peers_ask(struct buf *out, const struct peer *peer, const struct peers_asked *asked)
{
	buf_printf(out, "%s%s?as=peer", peer->url, asked->path);
	if (!asked->follows)
		buf_printf(out, "&direction=%s", asked->forward ? "forward" : "backward");
	put_levels(out, asked->levels);
	if (asked->start != INT64_MIN)
		buf_printf(out, "&start=@%" PRId64, asked->start);
	if (asked->end != INT64_MAX)
		buf_printf(out, "&end=@%" PRId64, asked->end);
	if (asked->limit != UINT64_MAX)
		buf_printf(out, "&limit=%" PRIu64, asked->limit);
	if (asked->buckets > 0)
		buf_printf(out, "&buckets=%u", asked->buckets);
	if (asked->deadline != INT64_MAX)
		buf_printf(out, "&timeout=%" PRIu64, timeout_of(asked->deadline));
	if (asked->has_cursor) {
		buf_puts(out, "&cursor=");
		cursor_print(out, &asked->cursor);
	}
	if (asked->q != NULL) {
		buf_puts(out, "&q=");
		put_encoded(out, asked->q);
	}
	buf_putc(out, '\0');
}
