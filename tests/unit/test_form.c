#include "server/form.h"
#include "unit.h"
#include "json/json.h"

#include "decoder.h"

#include <stdlib.h>

/* The form as a record, written as JSON; good until the next call. */
static struct value
read_form(struct form *f, const char *body, size_t len)
{
	const char *what = "";
	size_t offset = 0;
	struct value v;

	json_end(decoder);
	if (!form_read(f, body, len, &what, &offset))
		fail_msg("%s: %s at %zu", body, what, offset);
	assert_int_equal(json_decode(decoder, &f->record, &v), JSON_RECORD);
	return v;
}

static void
check_sized(const char *body, size_t len, const char *expected)
{
	struct buf out = BUF_INIT;
	struct form f;

	form_init(&f, NULL);
	json_write(&out, read_form(&f, body, len), false);
	assert_buf_equal(&out, expected);
	json_end(decoder);
	buf_free(&out);
	form_free(&f);
}

#define check(body, expected) check_sized(body, sizeof(body) - 1, expected)

static void
fields_are_decoded(void **state)
{
	(void)state;
	check("", "{}");
	check("msg=a+b%20c%2Bd%26e%3Df&x=y", "{\"msg\":\"a b c+d&e=f\",\"x\":\"y\"}");
	check("%6dsg=a=b=", "{\"msg\":\"a=b=\"}");
	check("msg=%C3%a9\xc3\xa9", "{\"msg\":\"\xc3\xa9\xc3\xa9\"}");
	check("msg=%22%5C%0A%09%00\x7f", "{\"msg\":\"\\\"\\\\\\n\\t\\u0000\x7f\"}");
	/* Two digits are a code, what comes after it is text. */
	check("msg=%20123", "{\"msg\":\" 123\"}");
	check("msg=%E2%82%AC%25", "{\"msg\":\"\xe2\x82\xac%\"}");
	check_sized("msg=a\0b", 7, "{\"msg\":\"a\\u0000b\"}");
	/* json.dumps() of it is what a JSON client sends (a surrogate as its bytes). */
	check("msg=%ed%b3%bf", "{\"msg\":\"\xed\xb3\xbf\"}");
}

static void
names_without_value_are_empty(void **state)
{
	(void)state;
	check("msg", "{\"msg\":\"\"}");
	check("msg=", "{\"msg\":\"\"}");
	check("a&msg=x&b=", "{\"a\":\"\",\"msg\":\"x\",\"b\":\"\"}");
	check("&&msg=x&&", "{\"msg\":\"x\"}");
	check("=v&msg=x", "{\"\":\"v\",\"msg\":\"x\"}");
}

static void
the_last_of_a_name_counts(void **state)
{
	(void)state;
	check("msg=a&x=1&msg=b", "{\"msg\":\"b\",\"x\":\"1\"}");
	check("msg=a&ms%67=b", "{\"msg\":\"b\"}");
	check("args=('a',)&args=('b',)", "{\"args\":[\"b\"]}");
}

static void
fields_are_what_a_record_has(void **state)
{
	(void)state;
	check("levelno=20&lineno=7&process=1&thread=140000000000000&created=1.5e9&msecs=5e-05&"
	      "relativeCreated=0.25",
	    "{\"levelno\":20,\"lineno\":7,\"process\":1,\"thread\":140000000000000,"
	    "\"created\":1.5e9,\"msecs\":5e-05,\"relativeCreated\":0.25}");
	check("exc_info=None&exc_text=None&stack_info=None&taskName=None&args=None&process=None&"
	      "threadName=None",
	    "{\"exc_info\":null,\"exc_text\":null,\"stack_info\":null,\"taskName\":null,"
	    "\"args\":null,\"process\":null,\"threadName\":null}");
	/* What is text stays it. */
	check("msg=None&name=None&levelname=20&message=5&other=None&port=80",
	    "{\"msg\":\"None\",\"name\":\"None\",\"levelname\":\"20\",\"message\":\"5\","
	    "\"other\":\"None\",\"port\":\"80\"}");
	/* And what is no number: record_read() refuses it. */
	check("levelno=high&lineno=&created=1x&msecs=+1&process=0x1&thread=01",
	    "{\"levelno\":\"high\",\"lineno\":\"\",\"created\":\"1x\",\"msecs\":\" 1\","
	    "\"process\":\"0x1\",\"thread\":\"01\"}");
	check("args=&exc_info=", "{\"args\":null,\"exc_info\":null}");
	check("exc_info=False", "{\"exc_info\":null}");
	check("exc_info=%28None%2C+None%2C+None%29", "{\"exc_info\":\"NoneType: None\"}");
	check("exc_info=%28%3Cclass+%27OSError%27%3E%2C+OSError%28%29%2C+%3Ctraceback%3E%29",
	    "{\"exc_info\":\"(<class 'OSError'>, OSError(), <traceback>)\"}");
}

