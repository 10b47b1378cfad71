/*
 * A body: what is accepted can be written as strict JSON, which reads as the same again, and a
 * record's members are those of a Python dict. And as lines: each is a body of its own.
 */
#include "fuzz.h"
#include "json/json.h"

#define MEMORY_MAX (16 * 1024 * 1024)

/* So little that a record of an input's size can be too large for it. */
#define MEMORY_LITTLE (24 * 1024)

static struct json_decoder *decoder, *second, *little;

static void
check_strict(const struct buf *written)
{
	for (size_t i = 0; i < written->len; i++)
		require((unsigned char)written->data[i] >= 0x20 && written->data[i] != 0x7f);
}

static void
read_again(struct json_decoder *d, const struct buf *written)
{
	struct buf again = BUF_INIT;
	struct value v;
	const char *what;
	size_t offset;

	json_begin(d, written->data, written->len);
	require(json_next_record(d, &v, &what, &offset) == JSON_RECORD);
	json_write(&again, v, true);
	require(again.len == written->len && memcmp(again.data, written->data, again.len) == 0);
	require(json_next_record(d, &v, &what, &offset) == JSON_END);
	json_end(d);
	buf_free(&again);
}

/* --- members, the slow way --- */

/* A record as it was sent: names, and values written as JSON, one after the other. */
struct sent {
	size_t count;
	struct value *name;
	size_t *end; /* of each value */
	struct buf values;
};

static struct sent
take_sent(struct value record)
{
	struct sent s = {.values = BUF_INIT};
	const struct json_node *node;
	size_t i = 0;

	for (node = json_as_sent(record); node != NULL; node = json_next(node))
		s.count++;
	s.name = calloc(s.count + 1, sizeof(*s.name));
	s.end = calloc(s.count + 1, sizeof(*s.end));
	require(s.name != NULL && s.end != NULL);
	for (node = json_as_sent(record); node != NULL; i++) {
		struct value v;

		s.name[i] = json_name(node);
		v = json_value(node);
		node = json_next(node);
		json_write(&s.values, v, true);
		s.end[i] = s.values.len;
	}
	return s;
}

static bool
is_named(const struct sent *s, size_t i, const char *name, size_t len)
{
	return s->name[i].len == len && memcmp(s->name[i].text, name, len) == 0;
}

/* The last of that name; s->count: there is none. */
static size_t
last_named(const struct sent *s, const char *name, size_t len)
{
	size_t i = s->count;

	while (i > 0) {
		if (is_named(s, --i, name, len))
			return i;
	}
	return s->count;
}

static void
put_value(struct buf *out, const struct sent *s, size_t i)
{
	size_t start = i > 0 ? s->end[i - 1] : 0;

	buf_append(out, s->values.data + start, s->end[i] - start);
}

/* json_member() finds the last of a name, and nothing where there is none. */
static void
check_member(const struct sent *s, struct value record, const char *name, size_t len)
{
	struct buf expected = BUF_INIT, got = BUF_INIT;
	struct value v = json_member(record, name, len);
	size_t last = last_named(s, name, len);

	require((v.type == VALUE_ABSENT) == (last == s->count));
	if (last < s->count) {
		put_value(&expected, s, last);
		json_write(&got, v, true);
		require(got.len == expected.len);
		require(memcmp(got.data, expected.data, got.len) == 0);
	}
	buf_free(&expected);
	buf_free(&got);
}

/* The first of a name keeps its place and takes the value of the last. */
static void
check_order(const struct sent *s, struct value record)
{
	struct buf expected = BUF_INIT, got = BUF_INIT;

	buf_putc(&expected, '{');
	for (size_t i = 0; i < s->count; i++) {
		const struct value *name = &s->name[i];
		size_t first = 0;

		while (!is_named(s, first, name->text, name->len))
			first++;
		if (first < i)
			continue;
		if (expected.len > 1)
			buf_putc(&expected, ',');
		json_write_string(&expected, name->text, name->len, true);
		buf_putc(&expected, ':');
		put_value(&expected, s, last_named(s, name->text, name->len));
	}
	buf_putc(&expected, '}');
	json_write(&got, record, true);
	require(got.len == expected.len && memcmp(got.data, expected.data, got.len) == 0);
	buf_free(&expected);
	buf_free(&got);
}

