/* The line of JSON that is copied from what was sent is the one that is made of its values. */
#include "record/record_line.h"

#include "record/render.h"
#include "unit.h"
#include "json/json.h"

#include "decoder.h"

#include <stdlib.h>

#define ARRIVAL 1795387123048945678 /* 2026-11-22 22:38:43.048945678 UTC */

static struct formatter formatter;

static int
set_up(void **state)
{
	struct buf why = BUF_INIT;

	return !formatter_compile(&formatter, "json", NULL, &why) || decoder_set_up(state);
}

struct made {
	struct buf line;
	struct render_added added;
	struct record_error error;
	bool accepted, copied;
};

static void
make(struct record *record, struct made *made)
{
	const struct render_arrival arrival = {ARRIVAL, value_string("192.0.2.7")};
	struct render render;

	render_init(&render, &formatter, NULL);
	render_record(&render, record, &arrival, &made->line);
	made->added = render.added;
	render_free(&render);
}

/* By its values. */
static void
make_whole(const char *body, struct made *made)
{
	struct record_wanted wanted = formatter_wanted(&formatter);
	struct record record;
	struct value object;
	const char *what;
	size_t offset;

	*made = (struct made){.line = BUF_INIT};
	json_decoder_skip(decoder, NULL, NULL);
	json_begin(decoder, body, strlen(body));
	assert_int_equal(json_next_record(decoder, &object, &what, &offset), JSON_RECORD);
	made->accepted = record_read(&record, object, &wanted, &made->error);
	if (made->accepted)
		make(&record, made);
	json_end(decoder);
}

/* By copying. */
static void
make_line(const char *body, struct made *made)
{
	struct record_line line;
	struct record record;
	struct value object;
	const char *what;
	size_t offset;

	*made = (struct made){.line = BUF_INIT};
	record_line_init(&line, NULL);
	record_line_begin(&line);
	json_decoder_skip(decoder, record_line_skip, &line);
	json_begin(decoder, body, strlen(body));
	assert_int_equal(json_next_record(decoder, &object, &what, &offset), JSON_RECORD);
	made->copied = record_line_is_whole(&line);
	if (made->copied) {
		made->accepted = record_read(&record, object, &line.wanted, &made->error);
		record.line = &line;
		if (made->accepted)
			make(&record, made);
	}
	json_end(decoder);
	json_decoder_skip(decoder, NULL, NULL);
	record_line_free(&line);
}

static void
check(const char *body, bool copied)
{
	struct made whole, line;

	make_whole(body, &whole);
	make_line(body, &line);
	if (line.copied != copied)
		fail_msg("%s: %s", copied ? "not copied" : "copied", body);
	if (copied) {
		assert_int_equal(line.accepted, whole.accepted);
		if (!whole.accepted) {
			assert_string_equal(line.error.field, whole.error.field);
			assert_string_equal(line.error.what, whole.error.what);
		}
		buf_putc(&line.line, '\0');
		buf_putc(&whole.line, '\0');
		assert_string_equal(line.line.data, whole.line.data);
		assert_true(line.added.fields == whole.added.fields);
		assert_int_equal(line.added.strings, whole.added.strings);
	}
	buf_free(&whole.line);
	buf_free(&line.line);
}

