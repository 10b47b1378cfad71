#include "python/pyformat.h"
#include "python/pyliteral.h"
#include "python/pyvalue.h"
#include "unit.h"
#include "json/json.h"

#include "decoder.h"

/* The whole language is compared with CPython by tests/integration/test_differential.py; here are
 * the corners that no random record finds every time, and the limits, which CPython has not. */

#define LIMIT 100000
#define WORK  (1024 * 1024)

static size_t work_left; /* by the last format() */

/* format % args, of JSON; the args are good until the next one. */
static enum pyformat_status
format(struct buf *out, const char *text, const char *args)
{
	struct buf body = BUF_INIT;
	const char *what = "";
	size_t offset = 0;
	struct value record;
	enum pyformat_status status;

	buf_printf(&body, "{\"args\": %s}", args);
	json_begin(decoder, body.data, body.len);
	if (json_next_record(decoder, &record, &what, &offset) != JSON_RECORD)
		fail_msg("%s: %s", args, what);
	work_left = WORK;
	status = pyformat_percent(
	    out, value_string(text), json_member(record, "args", 4), LIMIT, &work_left);
	json_end(decoder);
	buf_free(&body);
	return status;
}

static void
prints_what_cpython_prints(void **state)
{
	static const struct {
		const char *format;
		const char *args;
		const char *expected;
	} cases[] = {
	    {"%s %d %%", "[\"a\", 5]", "a 5 %"},
	    {"%5.1f|%-6d|%+d|% d|%05d", "[2.25, 42, 1, 1, -3]", "  2.2|42    |+1| 1|-0003"},
	    {"%#x %#X %#o %x", "[255, 255, 8, -255]", "0xff 0XFF 0o10 -ff"},
	    {"%x", "[1180591620717411303424]", "400000000000000000"},
	    {"%o", "[1180591620717411303424]", "200000000000000000000000"},
	    {"%d", "[1e22]", "10000000000000000000000"},
	    {"%d %d", "[2.9, -2.9]", "2 -2"},
	    {"%d %i", "[true, false]", "1 0"},
	    {"%010.5d|%-8.3d|", "[42, 7]", "0000000042|007     |"},
	    {"%e %G %g", "[12345.678, 1e-10, 100000]", "1.234568e+04 1E-10 100000"},
	    {"%f %F %05f %+f", "[NaN, Infinity, Infinity, NaN]", "nan INF 00inf +nan"},
	    {"%.0f %#.0f", "[0.5, 2.5]", "0 2."},
	    {"%f", "[-0.0]", "-0.000000"},
	    {"%d", "[-0]", "0"},
	    {"%c%c%c", "[97, \"\\u00e9\", true]", "a\xc3\xa9\x01"},
	    {"%c", "[0]", "\xc0\x80"},
	    {"%s %r %a", "[\"\\u00e9\", \"\\u00e9'\", \"\\u00e9\"]",
		"\xc3\xa9 \"\xc3\xa9'\" '\\xe9'"},
	    {"%3s|%-3s|%.1s", "[\"\\u00e9\", \"\\u00e9\", \"\\u00e9\\u00e9\"]",
		"  \xc3\xa9|\xc3\xa9  |\xc3\xa9"},
	    {"%*d|%-*d|%.*f", "[5, 1, 5, 2, 1, 3.14]", "    1|2    |3.1"},
	    {"%*d|", "[-5, 1]", "1    |"},
	    {"%(a)s %(a)d", "{\"a\": 1}", "1 1"},
	    {"%(a)s", "[{\"a\": null}]", "None"},
	    {"%((x))s", "{\"(x)\": 1}", "1"},
	    {"%s", "{\"a\": 1}", "{'a': 1}"},
	    {"no field", "{\"a\": 1}", "no field"},
	    {"%s", "[[1, 2]]", "[1, 2]"},
	    {"%s", "[{}]", "{}"},
	    {"%s", "\"single\"", "single"},
	    {"%d", "5", "5"},
	    {"%ld %hs %Lf", "[1, 2, 3]", "1 2 3.000000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT;

		if (format(&out, cases[i].format, cases[i].args) != PYFORMAT_OK)
			fail_msg("%s %s", cases[i].format, cases[i].args);
		assert_buf_equal(&out, cases[i].expected);
		buf_free(&out);
	}
}

static void
raises_where_cpython_raises(void **state)
{
	static const char *const cases[][2] = {
	    {"%s %s", "[1]"},
	    {"%s", "[1, 2]"},
	    {"none", "5"},
	    {"%d", "[\"5\"]"},
	    {"%d", "[null]"},
	    {"%d", "[NaN]"},
	    {"%d", "[Infinity]"},
	    {"%x", "[1.0]"},
	    {"%f", "[\"1\"]"},
	    {"%c", "[\"ab\"]"},
	    {"%c", "[1114112]"},
	    {"%c", "[-1]"},
	    {"%c", "[1.0]"},
	    {"%y", "[1]"},
	    {"%", "[1]"},
	    {"%5", "[1]"},
	    {"%l", "[1]"},
	    {"%5%", "[1]"},
	    {"%*d", "[1.5, 2]"},
	    {"%(a)s", "[1]"},
	    {"%(a)s", "{\"b\": 1}"},
	    {"%(a", "{\"a\": 1}"},
	    {"%s %s", "{\"a\": 1}"},
	    {"%(a)s %s", "{\"a\": 1}"},
	    {"%99999999999999999999d", "[1]"},
	    {"%.99999999999d", "[1]"},
	    {"%.*d", "[9999999999, 1]"},
	};
	struct buf huge = BUF_INIT, out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out, 0);
		if (format(&out, cases[i][0], cases[i][1]) != PYFORMAT_RAISES)
			fail_msg("%s %s", cases[i][0], cases[i][1]);
	}
	/* An int that no float can hold, and one beyond CPython's limit of digits. */
	buf_puts(&huge, "[1");
	buf_fill(&huge, '0', 400);
	buf_puts(&huge, "]");
	buf_putc(&huge, '\0');
	assert_int_equal(format(&out, "%f", huge.data), PYFORMAT_RAISES);
	assert_int_equal(format(&out, "%x", huge.data), PYFORMAT_OK);
	buf_clear(&huge, 0);
	buf_puts(&huge, "[1");
	buf_fill(&huge, '0', 4300);
	buf_puts(&huge, "]");
	buf_putc(&huge, '\0');
	assert_int_equal(format(&out, "%x", huge.data), PYFORMAT_RAISES);
	assert_int_equal(format(&out, "%d", huge.data), PYFORMAT_OK);
	buf_free(&huge);
	buf_free(&out);
}