static void
check_members(struct value record)
{
	struct sent s = take_sent(record);

	check_order(&s, record);
	for (size_t i = 0; i < s.count; i++) {
		struct buf longer = BUF_INIT;
		const struct value *name = &s.name[i];

		check_member(&s, record, name->text, name->len);
		if (name->len > 0)
			check_member(&s, record, name->text, name->len - 1);
		buf_append(&longer, name->text, name->len);
		buf_putc(&longer, 'x');
		check_member(&s, record, longer.data, longer.len);
		buf_free(&longer);
	}
	free(s.name);
	free(s.end);
	buf_free(&s.values);
}

/* --- bodies --- */

static void
read_body(struct json_decoder *d, const uint8_t *data, size_t size)
{
	struct buf written = BUF_INIT;
	enum json_status status;
	const char *what = NULL;
	size_t offset = 0;
	struct value v;

	json_begin(d, (const char *)data, size);
	while ((status = json_next_record(d, &v, &what, &offset)) == JSON_RECORD) {
		written.len = 0;
		/* Where memory runs out, duplicates are left standing. */
		if (d != little)
			check_members(v);
		json_write(&written, v, true);
		require(!written.failed);
		check_strict(&written);
		if (d != little)
			read_again(second, &written);
	}
	require(d == little || status != JSON_TOO_LARGE);
	if (status == JSON_SYNTAX || status == JSON_NOT_RECORD)
		require(offset <= size);
	require(status != JSON_SYNTAX || what != NULL);
	json_end(d);
	buf_free(&written);
}

/* --- lines --- */

/* 1: the line is a body of one record; 0: it is blank; -1: it is neither. */
static int
is_record(const char *line, size_t len, bool first)
{
	const char *what;
	size_t offset;
	struct value v;
	bool good;

	/* What only the beginning of all lines may have. */
	if (!first && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
		return -1;
	if (first && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		len -= 3;
	}
	while (len > 0 && strchr(" \t\r", *line) != NULL && *line != '\0') {
		line++;
		len--;
	}
	if (len == 0)
		return 0;
	json_begin(second, line, len);
	good = *line == '{' && json_next_record(second, &v, &what, &offset) == JSON_RECORD &&
	       json_next_record(second, &v, &what, &offset) == JSON_END;
	json_end(second);
	return good ? 1 : -1;
}

/* How many records there are before the first line that is none; whole: there is no such line. */
static size_t
count_lines(const char *data, size_t size, bool *whole)
{
	size_t at = 0, records = 0;

	*whole = true;
	while (at < size) {
		const char *end = memchr(data + at, '\n', size - at);
		size_t len = end != NULL ? (size_t)(end - data) - at : size - at;
		int is = is_record(data + at, len, at == 0);

		if (is < 0) {
			*whole = false;
			return records;
		}
		records += (size_t)is;
		at += len + 1;
	}
	return records;
}

static void
read_lines(const char *data, size_t size)
{
	enum json_status status;
	const char *what = NULL;
	size_t offset = 0, records = 0, expected;
	struct value v;
	bool whole;

	json_begin_lines(decoder, data, size);
	while ((status = json_next_record(decoder, &v, &what, &offset)) == JSON_RECORD)
		records++;
	require(json_is_batch(decoder));
	json_end(decoder);
	require(status == JSON_END || status == JSON_SYNTAX || status == JSON_NOT_RECORD);
	require(status == JSON_END || offset <= size);
	require(status != JSON_SYNTAX || what != NULL);
	expected = count_lines(data, size, &whole);
	require(records == expected && whole == (status == JSON_END));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (decoder == NULL) {
		json_init();
		decoder = json_decoder_new(MEMORY_MAX, NULL);
		second = json_decoder_new(4 * MEMORY_MAX, NULL);
		little = json_decoder_new(MEMORY_LITTLE, NULL);
		require(decoder != NULL && second != NULL && little != NULL);
	}
	read_body(decoder, data, size);
	read_body(little, data, size);
	read_lines((const char *)data, size);
	return 0;
}
