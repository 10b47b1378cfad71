#include "record/render.h"
#include "unit.h"
#include "json/json.h"

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
render(const char *format, const char *date_format, const char *body, struct buf *out)
{
	struct render_arrival arrival = {ARRIVAL, value_string("192.0.2.7")};
	struct buf why = BUF_INIT;
	struct record_wanted wanted;
	struct record_error e;
	struct formatter formatter;
	struct record record;
	struct render render;
	struct value object;
	const char *what;
	size_t offset;

	assert_true(formatter_compile(&formatter, format, date_format, &why));
	wanted = formatter_wanted(&formatter);
	render_init(&render, &formatter, NULL);
	json_begin(decoder, body, strlen(body));
	assert_int_equal(json_next_record(decoder, &object, &what, &offset), JSON_RECORD);
	assert_true(record_read(&record, object, &wanted, &e));
	render_record(&render, &record, &arrival, out);
	json_end(decoder);
	render_free(&render);
	formatter_free(&formatter);
}

static void
check(const char *format, const char *date_format, const char *body, const char *expected)
{
	struct buf out = BUF_INIT;

	render(format, date_format, body, &out);
	assert_buf_equal(&out, expected);
	buf_free(&out);
}

static void
fills_in_what_was_not_sent(void **state)
{
	(void)state;
	check(DEFAULT, NULL, "{\"msg\": \"hi\"}", "2026-11-22 22:38:43,048 INFO:root hi\n");
	check("%(name)s %(message)s", NULL, "{\"msg\": \"hi\", \"name\": null}", "None hi\n");
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
	check("%(args)a|%(args)8r|%(args).2r", NULL, "{\"msg\": 1, \"args\": [\"\\u00e9\"]}",
	    "('\\xe9',)|  ('\xc3\xa9',)|('\n");
	check("%(args)r", NULL, "{\"msg\": 1, \"args\": \"a\"}", "'a'\n");
	/* Python would lose the record over a %d of text. */
	check("%(user)5d", NULL, "{\"msg\": 1, \"user\": \"me\"}", "   me\n");
	check("%(asctime)s", "%t%H:%M", "{\"msg\": 1, \"created\": 0.5}", "\\x0900:00\n");
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
shows_structlogs_pairs_after_its_event(void **state)
{
	(void)state;
	check(DEFAULT, NULL,
	    "{\"a\": 1, \"b\": \"x y\", \"event\": \"e %s\", \"c\": \"\\u00e9\", \"d\": null, "
	    "\"level\": "
	    "\"warn\", \"timestamp\": \"2026-11-24T08:21:46.035Z\", \"logger\": \"l\", \"n\": [1, "
	    "\"a\"], "
	    "\"args\": [2], \"lineno\": 7, \"exc_info\": true, \"stack_info\": true, \"q\": \"=\"}",
	    "2026-11-24 08:21:46,035 WARNING:l e %s a=1 b='x y' c=\xc3\xa9 d=None n=[1, 'a'] "
	    "args=[2] lineno=7 q='='\n");
	check("%(a)s %(lineno)d %(message)s", NULL,
	    "{\"a\": 1, \"line\": 7, \"event\": \"e\", \"logger\": \"l\", \"module\": \"m\"}",
	    "1 7 e logger=l module=m\n");
	check("%(message)s", NULL, "{\"event\": {\"a\": [1]}, \"exception\": {\"b\": 1}}",
	    "{'a': [1]} exception={'b': 1}\n");
	/* Which is in the exception, or the stack. */
	check("%(message)s", NULL,
	    "{\"event\": \"e\", \"exception\": \"x\", \"exc_info\": \"\", \"stack\": \"s\", \"a\": "
	    "1}",
	    "e exc_info= a=1\n\tx\n\ts\n");
	check("%(message)s", NULL, "{\"message\": \"m\", \"a\": 1}", "m\n");
}

static void
finds_fields_in_extra(void **state)
{
	(void)state;
	check("%(user)s %(n)s %(message)s", NULL,
	    "{\"message\": \"m\", \"n\": 1, \"extra\": {\"user\": 42, \"n\": 2}}", "42 1 m\n");
	check("%(thread)d %(threadName)s %(message)s", NULL,
	    "{\"message\": \"m\", \"thread\": {\"id\": 7, \"name\": \"t\"}}", "7 t m\n");
	/* A LogRecord's is somebody's own. */
	check("%(user)s %(message)s", NULL,
	    "{\"msg\": \"m\", \"levelno\": 20, \"created\": 1, \"extra\": {\"user\": 42}}",
	    "- m\n");
}

static void
prints_exceptions_of_other_loggers(void **state)
{
#define STACK(type, value, more)                                                                   \
	"{\"exc_type\": \"" type "\", \"exc_value\": \"" value                                     \
	"\", \"frames\": [{\"filename\": \"f\", "                                                  \
	"\"lineno\": 7, \"name\": \"g\"}]" more "}"
	(void)state;
	check("%(message)s", NULL,
	    "{\"message\": \"m\", \"exc_info\": [\"a\\n\", \"b\", \"c\\n\"]}",
	    "m\n\ta\n\tb\n\tc\n");
	check("%(message)s", NULL,
	    "{\"message\": \"m\", \"exception\": {\"type\": \"E\", \"value\": \"v\"}}",
	    "m\n\tE: v\n");
	check("%(message)s", NULL,
	    "{\"message\": \"m\", \"exception\": {\"type\": \"E\", \"value\": null}}", "m\n\tE\n");
	check("%(message)s", NULL,
	    "{\"message\": \"m\", \"exception\": [" STACK("B", "2",
		", \"exc_notes\": [\"n\"]") ", " STACK("A", "", ", \"is_cause\": true") "]}",
	    "m\n\tTraceback (most recent call last):\n\t  File \"f\", line 7, in g\n\tA\n\t\n\t"
	    "The above exception was the direct cause of the following exception:\n\t\n\t"
	    "Traceback (most recent call last):\n\t  File \"f\", line 7, in g\n\tB: 2\n\tn\n");
	/* Of odd shapes what there is. */
	check("%(message)s", NULL,
	    "{\"message\": \"m\", \"exception\": [{\"exc_type\": \"E\", \"frames\": [5, {}], "
	    "\"exceptions\": "
	    "[7, []], \"exc_notes\": {}}, 5, {}]}",
	    "m\n\tNone\n\t\n\tDuring handling of the above exception, another exception "
	    "occurred:\n\t\n\t"
	    "  + Exception Group Traceback (most recent call last):\n\t  |   File \"None\", line "
	    "None, in "
	    "None\n\t  | E\n\t  +-+---------------- 1 ----------------\n\t    +---------------- 2 "
	    "----------------\n\t    +------------------------------------\n");
	check("%(message)s", NULL, "{\"message\": \"m\", \"stack_info\": [\"a\", 1]}",
	    "m\n\ta\n\t1\n");
#undef STACK
}

/* Groups within groups are looked into as far as CPython does. */
static void
groups_of_exceptions_end(void **state)
{
	struct buf body = BUF_INIT, out = BUF_INIT;

	(void)state;
	buf_puts(&body, "{\"message\": \"m\", \"exception\": ");
	for (int i = 0; i < 300; i++)
		buf_puts(&body, "[{\"exc_type\": \"E\", \"exceptions\": [");
	buf_puts(&body, "[{\"exc_type\": \"Last\"}]");
	for (int i = 0; i < 300; i++)
		buf_puts(&body, "]}]");
	buf_puts(&body, "}");
	buf_putc(&body, '\0');
	render("%(message)s", NULL, body.data, &out);
	buf_putc(&out, '\0');
	assert_null(strstr(out.data, "Last"));
	assert_non_null(strstr(out.data, "                    | E\n"));
	buf_free(&body);
	buf_free(&out);
}

/* Whatever the format begins with and the client sends. */
static void
an_entry_starts_at_a_line_without_a_tab(void **state)
{
	(void)state;
	check("%(message)s", NULL, "{\"msg\": \"\\tat f()\"}", "\\x09at f()\n");
	check("%(name)5s %(message)s", NULL, "{\"msg\": \"m\", \"name\": \"\\t\"}", "    \t m\n");
	check("%(name)-2s%(message)s", NULL, "{\"msg\": \"m\", \"name\": \"\\t\"}", "\\x09 m\n");
	check("%(x)s%(message)s", NULL, "{\"msg\": \"\\tm\", \"x\": \"\"}", "\\x09m\n");
	check("%(x)s", NULL, "{\"msg\": 1, \"x\": \"\", \"trace\": [\"\\tt\"]}", "\n\t\tt\n");
	check("\t%(message)s", NULL, "{\"msg\": \"m\"}", "\\x09m\n");
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

/* What was had from other fields is there by its name, too, once. */
static void
writes_json_lines_of_other_loggers(void **state)
{
#define END "\"remote_addr\":\"192.0.2.7\",\"received\":\"2026-11-22T22:38:43.048Z\"}\n"
	(void)state;
	check("json", NULL,
	    "{\"event\": \"e\", \"user\": 1, \"level\": 25, \"levelname\": null, \"time\": "
	    "1795508506491, "
	    "\"logger\": \"l\"}",
	    "{\"event\":\"e\",\"user\":1,\"level\":25,\"levelname\":\"Level "
	    "25\",\"time\":1795508506491,"
	    "\"logger\":\"l\",\"message\":\"e\",\"name\":\"l\",\"created\":1795508506.491," END);
	check("json", NULL,
	    "{\"text\": \"t\", \"record\": {\"message\": \"m\", \"name\": \"n\", \"level\": "
	    "{\"name\": "
	    "\"ERROR\", \"no\": 40}}}",
	    "{\"text\":\"t\",\"record\":{\"message\":\"m\",\"name\":\"n\",\"level\":{\"name\":"
	    "\"ERROR\","
	    "\"no\":40}},\"message\":\"m\",\"levelname\":\"ERROR\",\"name\":\"n\"," END);
	check("json", NULL,
	    "{\"message\": \"m\", \"name\": null, \"logger\": \"l\", \"thread\": {}}",
	    "{\"message\":\"m\",\"name\":null,\"logger\":\"l\",\"thread\":{}," END);
#undef END
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fills_in_what_was_not_sent),
	    cmocka_unit_test(makes_the_message_as_python),
	    cmocka_unit_test(formats_fields_as_pythons_formatter),
	    cmocka_unit_test(appends_trace_exception_and_stack),
	    cmocka_unit_test(an_entry_starts_at_a_line_without_a_tab),
	    cmocka_unit_test(shows_structlogs_pairs_after_its_event),
	    cmocka_unit_test(finds_fields_in_extra),
	    cmocka_unit_test(prints_exceptions_of_other_loggers),
	    cmocka_unit_test(groups_of_exceptions_end),
	    cmocka_unit_test(writes_json_lines),
	    cmocka_unit_test(writes_json_lines_of_other_loggers),
	};

	return cmocka_run_group_tests_name("render", tests, set_up, decoder_tear_down);
}