static void
args_are_read(void **state)
{
	struct value v, args;
	struct form f;

	(void)state;
	check("args=%28%27a+b%27%2C+1%2C+None%2C+%5BTrue%5D%29",
	    "{\"args\":[\"a b\",1,null,[true]]}");
	check("args=()", "{\"args\":[]}");
	check("args={'a':+1,+2:+3}", "{\"args\":{\"a\":1,\"2\":3}}");
	check("args=(b'a',+(1,+2))", "{\"args\":[\"b'a'\",\"(1, 2)\"]}");
	check("args=(<object+at+0x7f>,)", "{\"args\":\"(<object at 0x7f>,)\"}");
	form_init(&f, NULL);
	v = read_form(&f, "args=(<object+at+0x7f>,)", 24);
	args = json_member(v, "args", 4);
	assert_int_equal(args.type, VALUE_LITERAL);
	assert_string_equal(args.text, "(<object at 0x7f>,)");
	json_end(decoder);
	form_free(&f);
}

static void
what_is_no_form_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *body, *what;
		size_t offset;
	} cases[] = {
	    {"%", "two hexadecimal digits must follow the %", 0},
	    {"msg=%", "two hexadecimal digits must follow the %", 4},
	    {"msg=%4", "two hexadecimal digits must follow the %", 4},
	    {"msg=a%4&b=c", "two hexadecimal digits must follow the %", 5},
	    {"msg=%zz", "two hexadecimal digits must follow the %", 4},
	    {"msg=%4g", "two hexadecimal digits must follow the %", 4},
	    {"msg=%u0041", "two hexadecimal digits must follow the %", 4},
	    {"a%=x", "two hexadecimal digits must follow the %", 1},
	    {"msg=a%41%ff", "not UTF-8", 8},
	    {"msg=\xff", "not UTF-8", 4},
	    {"msg=%00%00%80", "not UTF-8", 10},
	    {"msg=%C3&x=y", "not UTF-8", 4},
	    {"msg=%C0%80", "not UTF-8", 4},
	    {"msg=\xc0\x80", "not UTF-8", 4},
	    {"x=y&%C1=a", "not UTF-8", 4},
	    {"msg=%f4%90%80%80", "not UTF-8", 4},
	};
	struct form f;

	(void)state;
	form_init(&f, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *what = NULL;
		size_t offset = 0;

		assert_false(form_read(&f, cases[i].body, strlen(cases[i].body), &what, &offset));
		assert_string_equal(what, cases[i].what);
		assert_int_equal(offset, cases[i].offset);
	}
	form_free(&f);
}

static void
memory_is_counted_and_given_back(void **state)
{
	struct budget budget = {.max = 1024 * 1024};
	struct buf body = BUF_INIT;
	const char *what = "";
	struct form f;
	size_t offset;

	(void)state;
	form_init(&f, &budget);
	buf_puts(&body, "msg=");
	buf_fill(&body, 'x', 300 * 1024);
	assert_true(form_read(&f, body.data, body.len, &what, &offset));
	assert_true(budget.used > 300 * 1024);
	form_clear(&f);
	assert_int_equal(budget.used, 0);
	buf_fill(&body, 'x', 800 * 1024);
	assert_false(form_read(&f, body.data, body.len, &what, &offset));
	assert_null(what);
	form_clear(&f);
	assert_int_equal(budget.used, 0);
	assert_true(form_read(&f, "msg=x", 5, &what, &offset));
	form_free(&f);
	buf_free(&body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields_are_decoded),
	    cmocka_unit_test(names_without_value_are_empty),
	    cmocka_unit_test(the_last_of_a_name_counts),
	    cmocka_unit_test(fields_are_what_a_record_has),
	    cmocka_unit_test(args_are_read),
	    cmocka_unit_test(what_is_no_form_is_refused_with_its_place),
	    cmocka_unit_test(memory_is_counted_and_given_back),
	};

	return cmocka_run_group_tests(tests, decoder_set_up, decoder_tear_down);
}
