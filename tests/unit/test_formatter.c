#include "record/formatter.h"
#include "unit.h"

static void
compiles_literals_and_fields(void **state)
{
	struct buf why = BUF_INIT;
	struct formatter f;

	(void)state;
	assert_true(formatter_compile(&f, "a%%%(name)-5s|%(x y)r", "%H", &why));
	assert_false(f.json);
	assert_string_equal(f.date_format, "%H");
	assert_int_equal(f.parts, 5);
	assert_true(f.part[0].literal && f.part[1].literal && f.part[3].literal);
	assert_memory_equal(f.part[0].text, "a", 1);
	assert_memory_equal(f.part[1].text, "%", 1);
	assert_int_equal(f.part[2].field, FIELD_NAME);
	assert_int_equal(f.part[2].spec.width, 5);
	assert_int_equal(f.part[2].spec.flags, PYFORMAT_MINUS);
	assert_int_equal(f.part[4].field, -1);
	assert_int_equal(f.part[4].len, 3);
	assert_memory_equal(f.part[4].text, "x y", 3);
	assert_int_equal(f.part[4].spec.conversion, 'r');
	formatter_free(&f);
	assert_true(formatter_compile(&f, "json", NULL, &why));
	assert_true(f.json);
	formatter_free(&f);
	/* Bytes that are not UTF-8 must not get into a file. */
	assert_true(formatter_compile(&f, "\xff%(name)s", NULL, &why));
	assert_memory_equal(f.part[0].text, "\xef\xbf\xbd", 3);
	formatter_free(&f);
	assert_int_equal(why.len, 0);
}

static void
says_what_is_wrong_with_a_format(void **state)
{
	static const struct {
		const char *format;
		const char *why;
	} cases[] = {
	    {"", "it names no field, such as %(message)s"},
	    {"100%%", "it names no field, such as %(message)s"},
	    {"%s", "a conversion without a (key), at character 2"},
	    {"%(name)s %", "a `%` at the end (`%%` prints one), at character 11"},
	    {"%(name", "the key is not closed, at character 2"},
	    {"\xc3\xa9%(name)y",
		"unsupported conversion (not one of diouxXeEfFgGcrsa), at character 9"},
	    {"%(name)*s",
		"`*` needs an argument, which a log format does not have, at character 8"},
	    {"%(name)5", "the format ends within a conversion, at character 9"},
	    {"%(name)10001s", "the width is too large, at character 12"},
	    {"%(name).10001s", "the precision is too large, at character 13"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf why = BUF_INIT;
		struct formatter f;

		assert_false(formatter_compile(&f, cases[i].format, NULL, &why));
		assert_buf_equal(&why, cases[i].why);
		buf_free(&why);
	}
}

static void
wants_the_fields_that_it_names(void **state)
{
	struct buf why = BUF_INIT;
	struct record_wanted w;
	struct formatter f;

	(void)state;
	assert_true(formatter_compile(&f, "%(lineno)d %(asctime)s", NULL, &why));
	w = formatter_wanted(&f);
	/* And what other loggers call it. */
	assert_int_equal(w.fields, RECORD_ALWAYS_WANTED | RECORD_BIT(FIELD_LINENO) |
				       RECORD_BIT(FIELD_LINE) | RECORD_BIT(FIELD_EXTRA));
	assert_int_equal(w.typed, RECORD_ALWAYS_TYPED | RECORD_BIT(FIELD_LINENO));
	assert_false(w.others);
	formatter_free(&f);
	assert_true(formatter_compile(&f, "%(lineno)s %(name)r %(thread)a", NULL, &why));
	w = formatter_wanted(&f);
	assert_int_equal(w.typed, RECORD_ALWAYS_TYPED);
	assert_false(w.others);
	formatter_free(&f);
	assert_true(formatter_compile(&f, "%(request_id)s", NULL, &why));
	w = formatter_wanted(&f);
	assert_int_equal(w.fields, RECORD_ALWAYS_WANTED);
	assert_true(w.others);
	formatter_free(&f);
	assert_true(formatter_compile(&f, "json", NULL, &why));
	w = formatter_wanted(&f);
	assert_int_equal(w.fields, UINT64_MAX);
	assert_int_equal(w.typed, RECORD_ALWAYS_TYPED);
	assert_true(w.others);
	formatter_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(compiles_literals_and_fields),
	    cmocka_unit_test(says_what_is_wrong_with_a_format),
	    cmocka_unit_test(wants_the_fields_that_it_names),
	};

	return cmocka_run_group_tests_name("formatter", tests, NULL, NULL);
}
