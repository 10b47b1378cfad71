/*
 * Lines with LOG_FORMAT and LOG_DATE_FORMAT (empty: Python's default), then a body of records: the
 * entries that go into the file.
 */
#include "fuzz.h"
#include "record/render.h"
#include "json/json.h"

#include <time.h>

#define MEMORY_MAX  (16 * 1024 * 1024)
#define MESSAGE_MAX (256 * 1024)
#define ARRIVAL	    1795387123048945678

static const struct render_bounds bounds = {MESSAGE_MAX, 16 * MEMORY_MAX, MEMORY_MAX};
static struct json_decoder *decoder, *second;

/* LOG_FORMAT=json writes strict JSON, an object a line. */
static void
check_json(const struct buf *out)
{
	const char *what;
	struct value v;
	size_t offset;

	json_begin(second, out->data, out->len);
	require(json_next_record(second, &v, &what, &offset) == JSON_RECORD);
	require(json_next_record(second, &v, &what, &offset) == JSON_END);
	json_end(second);
	require(memchr(out->data, '\n', out->len) == out->data + out->len - 1);
}

/*
 * An entry starts at each line that does not start with a tab, and nowhere else: `starts` holds the
 * offsets at which those of this file were written.
 */
static void
check_told_apart(const struct buf *file, const struct buf *starts)
{
	const size_t *start = (const size_t *)(const void *)starts->data;
	size_t entries = 0;

	for (size_t i = 0; i < file->len; i++) {
		if ((i > 0 && file->data[i - 1] != '\n') || file->data[i] == '\t')
			continue;
		require(entries < starts->len / sizeof(size_t) && start[entries] == i);
		entries++;
	}
	require(entries == starts->len / sizeof(size_t));
}

/* Nothing is left of the records before: a renderer that saw none of them makes the same. */
static void
check_afresh(const struct formatter *f, const struct record *record,
    const struct render_arrival *arrival, const struct buf *out)
{
	struct buf again = BUF_INIT;
	struct render render;

	render_init(&render, f, NULL);
	render_begin(&render, &bounds);
	render_record(&render, record, arrival, &again);
	require(again.len == out->len);
	require(again.len == 0 || memcmp(again.data, out->data, again.len) == 0);
	render_free(&render);
	buf_free(&again);
}

static void
render_all(const struct formatter *f, const uint8_t *data, size_t size)
{
	struct render_arrival arrival = {ARRIVAL, value_string("192.0.2.7")};
	struct record_error e;
	struct record record;
	struct buf file = BUF_INIT, starts = BUF_INIT;
	struct record_wanted wanted = formatter_wanted(f);
	struct render render;
	const char *what;
	size_t offset;
	struct value v;

	render_init(&render, f, NULL);
	render_begin(&render, &bounds);
	json_begin(decoder, (const char *)data, size);
	while (json_next_record(decoder, &v, &what, &offset) == JSON_RECORD) {
		struct buf out;

		if (!record_read(&record, v, &wanted, &e))
			break;
		offset = file.len;
		buf_append(&starts, &offset, sizeof(offset));
		render_record(&render, &record, &arrival, &file);
		require(!file.failed);
		out = (struct buf){.data = file.data + offset, .len = file.len - offset};
		require(fuzz_check_entries(&out) == 1);
		check_afresh(f, &record, &arrival, &out);
		if (f->json)
			check_json(&out);
	}
	json_end(decoder);
	check_told_apart(&file, &starts);
	render_free(&render);
	buf_free(&file);
	buf_free(&starts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf format = fuzz_line(&data, &size), date = fuzz_line(&data, &size), why = BUF_INIT;
	struct formatter f;

	if (decoder == NULL) {
		setenv("TZ", "Europe/Berlin", 1);
		tzset();
		json_init();
		decoder = json_decoder_new(MEMORY_MAX, NULL);
		second = json_decoder_new(4 * MEMORY_MAX, NULL);
	}
	/* An environment variable holds no zero byte. */
	buf_putc(&format, '\0');
	buf_putc(&date, '\0');
	if (formatter_compile(&f, format.data, *date.data != '\0' ? date.data : NULL, &why)) {
		render_all(&f, data, size);
		formatter_free(&f);
	}
	buf_free(&format);
	buf_free(&date);
	buf_free(&why);
	return 0;
}
