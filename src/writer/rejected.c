#include "writer/rejected.h"

#include "record/timestamp.h"
#include "json/json.h"
#include "json/text.h"

#include <inttypes.h>

/* Whether it is text as the server has it (value.h), which has no zero byte. */
static bool
is_text(const char *bytes, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = text_utf8_sequence((const unsigned char *)bytes + at, len - at, false);

		if (n == 0 || bytes[at] == '\0')
			return false;
		at += n;
	}
	return true;
}

static void
put_bytes(struct buf *out, const char *name, const char *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	if (is_text(bytes, len)) {
		buf_printf(out, ",\"%s\":", name);
		json_write_string(out, bytes, len, true);
		return;
	}
	buf_printf(out, ",\"%s_hex\":\"", name);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		buf_putc(out, digits[c >> 4]);
		buf_putc(out, digits[c & 15]);
	}
	buf_putc(out, '"');
}

void
rejected_write(struct buf *out, const struct rejected *r, int64_t now)
{
	struct buf why = BUF_INIT;

	buf_puts(out, "{\"rejected\":\"");
	timestamp_utc(out, now);
	buf_puts(out, "\",\"topic\":");
	json_write_string(out, r->topic, strlen(r->topic), true);
	buf_printf(out, ",\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"why\":", r->partition,
	    r->offset);
	/* It may quote the message, and be cut within a character. */
	text_from_bytes(&why, r->why, strlen(r->why));
	json_write_string(out, why.len > 0 ? why.data : "", why.len, true);
	out->failed = out->failed || why.failed;
	buf_free(&why);
	if (r->key_len > 0)
		put_bytes(out, "key", r->key, r->key_len);
	put_bytes(out, "value", r->value, r->value_len);
	buf_puts(out, "}\n");
}
