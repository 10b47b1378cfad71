#include "python/pyliteral.h"
#include "python/pyvalue.h"
#include "unit.h"
#include "json/json.h"

#include "decoder.h"

#include <stdlib.h>

/* Reads a text as args; false: it is no literal. *args is good until the next call. */
static bool
read_args(const char *text, size_t len, struct value *args)
{
	static struct buf record = BUF_INIT;

	json_end(decoder);
	buf_free(&record);
	buf_puts(&record, "{\"args\":");
	if (!pyliteral_args(&record, text, len)) {
		assert_buf_equal(&record, "{\"args\":"); /* as before */
		buf_free(&record);
		return false;
	}
	buf_putc(&record, '}');
	assert_int_equal(json_decode(decoder, &record, args), JSON_RECORD);
	*args = json_member(*args, "args", 4);
	buf_free(&record);
	return true;
}

/* What of an element can be seen: its type's letter and its text, repr() of a container. */
static void
show(struct buf *out, struct value v)
{
	static const char letters[] = "-0ftnsadl";

	buf_putc(out, letters[v.type]);
	if (v.text != NULL) {
		buf_putc(out, ':');
		buf_append(out, v.text, v.len);
	} else if (v.type == VALUE_ARRAY || v.type == VALUE_OBJECT) {
		buf_putc(out, ':');
		pyvalue_bounded(out, v, 'r', SIZE_MAX);
	}
}

static void
check(const char *text, const char *expected)
{
	struct buf out = BUF_INIT;
	struct value args;

	if (!read_args(text, strlen(text), &args)) {
		buf_puts(&out, "none");
	} else if (args.type == VALUE_ARRAY || args.type == VALUE_OBJECT) {
		buf_putc(&out, args.type == VALUE_ARRAY ? '[' : '{');
		for (const struct json_node *n = json_first(args); n != NULL; n = json_next(n)) {
			buf_puts(&out, n == json_first(args) ? "" : "|");
			if (args.type == VALUE_OBJECT) {
				show(&out, json_name(n));
				buf_putc(&out, '=');
			}
			show(&out, json_value(n));
		}
	} else {
		show(&out, args);
	}
	if (strcmp((buf_putc(&out, '\0'), out.data), expected) != 0)
		fail_msg("%s: %s, not %s", text, out.data, expected);
	buf_free(&out);
}

static void
values_that_json_has_are_values(void **state)
{
	(void)state;
	check("()", "[");
	check("('a',)", "[s:a");
	check("('a', 1, 2.5, None, True, False)", "[s:a|n:1|n:2.5|0|t|f");
	check("(-1, -0.0, 1e+16, 5e-324)", "[n:-1|n:-0.0|n:1e+16|n:5e-324");
	check("(nan, inf, -inf)", "[n:NaN|n:Infinity|n:-Infinity");
	check("([1, 'a'], {'k': [None]}, [], {})", "[a:[1, 'a']|d:{'k': [None]}|a:[]|d:{}");
	check("{'a': 1, 'b': 'c'}", "{s:a=n:1|s:b=s:c");
	check("{}", "{");
	check("[1, 2]", "[n:1|n:2");
	check("None", "0");
	check("7", "n:7");
	check("'x'", "s:x");
}

static void
values_that_json_lacks_are_literals(void **state)
{
	(void)state;
	check("(b'\\x00a', 1)", "[l:b'\\x00a'|n:1");
	check("((1, 2), (1,), ())", "[l:(1, 2)|l:(1,)|l:()");
	check("({1, 2}, set(), (1+2j), 1j)", "[l:{1, 2}|l:set()|l:(1+2j)|l:1j");
	check("(-nanj, (nan-infj), (-0-0j))", "[l:-nanj|l:(nan-infj)|l:(-0-0j)");
	check("({1: 2}, {'a': {None: 1}}, [[(1,)]])", "[l:{1: 2}|l:{'a': {None: 1}}|l:[[(1,)]]");
	check("{1: 'a', 'b': b'c', (1, 2): [3]}", "{l:1=s:a|s:b=l:b'c'|l:(1, 2)=a:[3]");
	check("{1: 'a', '1': 'b'}", "{l:1=s:a|s:1=s:b");
	/* A list that is in itself. */
	check("([[...]], {'a': {...}})", "[l:[[...]]|l:{'a': {...}}");
	/* Numbers that are not as repr() writes them. */
	check("(0x1F, 1_0, +5, 1., .5, 00)", "[l:0x1F|l:1_0|l:+5|l:1.|l:.5|l:00");
	/* Only arguments are a tuple. */
	check("b'a'", "none");
	check("(1)", "none");
	check("{1, 2}", "none");
	check("1j", "none");
}

