#include "record/render.h"
#include "unit.h"
#include "json/json.h"

#include "decoder.h"

#include <stdlib.h>
#include <time.h>

#define ARRIVAL 1795387123048000000 /* 2026-11-22 22:38:43.048 UTC */

static int
set_up(void **state)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	return decoder_set_up(state);
}

/* Appends the entry of a record; *added is what the line of JSON says beside, before and after. */
static void
render(
    const char *format, const char *body, size_t len, struct render_added *added, struct buf *out)
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

	assert_true(formatter_compile(&formatter, format, NULL, &why));
	wanted = formatter_wanted(&formatter);
	wanted.not_sent = added->fields;
	render_init(&render, &formatter, NULL);
	json_begin(decoder, body, len);
	assert_int_equal(json_next_record(decoder, &object, &what, &offset), JSON_RECORD);
	assert_true(record_read(&record, object, &wanted, &e));
	render_record(&render, &record, &arrival, out);
	*added = render.added;
	json_end(decoder);
	render_free(&render);
	formatter_free(&formatter);
}

/* The entry of a record, and that of its line of JSON, are the same in every format. */
static void
check(const char *body, const char *added_text)
{
	static const char *const formats[] = {
	    "%(asctime)s %(levelname)s:%(name)s %(message)s",
	    "%(created)s %(msecs)s %(levelno)s %(funcName)s %(k)s %(event)s|%(message)s",
	    "json",
	};
	struct buf line = BUF_INIT;
	struct render_added added = {0, false}, read;
	char text[RENDER_ADDED_SIZE + 1];

	render("json", body, strlen(body), &added, &line);
	text[render_added_put(&added, text)] = '\0';
	assert_string_equal(text, added_text);
	read = render_added_parse(text, strlen(text));
	assert_int_equal(read.fields, added.fields);
	assert_int_equal(read.strings, added.strings);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct buf direct = BUF_INIT, again = BUF_INIT;
		struct render_added none = {0, false};

		render(formats[i], body, strlen(body), &none, &direct);
		read.fields = added.fields;
		render(formats[i], line.data, line.len, &read, &again);
		buf_putc(&direct, '\0');
		assert_buf_equal(&again, direct.data);
		buf_free(&direct);
		buf_free(&again);
	}
	buf_free(&line);
}

static void
a_line_makes_the_entry_that_the_record_makes(void **state)
{
	(void)state;
	check("{\"msg\": \"a %s\", \"args\": [1.50], \"levelno\": 20, \"created\": 1795508506.491}",
	    "message");
	check("{\"msg\": \"a\", \"message\": 5, \"name\": null}", "");
	/* structlog: pairs of the event are part of the message */
	check("{\"event\": \"e\", \"k\": [1], \"logger\": \"l\", \"level\": \"warning\", "
	      "\"timestamp\": \"2026-11-24T08:21:46.035123Z\"}",
	    "message,levelname,name,created");
	check("{\"event\": \"e\", \"levelname\": null, \"k\": 1, \"level\": 25, \"created\": null, "
	      "\"time\": 1795508506491}",
	    "message,levelname,created");
	check("{\"event\": \"e\", \"k\": \"v\", \"message\": \"e\", \"created\": 1.5}", "");
	/* python-json-logger with another time: no LogRecord, though the line looks like one */
	check("{\"msg\": \"m\", \"levelno\": 30, \"timestamp\": 1795508506.035, \"exception\": "
	      "\"Traceback\"}",
	    "message,created");
	/* loguru */
	check("{\"text\": \"t\", \"record\": {\"message\": \"m\", \"name\": \"n\", \"level\": "
	      "{\"name\": \"ODD\", \"no\": 45}, \"function\": \"f\", \"time\": {\"timestamp\": "
	      "1795508506.5}}}",
	    "message,levelname,name,created");
}

static void
a_number_that_json_has_not_is_told(void **state)
{
	struct render_added added = {0, false};
	struct buf line = BUF_INIT;
	const char *body = "{\"msg\": \"m\", \"k\": {\"a\": [NaN]}}";

	(void)state;
	render("json", body, strlen(body), &added, &line);
	assert_true(added.strings);
	buf_free(&line);
	line = (struct buf)BUF_INIT;
	body = "{\"msg\": \"m\", \"k\": \"NaN\"}";
	added.fields = 0;
	render("json", body, strlen(body), &added, &line);
	assert_false(added.strings);
	buf_free(&line);
}

static void
unknown_words_count_for_nothing(void **state)
{
	static const char text[] = "msg,created,,nan,what,";
	struct render_added added = render_added_parse(text, strlen(text));

	(void)state;
	assert_int_equal(added.fields, RECORD_BIT(FIELD_CREATED));
	assert_true(added.strings);
	added = render_added_parse(text, 0);
	assert_int_equal(added.fields, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_makes_the_entry_that_the_record_makes),
	    cmocka_unit_test(a_number_that_json_has_not_is_told),
	    cmocka_unit_test(unknown_words_count_for_nothing),
	};

	return cmocka_run_group_tests_name("render_added", tests, set_up, decoder_tear_down);
}
