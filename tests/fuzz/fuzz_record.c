/* A record: it is accepted or refused alike, whether unwanted fields are decoded or passed over. */
#include "fuzz.h"
#include "record/json.h"
#include "record/record.h"

#define MEMORY_MAX (16 * 1024 * 1024)

/* -1: not JSON, or no object; 0: refused; 1: accepted, in *r. */
static int
read_record(struct json_decoder *d, const uint8_t *data, size_t size, struct record *r)
{
	struct record_error e = {0};
	const char *what;
	size_t offset;
	struct value v;

	json_begin(d, (const char *)data, size);
	if (json_next_record(d, &v, &what, &offset) != JSON_RECORD)
		return -1;
	if (!record_read(r, v, &e)) {
		require(e.field != NULL && e.what != NULL);
		return 0;
	}
	return 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_decoder *all, *some;
	struct record_skipping skipping = {.wanted = {RECORD_ALWAYS_WANTED, false}};
	struct record r, wanted;
	int accepted, accepted_too;

	if (all == NULL) {
		json_init();
		all = json_decoder_new(MEMORY_MAX);
		some = json_decoder_new(MEMORY_MAX);
	}
	json_decoder_skip(some, record_skip, &skipping);
	accepted = read_record(all, data, size, &r);
	json_end(all);
	accepted_too = read_record(some, data, size, &wanted);
	json_end(some);
	/* With fields left out, a record may take less memory than the limit. */
	if (accepted >= 0) {
		require(accepted == accepted_too);
		require(accepted == 0 || r.levelno == wanted.levelno);
		require(accepted == 0 || r.created == wanted.created);
	}
	return 0;
}