static void
stops_at_the_limit(void **state)
{
	static const char *const cases[][2] = {
	    {"%999999999d", "[1]"},
	    {"%999999999s", "[\"a\"]"},
	    {"%.999999999d", "[1]"},
	    {"%.999999999f", "[1]"},
	    {"%*s", "[-999999999, \"a\"]"},
	    {"%90000d%90000d", "[1, 2]"},
	};
	struct buf out = BUF_INIT, text = BUF_INIT, args = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out, 0);
		assert_int_equal(format(&out, cases[i][0], cases[i][1]), PYFORMAT_TOO_LARGE);
		assert_true(out.cap < 8 * LIMIT);
	}
	/* A large value that the format repeats. */
	for (int i = 0; i < 10000; i++)
		buf_puts(&text, "%(k)s");
	buf_putc(&text, '\0');
	buf_puts(&args, "{\"k\": \"");
	buf_fill(&args, 'x', 50000);
	buf_puts(&args, "\"}");
	buf_putc(&args, '\0');
	buf_clear(&out, 0);
	assert_int_equal(format(&out, text.data, args.data), PYFORMAT_TOO_LARGE);
	assert_true(out.len < 3 * LIMIT);
	buf_free(&out);
	buf_free(&text);
	buf_free(&args);
}

/* What is left of the work is the caller's for the next format. */
static void
stops_when_the_work_is_done(void **state)
{
	struct buf out = BUF_INIT, text = BUF_INIT, args = BUF_INIT;

	(void)state;
	assert_int_equal(format(&out, "%s %d %f", "[\"x\", 5, 1.5]"), PYFORMAT_OK);
	assert_true(work_left < WORK && work_left > WORK - 500);
	/* A value that is long to find, or to read, though little of it is wanted; %x of many
	 * digits. */
	buf_puts(&args, "{\"k\": \"");
	buf_fill(&args, 'x', 5000);
	buf_puts(&args, "\", \"l\": [\"");
	buf_fill(&args, 'x', 5000);
	buf_puts(&args, "\"], \"n\": ");
	buf_fill(&args, '7', 4300);
	buf_puts(&args, "}");
	buf_putc(&args, '\0');
	for (int i = 0; i < 1000; i++)
		buf_puts(&text, "%(k).1s");
	buf_putc(&text, '\0');
	assert_int_equal(format(&out, text.data, args.data), PYFORMAT_TOO_LARGE);
	assert_int_equal(work_left, 0);
	buf_clear(&text, 0);
	for (int i = 0; i < 1000; i++)
		buf_puts(&text, "%(l).3r");
	buf_putc(&text, '\0');
	assert_int_equal(format(&out, text.data, args.data), PYFORMAT_TOO_LARGE);
	assert_int_equal(work_left, 0);
	buf_clear(&text, 0);
	for (int i = 0; i < 20; i++)
		buf_puts(&text, "%(n).0x");
	buf_putc(&text, '\0');
	assert_int_equal(format(&out, text.data, args.data), PYFORMAT_TOO_LARGE);
	buf_clear(&text, 0);
	for (int i = 0; i < 100; i++)
		buf_puts(&text, "%.900e");
	buf_putc(&text, '\0');
	buf_clear(&args, 0);
	buf_puts(&args, "[1");
	for (int i = 1; i < 100; i++)
		buf_puts(&args, ",1");
	buf_puts(&args, "]");
	buf_putc(&args, '\0');
	assert_int_equal(format(&out, text.data, args.data), PYFORMAT_TOO_LARGE);
	buf_free(&out);
	buf_free(&text);
	buf_free(&args);
}

