/* A format, a newline, and the arguments as JSON or as a Python literal. */
#include "fuzz.h"
#include "python/pyformat.h"
#include "python/pyliteral.h"
#include "json/json.h"
#include "json/text.h"

#define MEMORY_MAX (16 * 1024 * 1024)
#define LIMIT	   (256 * 1024)
#define SMALL	   48
#define WORK	   (1024 * 1024 * 1024) /* more than an input can take */

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
	size_t work = WORK;
	enum pyformat_status again = pyformat_percent(&small, format, args, SMALL, &work);

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
	size_t work = WORK;
	enum pyformat_status status = pyformat_percent(&out, format, args, LIMIT, &work);

	require(!out.failed);
	require(status != PYFORMAT_OK || out.len <= LIMIT);
	if (status == PYFORMAT_OK)
		check_text(&out);
	check_small(format, args, status, &out);
	buf_free(&out);
}

/* {"args": ...} */
static bool
read_record(struct json_decoder *decoder, struct buf *body, const uint8_t *data, size_t size,
    struct value *record)
{
	struct buf text = BUF_INIT;
	const char *what;
	size_t offset;
	bool literal;

	buf_puts(body, "{\"args\": ");
	buf_append(body, data, size);
	buf_putc(body, '}');
	json_begin(decoder, body->data, body->len);
	if (json_next_record(decoder, record, &what, &offset) == JSON_RECORD)
		return true;
	text_from_bytes(&text, (const char *)data, size);
	buf_clear(body, SIZE_MAX);
	buf_puts(body, "{\"args\":");
	literal = pyliteral_args(body, text.len > 0 ? text.data : "", text.len);
	buf_putc(body, '}');
	buf_free(&text);
	return literal && json_decode(decoder, body, record) == JSON_RECORD;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_decoder *decoder;
	struct buf line = fuzz_line(&data, &size), format = BUF_INIT, body = BUF_INIT;
	struct value v;

	if (decoder == NULL) {
		json_init();
		decoder = json_decoder_new(MEMORY_MAX, NULL);
	}
	text_from_bytes(&format, line.data, line.len);
	if (read_record(decoder, &body, data, size, &v)) {
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
