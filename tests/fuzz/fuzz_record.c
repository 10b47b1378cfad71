/* A record: it is accepted or refused alike, whether unwanted fields are decoded or passed over. */
#include "fuzz.h"
#include "record/record.h"
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_decoder *all, *some;
	static const struct record_wanted always = {
	    RECORD_ALWAYS_WANTED, RECORD_ALWAYS_TYPED, false, 0};
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
	return 0;
}
