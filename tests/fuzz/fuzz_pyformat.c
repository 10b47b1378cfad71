/* A format, a newline, and the arguments as JSON. */
#include "fuzz.h"
#include "python/pyformat.h"
#include "record/json.h"
#include "record/text.h"

#define MEMORY_MAX (16 * 1024 * 1024)
#define LIMIT	   (256 * 1024)
#define SMALL	   48

/* Text as the rest of the server relies on: no zero byte, no byte that is not UTF-8's. */
static void
check_text(const struct buf *out)
{
	const unsigned char *at = (const unsigned char *)out->data;
	size_t left = out->len;

	while (left > 0) {
		size_t n = 1;

		require(*at != 0);
		if (at[0] == 0xc0 && left > 1 && at[1] == 0x80)
			n = 2; /* U+0000 */
		else if (*at >= 0x80)
			n = text_utf8_sequence(at, left, true);
		require(n > 0);
		at += n;
		left -= n;
	}
}

/* A smaller limit changes nothing but that what is longer is refused. */
static void
check_small(
    struct value format, struct value args, enum pyformat_status status, const struct buf *out)
{
	struct buf small = BUF_INIT;
	enum pyformat_status again = pyformat_percent(&small, format, args, SMALL);

	if (status == PYFORMAT_OK) {
		require(again == (out->len <= SMALL ? PYFORMAT_OK : PYFORMAT_TOO_LARGE));
		if (again == PYFORMAT_OK && out->len > 0)
			require(
			    small.len == out->len && memcmp(small.data, out->data, small.len) == 0);
	}
	require(again != PYFORMAT_OK || status == PYFORMAT_OK);
	buf_free(&small);
}

static void
check(struct value format, struct value args)
{
	struct buf out = BUF_INIT;
	enum pyformat_status status = pyformat_percent(&out, format, args, LIMIT);

	require(!out.failed);
	require(status != PYFORMAT_OK || out.len <= LIMIT);
	if (status == PYFORMAT_OK)
		check_text(&out);
	check_small(format, args, status, &out);
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_decoder *decoder;
	struct buf line = fuzz_line(&data, &size), format = BUF_INIT, body = BUF_INIT;
	const char *what;
	struct value v;
	size_t offset;

	if (decoder == NULL) {
		json_init();
		decoder = json_decoder_new(MEMORY_MAX);
	}
	text_from_bytes(&format, line.data, line.len);
	buf_puts(&body, "{\"args\": ");
	buf_append(&body, data, size);
	buf_putc(&body, '}');
	json_begin(decoder, body.data, body.len);
	if (json_next_record(decoder, &v, &what, &offset) == JSON_RECORD) {
		struct value text = {
		    VALUE_STRING, format.len > 0 ? format.data : "", format.len, NULL};

		check(text, json_member(v, "args", 4));
	}
	json_end(decoder);
	buf_free(&line);
	buf_free(&format);
	buf_free(&body);
	return 0;
}
