/* A record: it is accepted or refused alike, whether unwanted fields are decoded or passed over;
 * and its line of JSON is the same, whether it is made of its values or copied. */
#include "fuzz.h"
#include "record/record_line.h"
#include "record/render.h"
#include "json/json.h"

#define MEMORY_MAX (16 * 1024 * 1024)

/* -1: not JSON, or no object; 0: refused; 1: accepted, in *r. */
static int
read_record(struct json_decoder *d, const struct record_wanted *wanted, const uint8_t *data,
    size_t size, struct record *r)
{
	struct record_error e = {0};
	const char *what;
	size_t offset;
	struct value v;

	json_begin(d, (const char *)data, size);
	if (json_next_record(d, &v, &what, &offset) != JSON_RECORD)
		return -1;
	if (!record_read(r, v, wanted, &e)) {
		require(e.field != NULL && e.what != NULL);
		return 0;
	}
	return 1;
}

static void
require_same(struct value a, struct value b)
{
	require(a.type == b.type && a.len == b.len);
	require(a.len == 0 || (memcmp(a.text, b.text, a.len) == 0 && a.text[a.len] == '\0'));
}

static void
put_line(const struct formatter *json, struct record *r, struct buf *out)
{
	const struct render_arrival arrival = {1795387123048945678, value_string("192.0.2.7")};
	struct render render;

	render_init(&render, json, NULL);
	render_begin(&render, &(struct render_bounds){65536, 65536, 65536});
	render_record(&render, r, &arrival, out);
	buf_printf(out, "%llx %d", (unsigned long long)render.added.fields, render.added.strings);
	render_free(&render);
}

static void
try_line(struct json_decoder *all, struct json_decoder *some, const uint8_t *data, size_t size)
{
	static const struct formatter json = {.json = true};
	struct buf by_values = BUF_INIT, copied = BUF_INIT;
	struct record_wanted wanted = formatter_wanted(&json);
	struct record_line line;
	struct record r, s;
	int accepted, accepted_too;

	record_line_init(&line, NULL);
	record_line_begin(&line);
	json_decoder_skip(some, record_line_skip, &line);
	accepted = read_record(all, &wanted, data, size, &r);
	accepted_too = read_record(some, &line.wanted, data, size, &s);
	if (accepted >= 0 && record_line_is_whole(&line)) {
		require(accepted == accepted_too);
		if (accepted > 0) {
			s.line = &line;
			put_line(&json, &r, &by_values);
			put_line(&json, &s, &copied);
			require(by_values.len == copied.len);
			require(memcmp(by_values.data, copied.data, copied.len) == 0);
		}
	}
	json_end(all);
	json_end(some);
	record_line_free(&line);
	buf_free(&by_values);
	buf_free(&copied);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_decoder *all, *some;
	static struct record_wanted always = {RECORD_ALWAYS_WANTED, RECORD_ALWAYS_TYPED, false, 0};
	struct record r, wanted;
	int accepted, accepted_too;

	if (all == NULL) {
		json_init();
		all = json_decoder_new(MEMORY_MAX, NULL);
		some = json_decoder_new(MEMORY_MAX, NULL);
	}
	json_decoder_skip(some, record_skip, &always);
	accepted = read_record(all, &always, data, size, &r);
	accepted_too = read_record(some, &always, data, size, &wanted);
	/* With fields left out, a record may take less memory than the limit. */
	if (accepted >= 0)
		require(accepted == accepted_too);
	if (accepted > 0) {
		require(r.levelno == wanted.levelno && r.created == wanted.created);
		require(r.event == wanted.event);
		require_same(r.field[FIELD_LEVELNAME], wanted.field[FIELD_LEVELNAME]);
		require_same(r.field[FIELD_CREATED], wanted.field[FIELD_CREATED]);
		require_same(r.field[FIELD_MSECS], wanted.field[FIELD_MSECS]);
		require_same(r.field[FIELD_MESSAGE], wanted.field[FIELD_MESSAGE]);
		require_same(r.exception, wanted.exception);
		require_same(r.stack, wanted.stack);
	}
	json_end(all);
	json_end(some);
	try_line(all, some, data, size);
	return 0;
}