static void
check_repr(const char *json, const char *str, const char *repr, const char *ascii)
{
	struct buf body = BUF_INIT, out = BUF_INIT;
	const char *what;
	size_t offset;
	struct value record, v;

	buf_printf(&body, "{\"v\": %s}", json);
	json_begin(decoder, body.data, body.len);
	assert_int_equal(json_next_record(decoder, &record, &what, &offset), JSON_RECORD);
	v = json_member(record, "v", 1);
	pyvalue_str(&out, v);
	assert_buf_equal(&out, str);
	buf_clear(&out, 0);
	pyvalue_bounded(&out, v, 'r', SIZE_MAX);
	assert_buf_equal(&out, repr);
	buf_clear(&out, 0);
	pyvalue_bounded(&out, v, 'a', SIZE_MAX);
	assert_buf_equal(&out, ascii);
	json_end(decoder);
	buf_free(&body);
	buf_free(&out);
}

static void
values_print_as_pythons(void **state)
{
	(void)state;
	check_repr("null", "None", "None", "None");
	check_repr("[true, false]", "[True, False]", "[True, False]", "[True, False]");
	check_repr("1.0", "1.0", "1.0", "1.0");
	check_repr("[NaN, -Infinity]", "[nan, -inf]", "[nan, -inf]", "[nan, -inf]");
	check_repr("\"it's\"", "it's", "\"it's\"", "\"it's\"");
	check_repr("\"'\\\"\"", "'\"", "'\\'\"'", "'\\'\"'");
	check_repr("\"\\t\\n\\r\\\\\"", "\t\n\r\\", "'\\t\\n\\r\\\\'", "'\\t\\n\\r\\\\'");
	check_repr("\"\\u0000\\u007f\\u00a0\\u00e9\"", "\xc0\x80\x7f\xc2\xa0\xc3\xa9",
	    "'\\x00\\x7f\\xa0\xc3\xa9'", "'\\x00\\x7f\\xa0\\xe9'");
	check_repr("\"\\u200b\\u4e2d\\udcff\"", "\xe2\x80\x8b\xe4\xb8\xad\xed\xb3\xbf",
	    "'\\u200b\xe4\xb8\xad\\udcff'", "'\\u200b\\u4e2d\\udcff'");
	check_repr("\"\\ud83d\\ude00\\udb40\\udc01\"", "\xf0\x9f\x98\x80\xf3\xa0\x80\x81",
	    "'\xf0\x9f\x98\x80\\U000e0001'", "'\\U0001f600\\U000e0001'");
	check_repr("{\"a\": [1, {}], \"b\": {\"c\": []}}", "{'a': [1, {}], 'b': {'c': []}}",
	    "{'a': [1, {}], 'b': {'c': []}}", "{'a': [1, {}], 'b': {'c': []}}");
}