static void
is_the_one_of_the_values(void **state)
{
	static const char *const bodies[] = {
	    /* as CPython sends them */
	    "{\"name\": \"app\", \"msg\": \"hello %s\", \"args\": [\"world\"], \"levelname\": "
	    "\"INFO\", "
	    "\"levelno\": 20, \"pathname\": \"/srv/app/lib/logger.py\", \"exc_info\": null, "
	    "\"exc_text\": null, \"stack_info\": null, \"lineno\": 126, \"created\": "
	    "1795387123.0549433, \"msecs\": 54.0, \"thread\": 139967761633344, \"process\": 20231}",
	    "{\"msg\":\"x\"}",
	    " { \"msg\" : \"x\" , \"a\" : 1 } ",
	    "{\"a\":1,\"msg\":\"x\",\"b\":2}",
	    /* holes at the beginning, in the middle, at the end; and nothing but holes */
	    "{\"a\":\"\\u0041\",\"b\":1,\"msg\":\"x\",\"c\":\"\\/\",\"d\":\"y\",\"e\":[1, 2]}",
	    "{\"msg\":\"\\u0041\"}",
	    "{\"msg\":\"x\",\"n\":NaN,\"i\":[Infinity],\"t\":{\"a\" : {\"b\":1,\"b\":2}}}",
	    "{\"msg\":{\"a\":\"\\u2028\"},\"x\":\"\xc2\x85\",\"y\":\"\xc3\xa4\",\"z\":\"\\\"\\n\"}",
	    /* what is made otherwise */
	    "{\"message\":\"sent\",\"msg\":\"x\"}",
	    "{\"msg\":\"x\",\"message\":null,\"a\":1}",
	    "{\"msg\":\"x\",\"message\":[1, {\"a\": 2}]}",
	    "{\"msg\":\"%d\",\"args\":[\"x\"]}",
	    "{\"msg\":\"x\",\"remote_addr\":\"forged\",\"received\":[1],\"a\":1}",
	    "{\"remote_addr\":\"forged\",\"msg\":\"x\"}",
	    "{\"msg\":\"x\",\"name\":null,\"levelname\":null,\"created\":null,\"levelno\":null,"
	    "\"msecs\":null}",
	    /* of other loggers */
	    "{\"event\":\"x\",\"level\":\"error\",\"logger\":\"y\",\"timestamp\":\"2026-01-02T03:"
	    "04:05Z\"}",
	    "{\"event\":\"x\",\"name\":null,\"levelname\":null,\"created\":null,\"level\":"
	    "\"warning\","
	    "\"logger_name\":\"y\",\"@timestamp\":\"2026-01-02T03:04:05Z\"}",
	    "{\"msg\":\"x\",\"asctime\":\"2026-01-02 03:04:05,678\",\"severity\":\"CRITICAL\"}",
	    "{\"msg\":\"x\",\"name\":7,\"logger\":\"y\",\"level\":30}",
	    "{\"message\":\"x\",\"extra\":{\"logger_name\":\"y\"},\"log\":{\"level\":\"debug\"}}",
	    "{\"text\":\"t\",\"record\":{\"message\":\"x\",\"name\":\"n\",\"level\":{\"name\":"
	    "\"ERROR\",\"no\":40},"
	    "\"time\":{\"timestamp\":1.5},\"extra\":{}}}",
	    "{\"msg\":\"x\",\"levelname\":\"WARN\"}",
	    /* what is refused */
	    "{\"msg\":\"x\",\"levelno\":\"high\"}",
	    "{\"msg\":\"x\",\"msecs\":\"1\"}",
	    "{\"msg\":\"x\",\"msecs\":1e999}",
	    "{\"msg\":\"x\",\"exc_text\":1}",
	    "{\"msg\":\"x\",\"stack_info\":{}}",
	    "{\"msg\":\"x\",\"stack_info\":[\"a\",\"b\"],\"exc_text\":\"y\"}",
	    "{\"msg\":\"x\",\"created\":\"now\"}",
	    "{\"msg\":\"x\",\"created\":1e300}",
	    "{\"a\":1}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		check(bodies[i], true);
	check("{}", false);
}

/* What has no such line, and is read as a whole. */
static void
is_none_where_names_are_odd(void **state)
{
	struct buf many = BUF_INIT;

	(void)state;
	check("{\"msg\":\"x\",\"a\":1,\"a\":2}", false);
	check("{\"msg\":\"x\",\"msg\":\"y\"}", false);
	check("{\"msg\":\"x\",\"received\":1,\"received\":2}", false);
	check("{\"m\\u0073g\":\"x\"}", false);
	check("{\"msg\":\"x\",\"\\/\":1}", false);
	check("{\"msg\":\"x\",\"\\n\":[1]}", false);
	check("{\"msg\":\"\x7f\"}", false);
	check("{\"msg\":\"x\",\"\x7f\":1}", false);
	/* An escape that is written as it came is no trouble. */
	check("{\"msg\":\"x\",\"\\n\":1,\"a\":2}", true);
	buf_puts(&many, "{\"msg\":\"x\"");
	for (int i = 1; i < RECORD_LINE_MEMBERS; i++)
		buf_printf(&many, ",\"member %d\":%d", i, i);
	buf_append(&many, "}", 2);
	check(many.data, true);
	many.len -= 2;
	buf_append(&many, ",\"one more\":1}", 15);
	check(many.data, false);
	buf_free(&many);
}

/* The next record's has nothing of the last. */
static void
begins_anew(void **state)
{
	struct record_line line;
	struct value object;
	const char *what;
	size_t offset;

	(void)state;
	record_line_init(&line, NULL);
	json_decoder_skip(decoder, record_line_skip, &line);
	json_begin_lines(decoder, "{\"a\":1,\"a\":2}\n{\"b\":\"\\/\",\"c\":3}\n{\"d\":4}\n", 39);
	for (int i = 0; i < 3; i++) {
		record_line_begin(&line);
		assert_false(record_line_is_whole(&line));
		assert_int_equal(json_next_record(decoder, &object, &what, &offset), JSON_RECORD);
		assert_int_equal(record_line_is_whole(&line), i > 0);
	}
	assert_int_equal(line.holes, 0);
	assert_buf_equal(&line.text, ",\"d\":4");
	json_end(decoder);
	json_decoder_skip(decoder, NULL, NULL);
	record_line_free(&line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_the_one_of_the_values),
	    cmocka_unit_test(is_none_where_names_are_odd),
	    cmocka_unit_test(begins_anew),
	};

	return cmocka_run_group_tests_name("record_line", tests, set_up, decoder_tear_down);
}
