#include "unit.h"
#include "json/json.h"

#include "decoder.h"

#include <stdio.h>
#include <stdlib.h>

/* The value as JSON, of the text {"v": <text>}. */
static void
check_written(const char *json, size_t len, bool strict, const char *expected)
{
	struct buf body = BUF_INIT, out = BUF_INIT;
	const char *what = "";
	size_t offset = 0;
	struct value record;

	buf_puts(&body, "{\"v\": ");
	buf_append(&body, json, len);
	buf_puts(&body, "}");
	if (decoder_first(body.data, body.len, &record, &what, &offset) != JSON_RECORD)
		fail_msg("%.*s: %s at %zu", (int)len, json, what, offset);
	json_write(&out, json_member(record, "v", 1), strict);
	assert_buf_equal(&out, expected);
	assert_int_equal(json_next_record(decoder, &record, &what, &offset), JSON_END);
	json_end(decoder);
	buf_free(&out);
	buf_free(&body);
}

#define WRITTEN(json, strict, expected) check_written(json, sizeof(json) - 1, strict, expected)

static void
keeps_what_cjson_would_lose(void **state)
{
	(void)state;
	WRITTEN("9007199254740993", true, "9007199254740993");
	WRITTEN("12345678901234567890123", true, "12345678901234567890123");
	WRITTEN("[1, 1.0, 1e+16, -0, -0.0, 1E400]", true, "[1,1.0,1e+16,-0,-0.0,1E400]");
	WRITTEN("[NaN, Infinity, -Infinity]", false, "[NaN,Infinity,-Infinity]");
	WRITTEN("[NaN, Infinity, -Infinity]", true, "[\"NaN\",\"Infinity\",\"-Infinity\"]");
	WRITTEN("\"a\\u0000b\"", true, "\"a\\u0000b\"");
	WRITTEN("\"\\udcff \\ud800 \\ud83d\\ude00\"", true, "\"\\udcff \\ud800 \xf0\x9f\x98\x80\"");
	WRITTEN("\"\\ude00\\ud83d\"", true, "\"\\ude00\\ud83d\"");
	WRITTEN("\"\xed\xb3\xbf\"", true, "\"\\udcff\"");
	WRITTEN("{\"a\\u0000\": {}, \"\": []}", true, "{\"a\\u0000\":{},\"\":[]}");
	WRITTEN("\"\x7f \xc2\x85 \\u001b \\/ \\\" \\\\ \\b\\f\\n\\r\\t\"", true,
	    "\"\\u007f \\u0085 \\u001b / \\\" \\\\ \\b\\f\\n\\r\\t\"");
	WRITTEN(
	    "\"\x7f \xc2\x85 \\u0001 \\udcff\"", false, "\"\x7f \xc2\x85 \\u0001 \xed\xb3\xbf\"");
	WRITTEN("\"\xe2\x80\xa8 \\u202e \xe2\x81\xa9 \xe2\x80\x9c\"", true,
	    "\"\\u2028 \\u202e \\u2069 \xe2\x80\x9c\"");
	WRITTEN("\"\xe2\x80\xa8 \\u202e\"", false, "\"\xe2\x80\xa8 \xe2\x80\xae\"");
	WRITTEN("{\"\\u2029\": 1}", true, "{\"\\u2029\":1}");
	WRITTEN("[true, false, null]", true, "[true,false,null]");
}

static void
duplicates_are_a_python_dicts(void **state)
{
	(void)state;
	WRITTEN("{\"a\": 1, \"b\": 2, \"a\": 3}", true, "{\"a\":3,\"b\":2}");
	WRITTEN("{\"a\": 1, \"A\": 2, \"a\": {\"x\": 1, \"x\": [2]}, \"a\": null}", true,
	    "{\"a\":null,\"A\":2}");
}

static void
large_objects_are_found_by_name(void **state)
{
	struct buf body = BUF_INIT;
	struct value record, v;
	const char *what;
	size_t offset;
	char name[16];

	(void)state;
	buf_puts(&body, "{");
	for (int i = 0; i < 3000; i++)
		buf_printf(&body, "\"k%d\": %d, ", i % 1000, i);
	buf_puts(&body, "\"last\": 1}");
	assert_int_equal(decoder_first(body.data, body.len, &record, &what, &offset), JSON_RECORD);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		v = json_member(record, name, strlen(name));
		assert_int_equal(v.type, VALUE_NUMBER);
		assert_int_equal(atoi(v.text), 2000 + i); /* the last of its name */
	}
	assert_int_equal(json_member(record, "k", 1).type, VALUE_ABSENT);
	assert_int_equal(json_member(record, "k1000", 5).type, VALUE_ABSENT);
	/* In the place of the first of its name. */
	assert_string_equal(json_name(json_first(record)).text, "k0");
	assert_string_equal(json_value(json_first(record)).text, "2000");
	json_end(decoder);
	buf_free(&body);
}

