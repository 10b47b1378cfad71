#include "record/record.h"
#include "unit.h"
#include "json/json.h"

#include "decoder.h"

/* As a LOG_FORMAT wants it that has a use for every field. */
static const struct record_wanted wanted = {UINT64_MAX, UINT64_MAX, true, 0};

static bool
read_record(const char *body, struct record *r, struct record_error *e)
{
	struct value object;
	const char *what = "";
	size_t offset;

	json_begin(decoder, body, strlen(body));
	if (json_next_record(decoder, &object, &what, &offset) != JSON_RECORD)
		fail_msg("%s: %s", body, what);
	return record_read(r, object, &wanted, e);
}

static void
needs_only_a_message(void **state)
{
	struct record_error e;
	struct record r;

	(void)state;
	assert_true(read_record("{\"msg\": \"m\"}", &r, &e));
	assert_int_equal(r.levelno, 20);
	assert_true(read_record("{\"message\": \"m\"}", &r, &e));
	assert_true(read_record("{\"msg\": null}", &r, &e)); /* logging.info(None) */
	assert_false(read_record("{\"message\": null}", &r, &e));
	assert_false(read_record("{}", &r, &e));
	assert_string_equal(e.field, "msg");
}

static void
derives_the_level(void **state)
{
	static const struct {
		const char *body;
		long levelno;
	} cases[] = {
	    {"{\"msg\": 1, \"levelno\": 35}", 35},
	    {"{\"msg\": 1, \"levelno\": 35, \"levelname\": \"DEBUG\"}", 35},
	    {"{\"msg\": 1, \"levelname\": \"DEBUG\"}", 10},
	    {"{\"msg\": 1, \"levelname\": \"error\"}", 40},
	    {"{\"msg\": 1, \"levelname\": \"NOTICE\"}", 20},
	    {"{\"msg\": 1, \"levelno\": null, \"levelname\": null}", 20},
	    {"{\"msg\": 1, \"levelno\": -5}", -5},
	    {"{\"msg\": 1, \"levelno\": 99999999999999999999999}", __LONG_MAX__},
	    {"{\"msg\": 1, \"levelno\": 10, \"levelno\": 40}", 40},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record_error e;
		struct record r;

		assert_true(read_record(cases[i].body, &r, &e));
		assert_int_equal(r.levelno, cases[i].levelno);
	}
}

