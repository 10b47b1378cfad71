#include "record/json.h"
#include "record/render.h"
#include "unit.h"

#include "decoder.h"

#include <stdlib.h>
#include <time.h>

#define DEFAULT "%(asctime)s %(levelname)s:%(name)s %(message)s"
#define ARRIVAL 1795387123048945678 /* 2026-11-22 22:38:43.048945678 UTC */

static int
set_up(void **state)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	return decoder_set_up(state);
}

static void
check(const char *format, const char *date_format, const char *body, const char *expected)
{
	struct render_arrival arrival = {ARRIVAL, value_string("192.0.2.7")};
	struct buf out = BUF_INIT, why = BUF_INIT;
	struct record_error e;
	struct formatter formatter;
	struct record record;
	struct render render;
	struct value object;
	const char *what;
	size_t offset;

	assert_true(formatter_compile(&formatter, format, date_format, &why));
	render_init(&render, &formatter, 1024 * 1024);
	json_begin(decoder, body, strlen(body));
	assert_int_equal(json_next_record(decoder, &object, &what, &offset), JSON_RECORD);
	assert_true(record_read(&record, object, &e));
	render_record(&render, &record, &arrival, &out);
	assert_buf_equal(&out, expected);
	json_end(decoder);
	render_free(&render);
	formatter_free(&formatter);
	buf_free(&out);
}

static void
fills_in_what_was_not_sent(void **state)
{
	(void)state;
	check(DEFAULT, NULL, "{\"msg\": \"hi\"}", "2026-11-22 22:38:43,048 INFO:root hi\n");
	check("%(levelname)s %(levelno)d %(created)r %(msecs)s", NULL,
	    "{\"msg\": \"hi\", \"levelno\": 25}", "Level 25 25 1795387123.048945 48.0\n");
	check("[%(nosuch)6s] [%(lineno)-3d] [%(nosuch)r] %(message)s", NULL, "{\"msg\": \"hi\"}",
	    "[     -] [-  ] [-] hi\n");
	check("%(remote_addr)s %(received)s", NULL, "{\"msg\": 1, \"remote_addr\": \"forged\"}",
	    "192.0.2.7 2026-11-22T22:38:43.048Z\n");
}

static void
makes_the_message_as_python(void **state)
{
	(void)state;
	check("%(message)s", NULL, "{\"msg\": \"%s is %d\", \"args\": [\"x\", 5]}", "x is 5\n");
	check("%(message)s", NULL, "{\"msg\": \"100%\", \"args\": []}", "100%\n");
	check("%(message)s", NULL, "{\"msg\": \"100%\", \"args\": null}", "100%\n");
	check("%(message)s", NULL, "{\"msg\": \"%(k)s\", \"args\": [{\"k\": null}]}", "None\n");
	check("%(message)s", NULL, "{\"msg\": {\"a\": [1, 2.0]}}", "{'a': [1, 2.0]}\n");
	check("%(message)s", NULL, "{\"msg\": 12, \"args\": [1]}", "12 args=[1]\n");
	check("%(message)s", NULL, "{\"msg\": \"%d\", \"args\": [\"x\"]}", "%d args=[\"x\"]\n");
	check("%(message)s", NULL, "{\"msg\": \"%d\", \"args\": [1], \"message\": \"given\"}",
	    "given\n");
}

static void
formats_fields_as_pythons_formatter(void **state)
{
	(void)state;
	check("%(levelname)-8s|%(lineno)05d|%(process)x|%(msecs)03d|%(name).2s|100%%", NULL,
	    "{\"msg\": 1, \"levelname\": \"INFO\", \"lineno\": 7, \"process\": 255, "
	    "\"msecs\": 5.7, \"name\": \"\\u00e9\\u00e9\\u00e9\"}",
	    "INFO    |00007|ff|005|\xc3\xa9\xc3\xa9|100%\n");
	check("%(args)s %(user)s %(taskName)s", NULL,
	    "{\"msg\": 1, \"args\": [\"a\"], \"user\": {\"id\": 7}, \"taskName\": null}",
	    "('a',) {'id': 7} None\n");
	/* Python would lose the record over a %d of text. */
	check("%(user)5d", NULL, "{\"msg\": 1, \"user\": \"me\"}", "   me\n");
	check("%(asctime)s", "%H:%M", "{\"msg\": 1, \"created\": 0.5}", "00:00\n");
	check("%(asctime)s", NULL, "{\"msg\": 1, \"created\": 0.5}", "1970-01-01 00:00:00,500\n");
	check("%(asctime)s", NULL, "{\"msg\": 1, \"created\": 0.5, \"msecs\": 7.9}",
	    "1970-01-01 00:00:00,007\n");
}

static void
appends_trace_exception_and_stack(void **state)
{
	(void)state;
	check("%(message)s", NULL,
	    "{\"msg\": \"m\", \"stack_info\": \"S\", \"exc_text\": \"E1\\nE2\\n\", "
	    "\"trace\": [\"a\\nb\", \"c\"]}",
	    "m\n\ta\n\tb\n\tc\n\tE1\n\tE2\n\tS\n");
	check("%(message)s", NULL, "{\"msg\": \"m\", \"trace\": [], \"exc_text\": \"\"}", "m\n");
	check("%(message)s", NULL, "{\"msg\": \"m\", \"trace\": 5}", "m\n");
}

static void
writes_json_lines(void **state)
{
	(void)state;
	check("json", NULL, "{\"msg\": \"%s\", \"args\": [1.0], \"x\": NaN, \"received\": 1}",
	    "{\"msg\":\"%s\",\"args\":[1.0],\"x\":\"NaN\",\"message\":\"1.0\","
	    "\"remote_addr\":\"192.0.2.7\",\"received\":\"2026-11-22T22:38:43.048Z\"}\n");
	check("json", NULL, "{\"message\": \"a\\nb\", \"msg\": \"a\"}",
	    "{\"message\":\"a\\nb\",\"msg\":\"a\","
	    "\"remote_addr\":\"192.0.2.7\",\"received\":\"2026-11-22T22:38:43.048Z\"}\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fills_in_what_was_not_sent),
	    cmocka_unit_test(makes_the_message_as_python),
	    cmocka_unit_test(formats_fields_as_pythons_formatter),
	    cmocka_unit_test(appends_trace_exception_and_stack),
	    cmocka_unit_test(writes_json_lines),
	};

	return cmocka_run_group_tests_name("render", tests, set_up, decoder_tear_down);
}
