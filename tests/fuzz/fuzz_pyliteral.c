/*
 * A record's args as text: what is read as a literal can be decoded, and its repr() is a literal
 * that reads as the same again.
 */
#include "fuzz.h"
#include "python/pyliteral.h"
#include "python/pyvalue.h"
#include "json/json.h"
#include "json/text.h"

#define MEMORY_MAX (64 * 1024 * 1024)

static struct json_decoder *decoder;

/* Reads a text as args; false: it is no literal. */
static bool
read_args(const char *text, size_t len, struct value *args)
{
	struct buf record = BUF_INIT;
	bool read;

	buf_puts(&record, "{\"args\":");
	read = pyliteral_args(&record, text, len);
	require(read || record.len == 8);
	if (read) {
		buf_putc(&record, '}');
		require(json_decode(decoder, &record, args) == JSON_RECORD);
		*args = json_member(*args, "args", 4);
		require(args->type != VALUE_ABSENT && args->type != VALUE_LITERAL);
	}
	buf_free(&record);
	return read;
}

/* The repr() of args, of which an ARRAY is a tuple. */
static void
put_args(struct buf *out, struct value args, char conversion)
{
	size_t n = 0;

	if (args.type != VALUE_ARRAY) {
		pyvalue_bounded(out, args, conversion, SIZE_MAX);
		return;
	}
	buf_putc(out, '(');
	for (const struct json_node *v = json_first(args); v != NULL; v = json_next(v)) {
		if (n++ > 0)
			buf_puts(out, ", ");
		pyvalue_bounded(out, json_value(v), conversion, SIZE_MAX);
	}
	buf_puts(out, n == 1 ? ",)" : ")");
}

static void
check_again(char conversion, const struct buf *text, const struct buf *repr)
{
	struct buf again = BUF_INIT;
	struct value args;

	require(read_args(text->data, text->len, &args));
	put_args(&again, args, conversion);
	require(again.len == repr->len && memcmp(again.data, repr->data, again.len) == 0);
	json_end(decoder);
	buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT, repr = BUF_INIT, ascii = BUF_INIT;
	struct value args;

	if (decoder == NULL) {
		json_init();
		decoder = json_decoder_new(MEMORY_MAX, NULL);
		require(decoder != NULL);
	}
	text_from_bytes(&text, (const char *)data, size);
	/* As large as it is, so that a sanitizer sees a byte too many. */
	if (text.len > 0)
		text.data = realloc(text.data, text.cap = text.len);
	if (read_args(text.len > 0 ? text.data : "", text.len, &args)) {
		put_args(&repr, args, 'r');
		put_args(&ascii, args, 'a');
		json_end(decoder);
		require(!repr.failed && !ascii.failed);
		for (size_t i = 0; i < ascii.len; i++)
			require((unsigned char)ascii.data[i] < 0x80);
		check_again('r', &repr, &repr);
		check_again('a', &repr, &ascii);
	}
	buf_free(&text);
	buf_free(&repr);
	buf_free(&ascii);
	return 0;
}
