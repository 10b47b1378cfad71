#include "unit.h"
#include "json/scan.h"

/* Whether the first value of a body is good, and what cJSON is given for it. */
static void
check(const char *body, const char *copied, const char *what, size_t at)
{
	struct scan p = {.body = body, .len = strlen(body)};
	struct buf out = BUF_INIT;

	assert_int_equal(scan_value(&p, &out), what == NULL);
	if (what == NULL)
		assert_buf_equal(&out, copied);
	else
		assert_string_equal(p.what, what);
	assert_int_equal(p.at, at);
	buf_free(&out);
}

static void
copies_what_cjson_keeps(void **state)
{
	(void)state;
	check(" { \"a\" : [ true , null ] } x", "{\"a\":[true,null]}", NULL, 26);
	check("\"a\\n\\u00e9\\ud83d\\ude00\"", "\"a\\n\\u00e9\\ud83d\\ude00\"", NULL, 23);
	check("[]]", "[]", NULL, 2);
	check("\"0123456789abcdef\\\\\" ", "\"0123456789abcdef\\\\\"", NULL, 20);
}

static void
translates_what_cjson_would_lose(void **state)
{
	(void)state;
	check("1.0",
	    "\"\xff"
	    "1.0\"",
	    NULL, 3);
	check("[NaN,-Infinity]",
	    "[\"\xff"
	    "NaN\",\"\xff-Infinity\"]",
	    NULL, 15);
	check("\"\\u0000\"", "\"\xc0\x80\"", NULL, 8);
	check("\"\\udcff\\ud800x\"", "\"\xed\xb3\xbf\xed\xa0\x80x\"", NULL, 15);
}

static void
refuses_what_is_not_json_at_its_byte(void **state)
{
	(void)state;
	check("", NULL, "the text ends where a value is expected", 0);
	check("01", NULL, "a number with a leading zero", 0);
	check("[1.]", NULL, "a digit must follow the decimal point", 3);
	check("{\"a\" 1}", NULL, "expected ':'", 5);
	check("{'a': 1}", NULL, "expected a name in double quotes", 1);
	check("[1 2]", NULL, "expected ',' or ']'", 3);
	check("[1,", NULL, "the text ends where a value is expected", 3);
	check("\"a\nb\"", NULL, "a control character in a string must be escaped", 2);
	check("\"\xff\"", NULL, "not UTF-8", 1);
	check("\"\xc0\x80\"", NULL, "not UTF-8", 1);
	check("\"\\x\"", NULL, "no such escape in a string", 1);
}

/* --- what is passed over --- */

struct asked {
	const char *skip; /* names, each after a space */
	struct buf seen;  /* name, ":" (plain) or "!", type and text of each member */
};

static bool
skip_named(void *context, const char *name, size_t len, const struct value *v, bool plain)
{
	struct asked *a = context;
	char spaced[16] = " ";

	assert_true(len < sizeof(spaced) - 1);
	memcpy(spaced + 1, name, len);
	buf_printf(&a->seen, "%s%s%d:", spaced + 1, plain ? ":" : "!", (int)v->type);
	buf_append(&a->seen, v->text, v->len);
	buf_putc(&a->seen, ' ');
	return strstr(a->skip, spaced) != NULL;
}

static void
check_skip(const char *body, const char *skip, const char *copied, const char *seen)
{
	struct asked a = {.skip = skip};
	struct scan p = {.body = body, .len = strlen(body), .skip = skip_named, .context = &a};
	struct buf out = BUF_INIT;

	assert_true(scan_value(&p, &out));
	assert_buf_equal(&out, copied);
	assert_buf_equal(&a.seen, seen);
	buf_free(&out);
	buf_free(&a.seen);
}

static void
asks_of_each_member_of_the_outermost_object(void **state)
{
	static const char body[] = "{\"a\": 1.5, \"b\": \"x\\n\", \"c\": [{\"a\": 2}], \"d\": {}, "
				   "\"e\": null, \"f\": true, \"g\": false, \"h\": NaN} ";
	static const char seen[] =
	    "a:4:1.5 b:5:x\\n c:6:[{\"a\": 2}] d:7:{} e:1:null f:3:true g:2:false h!4:NaN ";

	(void)state;
	check_skip(body, " a b c d e f g h", "{}", seen);
	check_skip(body, " a c e g h", "{\"b\":\"x\\n\",\"d\":{},\"f\":true}", seen);
	check_skip(body, " b d f",
	    "{\"a\":\"\xff"
	    "1.5\",\"c\":[{\"a\":\"\xff"
	    "2\"}],\"e\":null,\"g\":false,\"h\":\"\xffNaN\"}",
	    seen);
	/* One whose name has escapes is kept; what lies in an array is not asked of. */
	check_skip("{\"\\u0061\": 1, \"b\": 2} ", " a b",
	    "{\"\\u0061\":\"\xff"
	    "1\"}",
	    "\\u0061!4:1 b:4:2 ");
	check_skip("[{\"a\": 1}] ", " a",
	    "[{\"a\":\"\xff"
	    "1\"}]",
	    "");
}

/* Whether a member is what json_write() would make of it. */
static void
tells_what_is_plain(void **state)
{
	static const char *const plain[] = {"1", "-1.50e+7", "true", "null", "\"\"",
	    "\"\xc3\xa4 \xf0\x9f\x98\x80\"", "\"\\\" \\\\ \\b \\f \\n \\r \\t\"", "{}", "[]"};
	static const char *const other[] = {"NaN", "-Infinity", "\"\\/\"", "\"\\u0041\"",
	    "\"\\u0000\"", "\"\\ud800\"", "\"\xed\xa0\x80\"", "\"\xc2\x85\"", "\"\xe2\x80\xa8\"",
	    "[\"\\/\"]", "{\"\\/\":1}", "[NaN]"};

	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]) + sizeof(other) / sizeof(other[0]);
	     i++) {
		bool is_plain = i < sizeof(plain) / sizeof(plain[0]);
		const char *value =
		    is_plain ? plain[i] : other[i - sizeof(plain) / sizeof(plain[0])];
		struct asked a = {.skip = ""};
		struct buf body = BUF_INIT, out = BUF_INIT;
		struct scan p = {.skip = skip_named, .context = &a};

		buf_printf(&body, "{\"a\": %s, \"b\":0} ", value);
		p.body = body.data;
		p.len = body.len;
		assert_true(scan_value(&p, &out));
		if ((a.seen.data[1] == ':') != is_plain)
			fail_msg("%s", value);
		/* And the next begins anew. */
		assert_non_null(memmem(a.seen.data, a.seen.len, " b:4:0 ", 7));
		buf_free(&body);
		buf_free(&out);
		buf_free(&a.seen);
	}
}

/* A number is told of only where something ends its text. */
static void
asks_of_no_number_at_the_end_of_the_body(void **state)
{
	struct asked a = {.skip = ""};
	struct scan p = {.body = "{\"a\":12", .len = 7, .skip = skip_named, .context = &a};
	struct buf out = BUF_INIT;

	(void)state;
	assert_false(scan_value(&p, &out));
	assert_string_equal(p.what, "the text ends within a container");
	assert_int_equal(a.seen.len, 0);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(copies_what_cjson_keeps),
	    cmocka_unit_test(translates_what_cjson_would_lose),
	    cmocka_unit_test(refuses_what_is_not_json_at_its_byte),
	    cmocka_unit_test(asks_of_each_member_of_the_outermost_object),
	    cmocka_unit_test(tells_what_is_plain),
	    cmocka_unit_test(asks_of_no_number_at_the_end_of_the_body),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
