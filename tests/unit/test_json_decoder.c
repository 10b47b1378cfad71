#include "unit.h"
#include "json/json.h"
#include "json/scan.h"

#include "decoder.h"

static bool
is_not_a(void *context, const char *name, size_t len, const struct value *v, bool plain)
{
	(void)context;
	(void)v;
	(void)plain;
	return len != 1 || *name != 'a';
}

/* What was left out of a record is had by a second look, and the next one follows it. */
static void
decodes_a_record_once_more_as_a_whole(void **state)
{
	static const char body[] = "[{\"a\": 1, \"b\": 2}, {\"b\": 3, \"a\": 4}]";
	struct buf out = BUF_INIT;
	const char *what = "";
	struct value record;
	size_t offset;

	(void)state;
	json_decoder_skip(decoder, is_not_a, NULL);
	assert_int_equal(
	    decoder_first(body, sizeof(body) - 1, &record, &what, &offset), JSON_RECORD);
	json_write(&out, record, true);
	assert_int_equal(json_whole_record(decoder, &record), JSON_RECORD);
	json_write(&out, record, true);
	assert_int_equal(json_next_record(decoder, &record, &what, &offset), JSON_RECORD);
	json_write(&out, record, true);
	assert_int_equal(json_whole_record(decoder, &record), JSON_RECORD);
	json_write(&out, record, true);
	assert_int_equal(json_next_record(decoder, &record, &what, &offset), JSON_END);
	assert_buf_equal(&out, "{\"a\":1}{\"a\":1,\"b\":2}{\"a\":4}{\"b\":3,\"a\":4}");
	json_decoder_skip(decoder, NULL, NULL);
	json_end(decoder);
	buf_free(&out);
}

static void
tells_other_values_from_records(void **state)
{
	static const char *const bodies[] = {"1", "\"a\"", "null", "NaN", "[1]", "[{}, []]"};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		enum json_status status;
		struct value record;
		const char *what;
		size_t offset;

		json_begin(decoder, bodies[i], strlen(bodies[i]));
		do {
			status = json_next_record(decoder, &record, &what, &offset);
		} while (status == JSON_RECORD);
		assert_int_equal(status, JSON_NOT_RECORD);
		json_end(decoder);
	}
}

static void
reads_batches_and_a_byte_order_mark(void **state)
{
	const char *body = "\xef\xbb\xbf [ {\"a\": 1} , {\"a\": 2} ] ";
	struct value record;
	const char *what;
	size_t offset;

	(void)state;
	assert_int_equal(decoder_first(body, strlen(body), &record, &what, &offset), JSON_RECORD);
	assert_true(json_is_batch(decoder));
	assert_string_equal(json_member(record, "a", 1).text, "1");
	assert_int_equal(json_next_record(decoder, &record, &what, &offset), JSON_RECORD);
	assert_string_equal(json_member(record, "a", 1).text, "2");
	assert_int_equal(json_next_record(decoder, &record, &what, &offset), JSON_END);
	json_end(decoder);
	assert_int_equal(decoder_first("[]", 2, &record, &what, &offset), JSON_END);
	json_end(decoder);
}

/* How many records a body of lines has; what and offset say what is wrong after them. */
static size_t
read_lines(const char *body, size_t len, const char **what, size_t *offset)
{
	struct value record;
	enum json_status status;
	size_t n = 0;

	*what = NULL;
	*offset = SIZE_MAX;
	json_begin_lines(decoder, body, len);
	for (; (status = json_next_record(decoder, &record, what, offset)) == JSON_RECORD; n++) {
		assert_true(json_is_batch(decoder));
		assert_int_equal(json_member(record, "a", 1).type, VALUE_NUMBER);
	}
	if (status == JSON_NOT_RECORD)
		*what = "not a record";
	assert_true(status == JSON_END || status == JSON_SYNTAX || status == JSON_NOT_RECORD);
	json_end(decoder);
	return n;
}

