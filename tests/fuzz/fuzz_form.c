/* A form: what is taken is an object, with the fields as a plain reading of the form has them. */
#include "fuzz.h"
#include "record/record.h"
#include "server/form.h"
#include "json/json.h"
#include "json/text.h"

#define MEMORY_MAX (64 * 1024 * 1024)

static struct json_decoder *decoder;
static struct form form;

/* Decodes bytes that are known to be good, one by one. */
static struct buf
decoded(const char *at, const char *end)
{
	struct buf out = BUF_INIT;

	while (at < end) {
		unsigned byte = *at == '+' ? ' ' : (unsigned char)*at;

		if (*at == '%') {
			char code[3] = {at[1], at[2], '\0'};

			require(end - at > 2);
			byte = (unsigned)strtoul(code, NULL, 16);
			at += 2;
		}
		if (byte == 0)
			buf_putc(&out, (char)0xc0);
		buf_putc(&out, (char)(byte == 0 ? 0x80 : byte));
		at++;
	}
	return out;
}

/* The fields whose value is its text. */
static bool
is_text(const struct buf *name)
{
	int f = record_field(name->data, name->len);

	return f < 0 || f == FIELD_MSG || f == FIELD_NAME || f == FIELD_MESSAGE || f == FIELD_TRACE;
}

/* The field of a form that is between two places is in the record, if it is the last of its name.
 */
static void
check_field(struct value record, const char *at, const char *end, const char *form_end)
{
	const char *equals = memchr(at, '=', (size_t)(end - at));
	struct buf name = decoded(at, equals != NULL ? equals : end), value = BUF_INIT;
	bool last = true;

	if (equals != NULL)
		value = decoded(equals + 1, end);
	while (last && end < form_end) {
		const char *next = end + 1, *stop;
		struct buf other;

		end = memchr(next, '&', (size_t)(form_end - next));
		if (end == NULL)
			end = form_end;
		stop = memchr(next, '=', (size_t)(end - next));
		other = decoded(next, stop != NULL ? stop : end);
		last = next == end || other.len != name.len ||
		       (name.len > 0 && memcmp(other.data, name.data, name.len) != 0);
		buf_free(&other);
	}
	if (last) {
		struct value v = json_member(record, name.len > 0 ? name.data : "", name.len);

		require(v.type != VALUE_ABSENT);
		if (is_text(&name)) {
			require(v.type == VALUE_STRING && v.len == value.len);
			require(v.len == 0 || memcmp(v.text, value.data, v.len) == 0);
		}
	}
	buf_free(&name);
	buf_free(&value);
}

static void
check_fields(struct value record, const char *body, size_t size)
{
	const char *at = body, *form_end = body + size;

	for (int fields = 0; at < form_end && fields < 50; fields++) {
		const char *end = memchr(at, '&', (size_t)(form_end - at));

		if (end == NULL)
			end = form_end;
		if (end > at)
			check_field(record, at, end, form_end);
		at = end + 1;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct record_wanted always = {
	    .fields = RECORD_ALWAYS_WANTED, .typed = RECORD_ALWAYS_TYPED};
	const char *body = (const char *)data, *what = NULL;
	struct record_error e = {0};
	struct record r;
	size_t offset = 0;
	struct value v;

	if (decoder == NULL) {
		json_init();
		decoder = json_decoder_new(MEMORY_MAX, NULL);
		require(decoder != NULL);
		form_init(&form, NULL);
	}
	if (!form_read(&form, body, size, &what, &offset)) {
		require(what != NULL && offset < size);
	} else {
		require(json_decode(decoder, &form.record, &v) == JSON_RECORD);
		require(v.type == VALUE_OBJECT);
		if (!record_read(&r, v, &always, &e))
			require(e.field != NULL && e.what != NULL);
		/* Afterwards: to look for a member takes duplicates out. */
		check_fields(v, body, size);
	}
	form_clear(&form);
	json_end(decoder);
	return 0;
}