static void
strings_are_decoded(void **state)
{
	(void)state;
	check("('it\\'s', \"it's\", '\"')", "[s:it's|s:it's|s:\"");
	check("('\\\\ \\a\\b\\f\\n\\r\\t\\v',)", "[s:\\ \a\b\f\n\r\t\v");
	check("('\\x41\\u00e9\\U0001F600\\101\\0',)", "[s:A\xc3\xa9\xf0\x9f\x98\x80"
						      "A\xc0\x80");
	check("('\\ud800', '\\777', '\\q')", "[s:\xed\xa0\x80|s:\xc7\xbf|s:\\q");
	check("(r'\\n', R\"\\'\", u'a', U'b')", "[s:\\n|s:\\'|s:a|s:b");
	check("(b'\\xff', B'', rb'\\', bR'x')", "none");
	check("(b'\\xff', B'', rb'\\\\', bR'x')", "[l:b'\\xff'|l:B''|l:rb'\\\\'|l:bR'x'");
	check("('\xc3\xa9\xe4\xb8\xad',)", "[s:\xc3\xa9\xe4\xb8\xad");
	check("('\x01\x7f\t',)", "[s:\x01\x7f\t");
}

static void
what_is_none_is_refused(void **state)
{
	static const char *const texts[] = {"", " ", "x", "(", ")", "(1", "(1,", "[1)", "(1]",
	    "{1: }", "{1: 2, 3}", "{'a'}", "(1 2)", "(,)", "(1,,)", "{,}", "{'a' 1}", "{:}",
	    "(), ()", "<object at 0x7f>", "(<object at 0x7f>,)", "(Decimal('1'),)",
	    "(datetime.date(1, 1, 1),)", "(OrderedDict(),)", "(nope,)", "(Nonesuch,)", "(None1,)",
	    "(True.x,)", "(set([1]),)", "(set,)", "('a)", "('a", "('a\\", "('a' 'b',)",
	    "('''a''',)", "('a\nb',)", "('a\\\nb',)", "('\\x4',)", "('\\u123',)",
	    "('\\U00110000',)", "('\\N{DASH}',)", "(b'\xc3\xa9',)", "('\xc0\x80',)", "(ub'a',)",
	    "(bb'a',)", "(ru'a',)", "(f'a',)", "(01,)", "(0x,)", "(0o8,)", "(0b2,)", "(1__0,)",
	    "(1_,)", "(1e,)", "(1e+,)", "(.,)", "(-,)", "(--1,)", "(-'a',)", "(-None,)", "(1+2,)",
	    "(1j+2,)", "(1+2j+3j,)", "(1 if 1 else 2,)", "(1, # x\n)", "({[]},)", "({[]: 1},)",
	    "({([],): 1},)", "({{}},)", "({set()},)", "(*(1,),)", "(\xc2\xa0\x31,)", "(1\v,)"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check(texts[i], "none");
}

static void
white_space_is_pythons(void **state)
{
	(void)state;
	check("( 1 , 'a'\n,\r\n[ ]\f, { 'k' : 2 } ,\t)", "[n:1|s:a|a:[]|d:{'k': 2}");
	check("( ( 1 , ) , - 1 )", "[l:( 1 , )|l:- 1");
	check("({1 : 2 }, )", "[l:{1 : 2 }");
	check(" (1,)", "none");
	check("(1,)\n", "none");
}

/* (1, before, after) with so many brackets around the second. */
static bool
reads_nested(int depth, const char *opening, char closing)
{
	struct buf text = BUF_INIT;
	struct value args;
	bool read;

	buf_puts(&text, "(1, ");
	for (int i = 0; i < depth; i++)
		buf_puts(&text, opening);
	buf_puts(&text, "2");
	for (int i = 0; i < depth; i++)
		buf_putc(&text, closing);
	buf_putc(&text, ')');
	read = read_args(text.data, text.len, &args);
	buf_free(&text);
	return read;
}

static void
depth_is_bounded(void **state)
{
	(void)state;
	assert_true(reads_nested(PYLITERAL_DEPTH_MAX - 1, "[", ']'));
	assert_false(reads_nested(PYLITERAL_DEPTH_MAX, "[", ']'));
	assert_true(reads_nested(PYLITERAL_DEPTH_MAX - 1, "(", ')'));
	assert_false(reads_nested(PYLITERAL_DEPTH_MAX, "(", ')'));
	assert_true(reads_nested(PYLITERAL_DEPTH_MAX - 1, "{'a':", '}'));
	assert_false(reads_nested(PYLITERAL_DEPTH_MAX, "{'a':", '}'));
	assert_false(reads_nested(1000000, "(", ')'));
}

/* Not a byte after the text is looked at: it is on the heap, for a sanitizer to see. */
static void
a_text_may_end_anywhere(void **state)
{
	static const char whole[] =
	    "('a\\x41\\u1234\\777', rb'\\'', 0x1f, 1_0e-5j, {1: set(), 'k': -inf}, [None, True])";
	struct value args;

	(void)state;
	for (size_t len = 0; len <= sizeof(whole) - 1; len++) {
		char *text = malloc(len + 1);

		memcpy(text, whole, len);
		text = realloc(text, len > 0 ? len : 1);
		assert_int_equal(read_args(text, len, &args), len == sizeof(whole) - 1);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_that_json_has_are_values),
	    cmocka_unit_test(values_that_json_lacks_are_literals),
	    cmocka_unit_test(strings_are_decoded),
	    cmocka_unit_test(what_is_none_is_refused),
	    cmocka_unit_test(white_space_is_pythons),
	    cmocka_unit_test(depth_is_bounded),
	    cmocka_unit_test(a_text_may_end_anywhere),
	};

	return cmocka_run_group_tests(tests, decoder_set_up, decoder_tear_down);
}
