#include "python/pyvalue.h"
#include "unit.h"
#include "json/json.h"

#include "decoder.h"

/* The value of a JSON text; good until the next call. */
static void
repr(struct buf *out, struct value v)
{
	pyvalue_bounded(out, v, 'r', SIZE_MAX);
}

static struct value
decode(const char *json)
{
	static struct buf body = BUF_INIT;
	const char *what = "";
	size_t offset = 0;
	struct value record;

	json_end(decoder);
	buf_free(&body);
	if (json == NULL)
		return value_string("");
	buf_printf(&body, "{\"v\": %s}", json);
	json_begin(decoder, body.data, body.len);
	if (json_next_record(decoder, &record, &what, &offset) != JSON_RECORD)
		fail_msg("%s: %s at %zu", json, what, offset);
	return json_member(record, "v", 1);
}

static void
check(void (*print)(struct buf *, struct value), const char *json, const char *expected)
{
	struct buf out = BUF_INIT;

	print(&out, decode(json));
	assert_buf_equal(&out, expected);
	buf_free(&out);
	decode(NULL);
}

static void
test_str(void **state)
{
	(void)state;
	check(pyvalue_str, "\"it's\"", "it's");
	check(pyvalue_str, "null", "None");
	check(pyvalue_str, "true", "True");
	check(pyvalue_str, "false", "False");
	check(pyvalue_str, "[]", "[]");
	check(pyvalue_str, "{}", "{}");
	check(pyvalue_str, "[1, \"a\", null, [true]]", "[1, 'a', None, [True]]");
	check(pyvalue_str, "{\"k\": 2.0, \"l\": {}}", "{'k': 2.0, 'l': {}}");
	check(pyvalue_str, "{\"k\": 1, \"l\": 2, \"k\": 3}", "{'k': 3, 'l': 2}");
}

static void
test_numbers_are_as_sent(void **state)
{
	(void)state;
	check(pyvalue_str, "1.50", "1.50");
	check(pyvalue_str, "123456789012345678901234567890", "123456789012345678901234567890");
	check(repr, "[NaN, Infinity, -Infinity, -1]", "[nan, inf, -inf, -1]");
}

static void
test_repr_quotes(void **state)
{
	(void)state;
	check(repr, "\"a\"", "'a'");
	check(repr, "\"it's\"", "\"it's\"");
	check(repr, "\"say \\\"so\\\"\"", "'say \"so\"'");
	check(repr, "\"it's \\\"so\\\"\"", "'it\\'s \"so\"'");
	check(repr, "\"back\\\\slash\"", "'back\\\\slash'");
}

static void
test_repr_escapes(void **state)
{
	(void)state;
	check(repr, "\"\\t\\n\\r\\u0000\\u0007\\u007f\"", "'\\t\\n\\r\\x00\\x07\\x7f'");
	check(repr, "\"\\u0085\\u00a0\\u00ad\"", "'\\x85\\xa0\\xad'");
	check(repr, "\"\\u0378\\u200b\\u2028\\ue000\"", "'\\u0378\\u200b\\u2028\\ue000'");
	check(repr, "\"\\ud800 \\udcff\"", "'\\ud800 \\udcff'");
	check(repr, "\"\\udb40\\udc01\\udbff\\udfff\"", "'\\U000e0001\\U0010ffff'");
	check(repr, "\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\"",
	    "'\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80'");
}

static void
ascii(struct buf *out, struct value v)
{
	pyvalue_bounded(out, v, 'a', SIZE_MAX);
}

static void
test_ascii(void **state)
{
	(void)state;
	check(ascii, "{\"\xc3\xa9\": [\"\xe4\xb8\xad\", \"\xf0\x9f\x98\x80 a\"]}",
	    "{'\\xe9': ['\\u4e2d', '\\U0001f600 a']}");
}

static void
test_deep(void **state)
{
	struct buf json = BUF_INIT;

	(void)state;
	buf_fill(&json, '[', JSON_DEPTH_MAX - 2);
	buf_fill(&json, ']', JSON_DEPTH_MAX - 2);
	buf_putc(&json, '\0');
	check(repr, json.data, json.data);
	buf_free(&json);
}

static void
test_bounded(void **state)
{
	static const char json[] = "[\"\\u0007aaaaaaaaaaaa\xc3\xa9\", 12345678, {\"k\": [null]}]";
	struct buf whole = BUF_INIT, out = BUF_INIT;
	struct value v = decode(json);

	(void)state;
	repr(&whole, v);
	for (size_t max = 0; max <= whole.len; max++) {
		buf_clear(&out, 0);
		pyvalue_bounded(&out, v, 'r', max);
		assert_int_equal(out.len, max < whole.len ? max + 1 : whole.len);
		assert_memory_equal(out.data, whole.data, out.len);
	}
	buf_free(&whole);
	buf_free(&out);
	decode(NULL);
}

/* Of a repr() that came. */
static void
test_literal(void **state)
{
	static const char text[] = "('\xc3\xa9', b'\\x00', '\xe4\xb8\xad\xf0\x9f\x98\x80', 1)";
	static const char ascii[] = "('\\xe9', b'\\x00', '\\u4e2d\\U0001f600', 1)";
	const struct value v = {VALUE_LITERAL, text, sizeof(text) - 1, NULL};
	struct buf out = BUF_INIT;

	(void)state;
	for (const char *conversion = "sra"; *conversion != '\0'; conversion++) {
		const char *expected = *conversion == 'a' ? ascii : text;

		for (size_t max = 0; max <= strlen(expected); max++) {
			buf_clear(&out, 0);
			assert_true(pyvalue_bounded(&out, v, *conversion, max) >= v.len);
			assert_int_equal(
			    out.len, max < strlen(expected) ? max + 1 : strlen(expected));
			assert_memory_equal(out.data, expected, out.len);
		}
	}
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_str),
	    cmocka_unit_test(test_numbers_are_as_sent),
	    cmocka_unit_test(test_repr_quotes),
	    cmocka_unit_test(test_repr_escapes),
	    cmocka_unit_test(test_ascii),
	    cmocka_unit_test(test_deep),
	    cmocka_unit_test(test_bounded),
	    cmocka_unit_test(test_literal),
	};

	return cmocka_run_group_tests(tests, decoder_set_up, decoder_tear_down);
}