static void
refuses_impossible_types_by_name(void **state)
{
	static const struct {
		const char *member;
		const char *field;
	} cases[] = {
	    {"\"levelno\": \"high\"", "levelno"},
	    {"\"levelno\": 20.5", "levelno"},
	    {"\"levelno\": true", "levelno"},
	    {"\"levelname\": 5", "levelname"},
	    {"\"name\": [\"a\"]", "name"},
	    {"\"created\": \"now\"", "created"},
	    {"\"created\": NaN", "created"},
	    {"\"created\": 1e300", "created"},
	    {"\"msecs\": Infinity", "msecs"},
	    {"\"msecs\": \"1\"", "msecs"},
	    {"\"msecs\": 1e400", "msecs"},
	    {"\"msecs\": -1E400", "msecs"},
	    {"\"relativeCreated\": 1e400", "relativeCreated"},
	    {"\"created\": 1e400", "created"},
	    {"\"created\": 1e400, \"created\": 1", "created"},
	    {"\"lineno\": \"7\"", "lineno"},
	    {"\"thread\": {}", "thread"},
	    {"\"exc_text\": [\"a\"]", "exc_text"},
	    {"\"stack_info\": 1", "stack_info"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf body = BUF_INIT;
		struct record_error e;
		struct record r;

		buf_printf(&body, "{\"msg\": \"m\", %s}", cases[i].member);
		buf_putc(&body, '\0');
		assert_false(read_record(body.data, &r, &e));
		assert_string_equal(e.field, cases[i].field);
		buf_free(&body);
	}
}

static void
takes_what_extra_may_add(void **state)
{
	struct record_error e;
	struct record r;

	(void)state;
	assert_true(read_record(
	    "{\"msg\": 1, \"trace\": 7, \"host\": null, \"user\": {\"id\": 7}}", &r, &e));
	assert_true(read_record("{\"msg\": 1, \"remote_addr\": 5, \"received\": {}}", &r, &e));
	assert_int_equal(r.field[FIELD_REMOTE_ADDR].type, VALUE_ABSENT);
	assert_int_equal(r.field[FIELD_RECEIVED].type, VALUE_ABSENT);
}

/* What is left of a record whose members are passed over unless they are wanted; and the field that
 * it is refused for, or "". NULL: not looked at. */
static void
check_skipped(struct record_wanted some, const char *body, const char *left, const char *refused)
{
	struct buf out = BUF_INIT;
	const char *what = "";
	struct record_error e = {"", ""};
	struct value object;
	struct record r;
	size_t offset;

	json_decoder_skip(decoder, record_skip, &some);
	json_begin(decoder, body, strlen(body));
	if (json_next_record(decoder, &object, &what, &offset) != JSON_RECORD)
		fail_msg("%s: %s", body, what);
	if (refused != NULL) {
		assert_int_equal(record_read(&r, object, &some, &e), *refused == 0);
		assert_string_equal(e.field, refused);
	}
	json_write(&out, object, true);
	assert_buf_equal(&out, left);
	json_end(decoder);
	json_decoder_skip(decoder, NULL, NULL);
	buf_free(&out);
}

static void
passes_over_what_is_not_wanted(void **state)
{
	const struct record_wanted some = {
	    RECORD_BIT(FIELD_MSG) | RECORD_BIT(FIELD_NAME), 0, false, 0};
	const struct record_wanted number = {
	    RECORD_BIT(FIELD_MSG) | RECORD_BIT(FIELD_LINENO), RECORD_BIT(FIELD_LINENO), false, 0};
	const struct record_wanted more = {RECORD_BIT(FIELD_MSG), 0, true, 0};

	(void)state;
	check_skipped(some,
	    "{\"name\": \"n\", \"lineno\": 5, \"x\": {\"msg\": [1]}, \"msg\": {\"lineno\": 1}}",
	    "{\"name\":\"n\",\"msg\":{\"lineno\":1}}", NULL);
	check_skipped(some, "{\"x\": [1, {}], \"module\": null}", "{}", NULL);
	check_skipped(
	    more, "{\"x\": [1, {}], \"module\": null, \"y\": 1}", "{\"x\":[1,{}],\"y\":1}", NULL);
	check_skipped(some, "{\"m\\u0073g\": 1, \"a\\u0062\": 2}", "{\"msg\":1,\"ab\":2}", NULL);
	/* Of whatever type it is, as nothing shows it. */
	check_skipped(some, "{\"msg\": 1, \"lineno\": \"x\", \"thread\": {}}", "{\"msg\":1}", "");
	check_skipped(some, "{\"msg\": 1, \"relativeCreated\": NaN}", "{\"msg\":1}", "");
	check_skipped(some, "{\"pathname\": 5, \"process\": true}", "{}", NULL);
	check_skipped(some, "{\"msg\": 1, \"name\": [1]}", "{\"msg\":1,\"name\":[1]}", "");
	check_skipped(number, "{\"msg\": 1, \"lineno\": \"x\", \"thread\": {}}",
	    "{\"msg\":1,\"lineno\":\"x\"}", "lineno");
	/* Of several with one name the last counts, as in Python. */
	check_skipped(some, "{\"lineno\": 6, \"msg\": 1, \"lineno\": 5}", "{\"msg\":1}", "");
	check_skipped(
	    some, "{\"msg\": 1, \"name\": \"a\", \"msg\": 2}", "{\"msg\":2,\"name\":\"a\"}", "");
	/* Each must be of its type where one is needed. */
	check_skipped(number, "{\"lineno\": 5, \"msg\": 1, \"lineno\": \"x\"}",
	    "{\"lineno\":\"x\",\"msg\":1}", "lineno");
	check_skipped(number, "{\"line\\u006eo\": \"x\", \"msg\": 1, \"lineno\": 5}",
	    "{\"lineno\":5,\"msg\":1}", "lineno");
	check_skipped(
	    some, "{\"relativeCreated\": -1.5e3, \"lineno\": -7, \"exc_info\": [1]}", "{}", NULL);
}

static void
finds_every_field_by_name(void **state)
{
	static const char *const names[FIELD_COUNT] = {"name", "msg", "args", "levelname",
	    "levelno", "pathname", "filename", "module", "exc_info", "exc_text", "stack_info",
	    "lineno", "funcName", "created", "msecs", "relativeCreated", "thread", "threadName",
	    "processName", "process", "taskName", "message", "asctime", "trace", "remote_addr",
	    "received", "level", "severity", "event", "logger", "logger_name", "timestamp",
	    "@timestamp", "time", "exception", "stack", "stack_trace", "error", "extra", "log",
	    "record", "text", "func_name", "function", "line", "path", "file", "thread_name",
	    "process_name", "pid"};

	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++)
		assert_int_equal(record_field(names[i], strlen(names[i])), i);
	assert_int_equal(record_field("Name", 4), -1);
	assert_int_equal(record_field("", 0), -1);
	assert_int_equal(record_field("a name that is longer than any", 30), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(needs_only_a_message),
	    cmocka_unit_test(derives_the_level),
	    cmocka_unit_test(refuses_impossible_types_by_name),
	    cmocka_unit_test(takes_what_extra_may_add),
	    cmocka_unit_test(passes_over_what_is_not_wanted),
	    cmocka_unit_test(finds_every_field_by_name),
	};

	return cmocka_run_group_tests_name("record", tests, decoder_set_up, decoder_tear_down);
}
