/* What fields of other loggers come to; tests/integration/test_foreign.py has what they really
 * send. */
#include "base/civil.h"
#include "record/record.h"
#include "unit.h"
#include "json/json.h"

#include "decoder.h"

#include <stdio.h>
#include <stdlib.h>

/* As LOG_FORMAT=json wants it. */
static struct record_wanted all = {UINT64_MAX, RECORD_ALWAYS_TYPED, true, 0};
static struct record_wanted line = {RECORD_ALWAYS_WANTED | RECORD_BIT(FIELD_NAME) |
					RECORD_BIT(FIELD_LOGGER) | RECORD_BIT(FIELD_LOGGER_NAME),
    RECORD_ALWAYS_TYPED, false, 0};

/* Reads {"message": "m", <members>}, or, where they begin with a brace, what they are. */
static void
read_members(const char *members, struct record_wanted *wanted, bool skip, struct record *r)
{
	static struct buf body;
	struct record_error e;
	struct value object;
	const char *what = "";
	size_t offset;

	buf_clear(&body, 0);
	buf_printf(&body, *members == '{' ? "%s" : "{\"message\": \"m\", %s}", members);
	memset(r, 'x', sizeof(*r)); /* nothing is left of another */
	json_decoder_skip(decoder, skip ? record_skip : NULL, wanted);
	json_begin(decoder, body.data, body.len);
	if (json_next_record(decoder, &object, &what, &offset) != JSON_RECORD)
		fail_msg("%s: %s", members, what);
	if (!record_read(r, object, wanted, &e))
		fail_msg("%s: %s %s", members, e.field, e.what);
	json_decoder_skip(decoder, NULL, NULL);
}

/* The text of a value; NULL where there is none. */
static const char *
text(struct value v)
{
	return v.type == VALUE_STRING || v.type == VALUE_NUMBER ? v.text : NULL;
}

/* A field comes to the text (NULL: it is absent), whether others are passed over or not. */
static void
check_field(const char *members, enum field field, const char *expected)
{
	for (int skip = 0; skip < 2; skip++) {
		struct record r;

		read_members(members, skip != 0 ? &line : &all, skip != 0, &r);
		if (expected == NULL)
			assert_int_equal(r.field[field].type, VALUE_ABSENT);
		else if (text(r.field[field]) == NULL ||
			 strcmp(text(r.field[field]), expected) != 0)
			fail_msg("%s: %s", members, text(r.field[field]));
	}
}

static void
levels_by_name_or_number(void **state)
{
	static const struct {
		const char *members, *name;
		long number;
	} cases[] = {
	    {"\"level\": \"debug\"", "DEBUG", 10},
	    {"\"level\": \"Info\"", "INFO", 20},
	    {"\"level\": \"warn\"", "WARNING", 30},
	    {"\"level\": \"warning\"", "WARNING", 30},
	    {"\"level\": \"ERROR\"", "ERROR", 40},
	    {"\"level\": \"err\"", "ERROR", 40},
	    {"\"level\": \"exception\"", "ERROR", 40},
	    {"\"level\": \"critical\"", "CRITICAL", 50},
	    {"\"level\": \"fatal\"", "CRITICAL", 50},
	    {"\"level\": \"crit\"", "CRITICAL", 50},
	    {"\"level\": \"trace\"", "TRACE", 5},
	    {"\"level\": \"success\"", "SUCCESS", 25},
	    {"\"level\": \"notice\"", "NOTICE", 25},
	    {"\"level\": \"alert\"", "ALERT", 50},
	    {"\"level\": \"emerg\"", "EMERGENCY", 50},
	    {"\"level\": \"panic\"", "EMERGENCY", 50},
	    {"\"level\": \"informational\"", "INFO", 20},
	    {"\"severity\": \"DEFAULT\"", "DEFAULT", 20},
	    {"\"level\": \"audit\"", "AUDIT", 20},
	    {"\"level\": \"Level 25\"", "Level 25", 25},
	    {"\"level\": 30", "WARNING", 30},
	    {"\"level\": 25", "Level 25", 25},
	    {"\"level\": 6", "Level 6", 6},
	    {"\"level\": 20.0", "INFO", 20},
	    {"\"level\": -1e400", NULL, 20},
	    {"\"level\": \"40\"", "ERROR", 40},
	    {"\"severity\": 0", "EMERGENCY", 50},
	    {"\"severity\": 3", "ERROR", 40},
	    {"\"severity\": 4", "WARNING", 30},
	    {"\"severity\": 7", "DEBUG", 10},
	    {"\"severity\": 8", "Level 8", 8},
	    {"\"severity\": 20", "INFO", 20},
	    {"\"severity\": 200", "INFO", 20},
	    {"\"severity\": 500", "ERROR", 40},
	    {"\"severity\": 800", "EMERGENCY", 50},
	    {"\"severity\": 1e300", "Level 9223372036854775807", __LONG_MAX__},
	    {"\"level\": {\"name\": \"SUCCESS\", \"no\": 25, \"icon\": \"x\"}", "SUCCESS", 25},
	    {"\"level\": {\"name\": \"mine\", \"no\": 33}", "mine", 33},
	    {"\"level\": {\"name\": \"warning\"}", "WARNING", 30},
	    {"\"level\": {\"no\": 40}", "ERROR", 40},
	    {"\"level\": \"(name='ERROR', no=40, icon='x')\"", "ERROR", 40},
	    {"\"log\": {\"level\": \"error\"}", "ERROR", 40},
	    /* The next is asked where one is none. */
	    {"\"level\": null, \"severity\": \"error\"", "ERROR", 40},
	    {"\"level\": true, \"severity\": \"error\"", "ERROR", 40},
	    {"\"level\": \"\", \"severity\": \"error\"", "ERROR", 40},
	    {"\"level\": {}, \"severity\": 3", "ERROR", 40},
	    {"\"level\": [\"error\"]", NULL, 20},
	    /* A LogRecord's own come first. */
	    {"\"level\": \"error\", \"levelname\": \"DEBUG\"", "DEBUG", 10},
	    {"\"level\": \"error\", \"levelno\": 10", NULL, 10},
	    {"\"level\": \"error\", \"levelno\": null, \"levelname\": null", "ERROR", 40},
	    {"\"level\": \"debug\", \"level\": \"error\"", "ERROR", 40},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record r;

		read_members(cases[i].members, &line, true, &r);
		if (r.levelno != cases[i].number)
			fail_msg("%s: %ld", cases[i].members, r.levelno);
		check_field(cases[i].members, FIELD_LEVELNAME, cases[i].name);
	}
}