static void
reads_a_record_a_line(void **state)
{
	static const struct {
		const char *body;
		size_t records;
		const char *what;
		size_t offset;
	} cases[] = {
	    {"", 0, NULL, SIZE_MAX},
	    {" \n\r\n\t\n", 0, NULL, SIZE_MAX},
	    {"\xef\xbb\xbf", 0, NULL, SIZE_MAX},
	    {"{\"a\":1}", 1, NULL, SIZE_MAX},
	    {"\xef\xbb\xbf{\"a\":1}\n", 1, NULL, SIZE_MAX},
	    {"{\"a\":1}\n{\"a\":2}", 2, NULL, SIZE_MAX},
	    {"\n\n {\"a\": 1} \r\n\r\n\t{\"a\":2}\r\n\n", 2, NULL, SIZE_MAX},
	    {"{\"a\":1,\n\"b\":2}", 0, "a record must end in its line", 7},
	    {"{\"a\":1}\n{\"a\":2", 1, "a record must end in its line", 14},
	    {"{\"a\":1}\n{\"a\":\n2}", 1, "a record must end in its line", 13},
	    {"{\"a\":1,\"b\":\"x\ny\"}", 0, "a record must end in its line", 13},
	    {"{\"a\":1,\"b\":\"x\\\ny\"}", 0, "a record must end in its line", 14},
	    {"{\"a\":1}{\"a\":2}", 0, "nothing may follow the record in its line", 7},
	    {"{\"a\":1}\n{\"a\":2},\n", 1, "nothing may follow the record in its line", 15},
	    {"{\"a\":1}\r{\"a\":2}", 0, "nothing may follow the record in its line", 8},
	    {"[{\"a\":1}]", 0, "not a record", 0},
	    {"{\"a\":1}\n5\n", 1, "not a record", 8},
	    {"{\"a\":1}\n[\n{\"a\":1}]", 1, "a record must end in its line", 9},
	    {"{\"a\":1}\nnul\n", 1, "expected a value", 8},
	    {"{\"a\":1}\n}", 1, "expected a value", 8},
	    {"{\"a\":1}\n\x1e{\"a\":1}", 1, "expected a value", 8},
	};
	struct value record;
	const char *what;
	size_t offset;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].body), n;

		n = read_lines(cases[i].body, len, &what, &offset);
		assert_int_equal(n, cases[i].records);
		if (cases[i].what == NULL)
			assert_null(what);
		else
			assert_string_equal(what, cases[i].what);
		assert_int_equal(offset, cases[i].offset);
	}
	/* A zero byte is no end. */
	assert_int_equal(read_lines("{\"a\":1}\n\0", 9, &what, &offset), 1);
	assert_string_equal(what, "expected a value");
	/* Nor does it stay with lines. */
	assert_int_equal(decoder_first("{\"a\":\n1}", 8, &record, &what, &offset), JSON_RECORD);
	assert_false(json_is_batch(decoder));
	json_end(decoder);
}

static bool
skip_all(void *context, const char *name, size_t name_len, const struct value *v, bool plain)
{
	(void)context;
	(void)name;
	(void)name_len;
	(void)v;
	(void)plain;
	return true;
}

static void
decodes_what_came_otherwise(void **state)
{
	struct buf body = BUF_INIT, out = BUF_INIT;
	const struct json_node *node;
	struct value record, v;
	const char *what;
	size_t offset;

	(void)state;
	json_decoder_skip(decoder, skip_all, NULL);
	assert_int_equal(decoder_first(" {\"x\":1}", 8, &record, &what, &offset), JSON_RECORD);
	assert_null(json_first(record));
	assert_int_equal(json_whole_record(decoder, &record), JSON_RECORD);
	assert_int_equal(json_member(record, "x", 1).type, VALUE_NUMBER);
	assert_int_equal(decoder_first(" {\"x\":1}", 8, &record, &what, &offset), JSON_RECORD);
	json_begin(decoder, "not JSON", 8);
	buf_puts(&body, "{\"a\":");
	scan_put_string(&body, "\"\\\x01\t\xc0\x80\xc3\xa9", 8);
	buf_puts(&body, ",");
	scan_put_literal(&body, "k", 1);
	buf_puts(&body, ":");
	scan_put_literal(&body, "b'\\x00'", 7);
	buf_puts(&body, ",\"k\":[\"\xff"
			"1.0\",null]}");
	assert_int_equal(json_decode(decoder, &body, &record), JSON_RECORD);
	assert_int_equal(body.len, 0);
	/* Of it nothing is left out. */
	assert_int_equal(json_whole_record(decoder, &record), JSON_RECORD);
	v = json_member(record, "a", 1);
	assert_int_equal(v.type, VALUE_STRING);
	assert_string_equal(v.text, "\"\\\x01\t\xc0\x80\xc3\xa9");
	node = json_next(json_first(record));
	v = json_name(node);
	assert_int_equal(v.type, VALUE_LITERAL);
	assert_string_equal(v.text, "k");
	v = json_value(node);
	assert_int_equal(v.type, VALUE_LITERAL);
	assert_string_equal(v.text, "b'\\x00'");
	assert_int_equal(v.len, 7);
	/* A key that is no string is not found as if it were one. */
	assert_int_equal(json_member(record, "k", 1).type, VALUE_ARRAY);
	json_write(&out, record, true);
	assert_buf_equal(&out, "{\"a\":\"\\\"\\\\\\u0001\\t\\u0000\xc3\xa9\","
			       "\"k\":\"b'\\\\x00'\",\"k\":[1.0,null]}");
	json_end(decoder);
	json_decoder_skip(decoder, NULL, NULL);
	buf_free(&body);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decodes_what_came_otherwise),
	    cmocka_unit_test(tells_other_values_from_records),
	    cmocka_unit_test(decodes_a_record_once_more_as_a_whole),
	    cmocka_unit_test(reads_batches_and_a_byte_order_mark),
	    cmocka_unit_test(reads_a_record_a_line),
	};

	return cmocka_run_group_tests_name(
	    "json_decoder", tests, decoder_set_up, decoder_tear_down);
}