struct refusal {
	const char *body;
	size_t len;
	const char *what;
	size_t offset;
};

#define REFUSAL(body, what, offset)                                                                \
	{                                                                                          \
		body, sizeof(body) - 1, what, offset                                               \
	}

static const struct refusal refusals[] = {
    REFUSAL("", "the text ends where a value is expected", 0),
    REFUSAL("  ", "the text ends where a value is expected", 2),
    REFUSAL("{\"a\": 01}", "a number with a leading zero", 6),
    REFUSAL("{\"a\": -01}", "a number with a leading zero", 7),
    REFUSAL("{\"a\": 1.}", "a digit must follow the decimal point", 8),
    REFUSAL("{\"a\": .5}", "expected a value", 6),
    REFUSAL("{\"a\": 1e}", "a digit must follow the exponent", 8),
    REFUSAL("{\"a\": 1e+}", "a digit must follow the exponent", 9),
    REFUSAL("{\"a\": +1}", "expected a value", 6),
    REFUSAL("{\"a\": -}", "expected a value", 7),
    REFUSAL("{\"a\": 0x10}", "expected ',' or '}'", 7),
    REFUSAL("{\"a\": nan}", "expected a value", 6),
    REFUSAL("{\"a\": -NaN}", "expected a value", 7),
    REFUSAL("{\"a\": tru}", "expected a value", 6),
    REFUSAL("{\"a\": True}", "expected a value", 6),
    REFUSAL("{\"a\": 'b'}", "expected a value", 6),
    REFUSAL("{a: 1}", "expected a name in double quotes", 1),
    REFUSAL("{\"a\" 1}", "expected ':'", 5),
    REFUSAL("{\"a\": 1,}", "expected a name in double quotes", 8),
    REFUSAL("{\"a\": [1,]}", "expected a value", 9),
    REFUSAL("{\"a\": [1 2]}", "expected ',' or ']'", 9),
    REFUSAL("{\"a\": 1", "the text ends within a container", 7),
    REFUSAL("{\"a\": \"b", "the text ends within a string", 8),
    REFUSAL("{\"a\": \"\\", "the text ends within a string", 8),
    REFUSAL("{\"a\": \"\n\"}", "a control character in a string must be escaped", 7),
    REFUSAL("{\"a\": \"\0\"}", "a control character in a string must be escaped", 7),
    REFUSAL("{\"a\": \"\\x41\"}", "no such escape in a string", 7),
    REFUSAL("{\"a\": \"\\\0\"}", "no such escape in a string", 7),
    REFUSAL("{\"a\": \"\\u12g4\"}", "\\u must be followed by four hexadecimal digits", 7),
    REFUSAL("{\"a\": \"\\u12", "\\u must be followed by four hexadecimal digits", 7),
    REFUSAL("{\"a\": \"\xff\"}", "not UTF-8", 7),
    REFUSAL("{\"a\": \"\xc0\x80\"}", "not UTF-8", 7),
    REFUSAL("{\"a\": \"\xe2\x82\"}", "not UTF-8", 7),
    REFUSAL("{\"a\": \"\xf4\x90\x80\x80\"}", "not UTF-8", 7),
    REFUSAL("{\"a\": 1}\0", "nothing may follow the value", 8),
    REFUSAL("{\"a\": 1} x", "nothing may follow the value", 9),
    REFUSAL("{\"a\": 1}{}", "nothing may follow the value", 8),
    REFUSAL("[{}", "the text ends within a container", 3),
    REFUSAL("[{},]", "expected a value", 4),
    REFUSAL("[{} {}]", "expected ',' or ']'", 4),
    REFUSAL("[,]", "expected a value", 1),
    REFUSAL("[{}]]", "nothing may follow the value", 4),
    REFUSAL("[{}, 01]", "a number with a leading zero", 5),
    REFUSAL("/* */ {}", "expected a value", 0),
    REFUSAL("\f{}", "expected a value", 0),
};

static void
refuses_what_is_not_json_and_says_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];
		const char *what = "accepted";
		enum json_status status;
		struct value record;
		size_t offset = 0;
		/* Of its own size, for the address sanitizer to see a read beyond it. */
		char *body = malloc(r->len + (r->len == 0));

		memcpy(body, r->body, r->len);
		json_begin(decoder, body, r->len);
		do {
			status = json_next_record(decoder, &record, &what, &offset);
		} while (status == JSON_RECORD);
		if (status != JSON_SYNTAX || strcmp(what, r->what) != 0 || offset != r->offset)
			fail_msg("%s: status %d, %s at %zu", r->body, (int)status, what, offset);
		json_end(decoder);
		free(body);
	}
}