/* format % args, of a Python literal. */
static enum pyformat_status
format_literal(struct buf *out, const char *text, const char *args)
{
	struct buf record = BUF_INIT;
	enum pyformat_status status;
	struct value v;

	buf_clear(out, 0);
	buf_puts(&record, "{\"args\":");
	assert_true(pyliteral_args(&record, args, strlen(args)));
	buf_putc(&record, '}');
	assert_int_equal(json_decode(decoder, &record, &v), JSON_RECORD);
	work_left = WORK;
	status =
	    pyformat_percent(out, value_string(text), json_member(v, "args", 4), LIMIT, &work_left);
	json_end(decoder);
	buf_free(&record);
	return status;
}

static void
a_literal_is_its_own_text(void **state)
{
	static const struct {
		const char *format, *args, *expected;
	} cases[] = {
	    {"%s %r %a", "(b'a', (1, 2), {'\xc3\xa9', 1})", "b'a' (1, 2) {'\\xe9', 1}"},
	    {"%8s|%-8s|%.3s|%.2a", "(b'a', 1j, (1, 2), {1, 2})", "    b'a'|1j      |(1,|{1"},
	    {"%(a)s %(a)r", "{'a': (1,), 1: 2}", "(1,) (1,)"},
	    {"%s", "{1: 'a', 'b': (1,)}", "{1: 'a', 'b': (1,)}"},
	    {"%s", "({1: 'a'},)", "{1: 'a'}"},
	    {"%d", "(b'1',)", NULL},
	    {"%d", "(1j,)", NULL},
	    {"%f", "(1j,)", NULL},
	    {"%x", "((1,),)", NULL},
	    {"%c", "(b'a',)", NULL},
	    {"%*d", "((1,), 1)", NULL},
	    {"%(1)s", "{1: 'a'}", NULL},
	    {"%(a)s", "((1,),)", NULL},
	    {"%s", "(b'a', b'b')", NULL},
	};
	static const struct value args = {VALUE_LITERAL, "<object>", 8, NULL};
	struct buf out = BUF_INIT;
	size_t work = WORK;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum pyformat_status status = format_literal(&out, cases[i].format, cases[i].args);

		if ((status == PYFORMAT_OK) != (cases[i].expected != NULL))
			fail_msg("%s %% %s", cases[i].format, cases[i].args);
		if (status == PYFORMAT_OK)
			assert_buf_equal(&out, cases[i].expected);
	}
	/* Arguments that nobody could read. */
	assert_int_equal(
	    pyformat_percent(&out, value_string("%s"), args, LIMIT, &work), PYFORMAT_RAISES);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(prints_what_cpython_prints),
	    cmocka_unit_test(a_literal_is_its_own_text),
	    cmocka_unit_test(raises_where_cpython_raises),
	    cmocka_unit_test(stops_at_the_limit),
	    cmocka_unit_test(stops_when_the_work_is_done),
	    cmocka_unit_test(values_print_as_pythons),
	};

	return cmocka_run_group_tests_name("pyformat", tests, decoder_set_up, decoder_tear_down);
}
