/*
 * A line with LOG_FORMAT (empty: the default), then a record, as a client sends it. Its line of
 * JSON, which the server publishes, makes the same entry at the writer that the record makes at the
 * server; and the record itself as a message, which is anybody's, makes one entry or none.
 */
#include "fuzz.h"
#include "record/render.h"
#include "writer/message.h"
#include "json/json.h"

#include <string.h>
#include <time.h>

#define MEMORY_MAX (16 * 1024 * 1024)
#define ARRIVAL	   1795387123048000000

static const struct render_bounds bounds = {256 * 1024, 16 * MEMORY_MAX, MEMORY_MAX};

static struct json_decoder *decoder;
static struct formatter json;

/* Appends the entry of the one record; false: it is refused, or is not one. */
static bool
render(const struct formatter *f, const char *data, size_t size, struct render_added *added,
    struct buf *out)
{
	struct render_arrival arrival = {ARRIVAL, value_string("192.0.2.7")};
	struct record_wanted wanted = formatter_wanted(f);
	struct record_error e;
	struct record record;
	struct render r;
	const char *what;
	size_t offset;
	struct value v;
	bool good;

	render_init(&r, f, NULL);
	render_begin(&r, &bounds);
	json_begin(decoder, data, size);
	good = json_next_record(decoder, &v, &what, &offset) == JSON_RECORD &&
	       !json_is_batch(decoder) && record_read(&record, v, &wanted, &e);
	if (good) {
		render_record(&r, &record, &arrival, out);
		*added = r.added;
		good = !out->failed && json_next_record(decoder, &v, &what, &offset) == JSON_END;
	}
	json_end(decoder);
	render_free(&r);
	return good;
}

/* Takes the message, and appends its entry. */
static enum message_status
take(const struct formatter *f, const struct message *m, struct buf *out)
{
	struct message_settings settings = {f, ~0U};
	struct message_intake *in = message_intake_new(&settings);
	struct entries entries = {.arrival = 0};
	enum message_status status;
	enum level level = LEVEL_DEBUG;
	char why[512] = "";

	require(in != NULL);
	status = message_take(in, m, &entries, &level, why, sizeof(why));
	for (int i = 0; i < LEVEL_COUNT; i++) {
		require(status == MESSAGE_GOOD || entries.level[i].len == 0);
		require(i == (int)level || entries.level[i].len == 0);
		buf_append(out, entries.level[i].data, entries.level[i].len);
		buf_free(&entries.level[i]);
	}
	require(status != MESSAGE_REJECTED || *why != '\0');
	message_intake_free(in);
	return status;
}

/* Whether the message says more than one of its size may. */
static bool
is_bounded(const struct buf *entry, size_t size)
{
	return entry->len < (size_t)256 * 1024 + size;
}

/* A text that is such a number, beside the number itself: nothing tells the two apart. */
static bool
is_doubtful(const struct render_added *added, const char *data, size_t size)
{
	return added->strings && (memmem(data, size, "NaN\"", 4) != NULL ||
				     memmem(data, size, "Infinity\"", 9) != NULL ||
				     memmem(data, size, "\\u", 2) != NULL);
}

static void
check_same(const struct formatter *f, const char *data, size_t size)
{
	struct buf line = BUF_INIT, direct = BUF_INIT, again = BUF_INIT;
	struct render_added added = {0, false}, none;
	char text[RENDER_ADDED_SIZE];

	if (render(&json, data, size, &added, &line) && render(f, data, size, &none, &direct) &&
	    is_bounded(&line, size) && is_bounded(&direct, size) &&
	    !is_doubtful(&added, data, size)) {
		const struct message m = {.value = line.data,
		    .len = line.len,
		    .added = text,
		    .added_len = render_added_put(&added, text),
		    .timestamp = 5};
		enum message_status status = take(f, &m, &again);

		require(status == MESSAGE_GOOD || status == MESSAGE_DROPPED);
		require(
		    status == MESSAGE_DROPPED ||
		    (again.len == direct.len && memcmp(again.data, direct.data, direct.len) == 0));
	}
	buf_free(&line);
	buf_free(&direct);
	buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf format = fuzz_line(&data, &size), why = BUF_INIT, out = BUF_INIT;
	const struct message m = {
	    .value = (const char *)data, .len = size, .added = "", .timestamp = 5};
	struct formatter f;

	if (decoder == NULL) {
		setenv("TZ", "Europe/Berlin", 1);
		tzset();
		json_init();
		decoder = json_decoder_new(MEMORY_MAX, NULL);
		require(formatter_compile(&json, "json", NULL, &why));
	}
	if (format.len == 0)
		buf_puts(&format, "%(asctime)s %(levelname)s:%(name)s %(message)s");
	buf_putc(&format, '\0');
	if (formatter_compile(&f, format.data, NULL, &why)) {
		check_same(&f, (const char *)data, size);
		if (take(&f, &m, &out) == MESSAGE_GOOD)
			require(fuzz_check_entries(&out) == 1);
		formatter_free(&f);
	}
	buf_free(&format);
	buf_free(&why);
	buf_free(&out);
	return 0;
}