/* One that is too long for capitals is shown as it is. */
static void
a_long_name_of_a_level_is_kept(void **state)
{
	static const char members[] = "\"level\": \"a name of a level that is a good deal longer "
				      "than any that there is, is it\"";
	char name[sizeof(members)];

	(void)state;
	snprintf(name, sizeof(name), "%s", members + 10);
	name[strlen(name) - 1] = '\0';
	check_field(members, FIELD_LEVELNAME, name);
}

static void
times_by_their_form(void **state)
{
	static const struct {
		const char *members, *created, *msecs;
	} cases[] = {
	    {"\"timestamp\": \"2026-11-24T08:21:46.035123Z\"", "1795508506.035123", "35.0"},
	    {"\"@timestamp\": \"2026-11-24T08:21:46.491Z\"", "1795508506.491", "491.0"},
	    {"\"time\": \"2026-11-24 09:21:46.5+01:00\"", "1795508506.5", "500.0"},
	    {"\"asctime\": \"2026-11-24 08:21:46,035\"", "1795504906.035", "35.0"},
	    {"\"timestamp\": \"2026-11-24 08:21:46\"", "1795504906.0", "0.0"},
	    {"\"timestamp\": \"1969-12-31T23:59:59.25Z\"", "-0.75", "250.0"},
	    {"\"timestamp\": \"1969-12-31T23:59:59.999999Z\"", "-0.000001", "999.0"},
	    {"\"timestamp\": 1795508506.4885464", "1795508506.4885464", NULL},
	    {"\"timestamp\": 1795508506", "1795508506", NULL},
	    {"\"timestamp\": \"1795508506.5\"", "1795508506.5", NULL},
	    {"\"timestamp\": 1795508506491", "1795508506.491", "491.0"},
	    {"\"timestamp\": 1795508506491.75", "1795508506.49175", "491.0"},
	    {"\"timestamp\": 1795508506491123", "1795508506.491123", "491.0"},
	    {"\"timestamp\": 1795508506491123999", "1795508506.491123", "491.0"},
	    {"\"time\": {\"repr\": \"x\", \"timestamp\": 1795508506.5}", "1795508506.5", NULL},
	    {"\"time\": {\"repr\": \"2026-11-24T08:21:46Z\"}", "1795508506.0", "0.0"},
	    /* As a float it is less than its milliseconds. */
	    {"\"time\": {\"repr\": \"2026-11-26 03:08:28.589000+00:00\", \"timestamp\": "
	     "1795662508.589}",
		"1795662508.589", "589.0"},
	    /* The next is asked where one is none. */
	    {"\"timestamp\": \"soon\", \"time\": 1795508506", "1795508506", NULL},
	    {"\"timestamp\": null, \"@timestamp\": [], \"time\": 1795508506", "1795508506", NULL},
	    {"\"timestamp\": 0.25, \"asctime\": \"2026-11-24T08:21:46Z\"", "1795508506.0", "0.0"},
	    {"\"time\": 99999999", NULL, NULL},
	    {"\"time\": -1795508506", NULL, NULL},
	    {"\"time\": 1e300", NULL, NULL},
	    {"\"time\": 1e400", NULL, NULL},
	    {"\"time\": NaN", NULL, NULL},
	    {"\"time\": \"1.5.5\"", NULL, NULL},
	    {"\"time\": \"1795508506.\"", NULL, NULL},
	    {"\"time\": \"0897754253.5\"", NULL, NULL},
	    {"\"time\": \"08:21:46\"", NULL, NULL},
	    {"\"time\": \"0001-01-01T00:00:00+23:00\"", NULL, NULL},
	    {"\"time\": {}", NULL, NULL},
	    /* A LogRecord's own come first. */
	    {"\"time\": 1795508506, \"created\": 5.5", "5.5", NULL},
	    {"\"time\": 1795508506491, \"msecs\": 7.5", "1795508506.491", "7.5"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check_field(cases[i].members, FIELD_CREATED, cases[i].created);
		check_field(cases[i].members, FIELD_MSECS, cases[i].msecs);
	}
}

static void
the_second_of_a_time(void **state)
{
	struct record r;

	(void)state;
	read_members("\"time\": \"2026-11-24T08:21:46.999999Z\"", &line, true, &r);
	assert_int_equal(r.created, 1795508506);
	read_members("\"time\": \"1969-12-31T23:59:59.25Z\"", &line, true, &r);
	assert_int_equal(r.created, -1);
}

static void
names_of_loggers(void **state)
{
	(void)state;
	check_field("\"logger\": \"a\"", FIELD_NAME, "a");
	check_field("\"logger_name\": \"a\"", FIELD_NAME, "a");
	check_field("\"extra\": {\"logger_name\": \"a\"}", FIELD_NAME, "a");
	check_field("\"log\": {\"logger\": \"a\"}", FIELD_NAME, "a");
	check_field("\"logger_name\": \"b\", \"logger\": \"a\"", FIELD_NAME, "a");
	check_field("\"logger_name\": \"b\", \"logger\": 5", FIELD_NAME, "b");
	check_field("\"logger\": \"b\", \"name\": \"a\"", FIELD_NAME, "a");
	check_field("\"logger\": \"b\", \"name\": {\"first\": \"a\"}", FIELD_NAME, "b");
	check_field("\"logger\": 5", FIELD_NAME, NULL);
}

static void
a_null_name_is_sent(void **state)
{
	struct record r;

	(void)state;
	read_members("\"name\": null, \"logger\": \"a\"", &line, true, &r);
	assert_int_equal(r.field[FIELD_NAME].type, VALUE_NULL);
}

static void
messages(void **state)
{
	struct record_error e;
	struct value object;
	const char *what;
	struct record r;
	size_t offset;

	(void)state;
	check_field("{\"event\": \"a\"}", FIELD_MESSAGE, "a");
	check_field("{\"event\": \"a\", \"message\": null}", FIELD_MESSAGE, "a");
	check_field("{\"event\": \"b\", \"message\": \"a\"}", FIELD_MESSAGE, "a");
	check_field("{\"event\": \"b\", \"msg\": \"a\"}", FIELD_MESSAGE, NULL);
	check_field("{\"text\": \"t\", \"record\": {\"message\": \"a\"}}", FIELD_MESSAGE, "a");
	check_field("{\"text\": \"t\", \"message\": \"a\", \"record\": {\"message\": \"b\"}}",
	    FIELD_MESSAGE, "a");
	read_members("{\"event\": \"a\"}", &line, true, &r);
	assert_true(r.event);
	read_members("{\"event\": \"b\", \"msg\": \"a\"}", &line, true, &r);
	assert_false(r.event);
	/* Of what is inside, the same is asked. */
	json_begin(decoder, "{\"text\": \"t\", \"record\": {\"levelno\": \"high\"}}", 46);
	assert_int_equal(json_next_record(decoder, &object, &what, &offset), JSON_RECORD);
	assert_false(record_read(&r, object, &line, &e));
	assert_string_equal(e.field, "levelno");
	json_begin(decoder, "{\"text\": \"t\", \"record\": {}}", 27);
	assert_int_equal(json_next_record(decoder, &object, &what, &offset), JSON_RECORD);
	assert_false(record_read(&r, object, &line, &e));
	assert_string_equal(e.field, "msg");
}

static void
other_fields_where_they_are_wanted(void **state)
{
	static const struct {
		const char *members;
		enum field field;
		const char *expected;
	} cases[] = {
	    {"\"func_name\": \"f\"", FIELD_FUNCNAME, "f"},
	    {"\"function\": \"f\"", FIELD_FUNCNAME, "f"},
	    {"\"line\": 7", FIELD_LINENO, "7"},
	    {"\"line\": \"7\"", FIELD_LINENO, NULL},
	    {"\"lineno\": \"7\"", FIELD_LINENO, "7"},
	    {"\"lineno\": \"7\", \"line\": 8", FIELD_LINENO, "8"},
	    {"\"path\": \"/p\"", FIELD_PATHNAME, "/p"},
	    {"\"file\": {\"name\": \"n\", \"path\": \"/p\"}", FIELD_PATHNAME, "/p"},
	    {"\"file\": {\"name\": \"n\", \"path\": \"/p\"}", FIELD_FILENAME, "n"},
	    {"\"thread\": {\"name\": \"t\", \"id\": 5}", FIELD_THREAD, "5"},
	    {"\"thread\": {\"name\": \"t\", \"id\": 5}", FIELD_THREADNAME, "t"},
	    {"\"process\": {\"name\": \"p\", \"id\": 5}", FIELD_PROCESS, "5"},
	    {"\"process\": {\"name\": \"p\", \"pid\": 5}", FIELD_PROCESS, "5"},
	    {"\"process\": {\"name\": \"p\", \"id\": 5}", FIELD_PROCESSNAME, "p"},
	    {"\"thread_name\": \"t\"", FIELD_THREADNAME, "t"},
	    {"\"process_name\": \"p\", \"pid\": 7", FIELD_PROCESSNAME, "p"},
	    {"\"process_name\": \"p\", \"pid\": 7", FIELD_PROCESS, "7"},
	    {"\"extra\": {\"line\": 7}", FIELD_LINENO, "7"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record r;
		const char *found;

		read_members(cases[i].members, &all, false, &r);
		found = text(r.field[cases[i].field]);
		if (cases[i].expected == NULL
			? found != NULL
			: found == NULL || strcmp(found, cases[i].expected) != 0)
			fail_msg("%s: %s", cases[i].members, found);
		/* Else they stay what they are, for structlog's pairs. */
		read_members(cases[i].members, &line, false, &r);
		assert_int_equal(r.spent, 0);
	}
}

/* What follows the line; "[": a list, NULL: nothing. */
static void
check_exception(const char *members, const char *expected)
{
	for (int skip = 0; skip < 2; skip++) {
		struct record r;
		const char *found;

		read_members(members, skip != 0 ? &line : &all, skip != 0, &r);
		found = r.exception.type == VALUE_ARRAY ? "[" : text(r.exception);
		if (expected == NULL ? r.exception.type != VALUE_ABSENT
				     : found == NULL || strcmp(found, expected) != 0)
			fail_msg("%s: %s", members, found);
	}
}

static void
exceptions(void **state)
{
	(void)state;
	check_exception("\"exc_text\": \"t\", \"exception\": \"u\", \"exc_info\": \"v\"", "t");
	check_exception("\"exc_text\": null, \"exc_info\": \"t\"", "t");
	check_exception("\"exc_text\": \"\", \"exc_info\": [\"t\"]", "[");
	check_exception("\"exception\": \"t\"", "t");
	check_exception("\"exception\": [\"t\", \"u\"]", "[");
	check_exception("\"exception\": [{\"exc_type\": \"E\", \"frames\": []}]", "[");
	check_exception(
	    "\"exception\": {\"type\": \"E\", \"value\": 1, \"traceback\": \"t\"}", "t");
	check_exception("\"stack_trace\": \"t\"", "t");
	check_exception("\"extra\": {\"stack_trace\": \"t\"}", "t");
	check_exception("\"error\": {\"type\": \"E\", \"stack_trace\": \"t\"}", "t");
	check_exception("\"exc_info\": true, \"exception\": \"t\"", "t");
	/* Which say that there was one, not what. */
	check_exception("\"exc_info\": true", NULL);
	check_exception("\"exc_info\": false", NULL);
	check_exception("\"exc_info\": 1", NULL);
	check_exception("\"exc_info\": null", NULL);
	check_exception("\"exc_info\": \"None\"", NULL);
	check_exception("\"exc_info\": []", NULL);
	check_exception("\"exc_info\": [null, null, null]", NULL);
	check_exception("\"exc_info\": [\"a\", 1]", NULL);
	check_exception("\"exception\": {\"a\": 1}", NULL);
	check_exception("\"exception\": [{\"a\": 1}]", NULL);
}

/* The traceback of loguru's serialize=True is after the line of its text that the message ends. */
static void
exceptions_of_loguru(void **state)
{
#define LOGURU(text, message)                                                                      \
	"{\"text\": \"" text "\", \"record\": {\"message\": \"" message                            \
	"\", \"exception\": {\"type\": \"E\", \"value\": \"v\", \"traceback\": true}}}"
	struct record r;

	(void)state;
	check_exception(LOGURU("INFO | m\\nTraceback\\nE: v\\n", "m"), "Traceback\nE: v\n");
	check_exception(LOGURU("f: m | x\\nTraceback\\n", "m"), "Traceback\n");
	check_exception(LOGURU("f: a\\nb\\nTraceback\\n", "a\\nb"), "Traceback\n");
	check_exception(LOGURU("f:\\nTraceback\\n", ""), "Traceback\n");
	read_members(LOGURU("other", "m"), &line, true, &r);
	assert_int_equal(r.exception.type, VALUE_OBJECT);
	read_members(LOGURU("m\\n", "m"), &line, true, &r);
	assert_int_equal(r.exception.type, VALUE_OBJECT);
#undef LOGURU
}

static void
stacks(void **state)
{
	struct record r;

	(void)state;
	read_members("\"stack\": \"s\"", &line, true, &r);
	assert_string_equal(text(r.stack), "s");
	read_members("\"stack\": \"s\", \"stack_info\": \"t\"", &line, true, &r);
	assert_string_equal(text(r.stack), "t");
	read_members("\"stack\": \"s\", \"stack_info\": true", &line, true, &r);
	assert_string_equal(text(r.stack), "s");
	read_members("\"stack_info\": [\"s\"]", &line, true, &r);
	assert_int_equal(r.stack.type, VALUE_ARRAY);
	read_members("\"stack\": 5", &line, true, &r);
	assert_int_equal(r.stack.type, VALUE_ABSENT);
}

/* Whatever extra= has added to it. */
static void
a_log_record_has_none_of_these(void **state)
{
	static const char body[] =
	    "{\"msg\": \"m\", \"levelno\": 10, \"created\": 5, \"level\": \"error\", \"event\": "
	    "\"e\", "
	    "\"logger\": \"l\", \"time\": 1795508506, \"exception\": \"x\", \"stack\": \"s\", "
	    "\"stack_trace\": \"x\", \"extra\": {\"stack_trace\": \"x\"}, \"text\": \"t\", "
	    "\"record\": {\"message\": \"n\"}}";
	struct record r;

	(void)state;
	read_members(body, &line, true, &r);
	assert_int_equal(r.levelno, 10);
	assert_int_equal(r.created, 5);
	assert_int_equal(r.field[FIELD_NAME].type, VALUE_ABSENT);
	assert_int_equal(r.field[FIELD_MESSAGE].type, VALUE_ABSENT);
	assert_int_equal(r.exception.type, VALUE_ABSENT);
	assert_int_equal(r.stack.type, VALUE_ABSENT);
	assert_int_equal(r.extra.type, VALUE_ABSENT);
	assert_int_equal(r.derived, 0);
	/* But its exc_info may have come as text. */
	read_members("{\"msg\": \"m\", \"levelno\": 10, \"created\": 5, \"exc_info\": \"t\"}",
	    &line, true, &r);
	assert_string_equal(text(r.exception), "t");
}

static int
set_up(void **state)
{
	setenv("TZ", "Europe/Berlin", 1);
	civil_start();
	return decoder_set_up(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(levels_by_name_or_number),
	    cmocka_unit_test(a_long_name_of_a_level_is_kept),
	    cmocka_unit_test(times_by_their_form),
	    cmocka_unit_test(the_second_of_a_time),
	    cmocka_unit_test(names_of_loggers),
	    cmocka_unit_test(a_null_name_is_sent),
	    cmocka_unit_test(messages),
	    cmocka_unit_test(other_fields_where_they_are_wanted),
	    cmocka_unit_test(exceptions),
	    cmocka_unit_test(exceptions_of_loguru),
	    cmocka_unit_test(stacks),
	    cmocka_unit_test(a_log_record_has_none_of_these),
	};

	return cmocka_run_group_tests_name("record_foreign", tests, set_up, decoder_tear_down);
}