static enum json_status
nested(int depth)
{
	struct buf body = BUF_INIT;
	struct value record;
	const char *what;
	size_t offset;
	enum json_status status;

	buf_puts(&body, "{\"v\":");
	buf_fill(&body, '[', (size_t)depth - 1);
	buf_fill(&body, ']', (size_t)depth - 1);
	buf_puts(&body, "}");
	status = decoder_first(body.data, body.len, &record, &what, &offset);
	json_end(decoder);
	buf_free(&body);
	return status;
}

static void
nests_a_thousand_deep_and_no_deeper(void **state)
{
	(void)state;
	assert_int_equal(nested(1000), JSON_RECORD);
	assert_int_equal(nested(1001), JSON_SYNTAX);
	assert_int_equal(nested(100000), JSON_SYNTAX);
}

static void
bounds_the_memory_of_a_record(void **state)
{
	struct json_decoder *small = json_decoder_new(1024 * 1024, NULL);
	struct buf body = BUF_INIT;
	struct value record;
	const char *what;
	size_t offset;

	(void)state;
	buf_puts(&body, "{\"v\":[1");
	for (int i = 0; i < 100000; i++)
		buf_puts(&body, ",1");
	buf_puts(&body, "]}");
	json_begin(small, body.data, body.len);
	assert_int_equal(json_next_record(small, &record, &what, &offset), JSON_TOO_LARGE);
	json_end(small);
	/* And it works again after that. */
	json_begin(small, "{}", 2);
	assert_int_equal(json_next_record(small, &record, &what, &offset), JSON_RECORD);
	json_end(small);
	json_decoder_free(small);
	buf_free(&body);
}

/* Without memory for its index a large object seems empty, and the record is known not to be whole:
 * a search from end to end, for each of many keys, would take minutes. */
static void
tells_when_a_large_object_could_not_be_searched(void **state)
{
	struct json_decoder *d = json_decoder_new(1024 * 1024, NULL);
	struct buf body = BUF_INIT;
	enum json_status status;
	struct value record;
	const char *what;
	size_t offset;
	bool seen = false;

	(void)state;
	/* Of some size the nodes have room, and the index has not. */
	for (int n = 8000; n < 12000; n += 10) {
		buf_clear(&body, 0);
		buf_puts(&body, "{\"a\":1");
		for (int i = 1; i < n; i++)
			buf_puts(&body, ",\"a\":1");
		buf_puts(&body, "}");
		json_begin(d, body.data, body.len);
		status = json_next_record(d, &record, &what, &offset);
		if (status == JSON_RECORD) {
			struct value v = json_member(record, "a", 1);

			status = json_record_status(d);
			assert_int_equal(
			    v.type, status == JSON_RECORD ? VALUE_NUMBER : VALUE_ABSENT);
			seen = seen || status == JSON_TOO_LARGE;
		}
		json_end(d);
		if (status != JSON_RECORD)
			assert_int_equal(status, JSON_TOO_LARGE);
	}
	assert_true(seen);
	json_decoder_free(d);
	buf_free(&body);
}

static void
counts_its_memory_against_the_budget(void **state)
{
	struct budget budget = {.max = 200 * 1024};
	struct json_decoder *d = json_decoder_new(1024 * 1024, &budget);
	struct buf body = BUF_INIT;
	struct value record;
	const char *what;
	size_t offset;

	(void)state;
	buf_puts(&body, "{\"v\":[1");
	for (int i = 0; i < 5000; i++)
		buf_puts(&body, ",1");
	buf_puts(&body, "]}");
	json_begin(d, body.data, body.len);
	assert_int_equal(json_next_record(d, &record, &what, &offset), JSON_NO_MEMORY);
	json_end(d);
	assert_int_equal(budget.used, 0);
	budget.max = 1024 * 1024;
	json_begin(d, body.data, body.len);
	assert_int_equal(json_next_record(d, &record, &what, &offset), JSON_RECORD);
	assert_true(budget.used > 300 * 1024);
	json_end(d);
	assert_int_equal(budget.used, 0);
	json_decoder_free(d);
	buf_free(&body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_what_cjson_would_lose),
	    cmocka_unit_test(duplicates_are_a_python_dicts),
	    cmocka_unit_test(large_objects_are_found_by_name),
	    cmocka_unit_test(refuses_what_is_not_json_and_says_where),
	    cmocka_unit_test(nests_a_thousand_deep_and_no_deeper),
	    cmocka_unit_test(bounds_the_memory_of_a_record),
	    cmocka_unit_test(tells_when_a_large_object_could_not_be_searched),
	    cmocka_unit_test(counts_its_memory_against_the_budget),
	};

	return cmocka_run_group_tests_name("json", tests, decoder_set_up, decoder_tear_down);
}
