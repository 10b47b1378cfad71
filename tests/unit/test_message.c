#include "unit.h"
#include "writer/message.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct formatter formatter;
static struct message_settings settings = {
    .formatter = &formatter, .levels = LEVEL_BIT(LEVEL_INFO) | LEVEL_BIT(LEVEL_ERROR)};
static struct entries entries;
static char why[512];

static int
set_up(void **state)
{
	(void)state;
	setenv("TZ", "UTC0", 1);
	tzset();
	json_init();
	return 0;
}

/* Takes a message; the text of its level's entries is `expected` then. */
static enum message_status
take(const char *format, const char *line, const char *added, int64_t timestamp,
    const char *expected)
{
	struct message m = {.value = line,
	    .len = strlen(line),
	    .added = added,
	    .added_len = strlen(added),
	    .timestamp = timestamp};
	struct buf reason = BUF_INIT;
	struct message_intake *in;
	enum message_status status;
	enum level level = LEVEL_INFO;

	assert_true(formatter_compile(&formatter, format, NULL, &reason));
	in = message_intake_new(&settings);
	for (int i = 0; i < LEVEL_COUNT; i++) {
		buf_clear(&entries.level[i], 0);
		entries.records[i] = 0;
	}
	*why = '\0';
	status = message_take(in, &m, &entries, &level, why, sizeof(why));
	assert_buf_equal(&entries.level[level], expected);
	assert_int_equal(entries.records[level], status == MESSAGE_GOOD);
	message_intake_free(in);
	formatter_free(&formatter);
	buf_free(&entries.level[level]);
	return status;
}

#define GOOD(format, line, added, timestamp, expected)                                             \
	assert_int_equal(take(format, line, added, timestamp, expected), MESSAGE_GOOD)

static void
the_line_tells_where_from_and_when(void **state)
{
	static const char line[] =
	    "{\"msg\":\"m\",\"remote_addr\":\"192.0.2.\\u0037\",\"received\":"
	    "\"2026-11-22T22:38:43.048Z\"}";

	(void)state;
	GOOD("%(asctime)s %(received)s %(remote_addr)s %(created)s %(message)s", line, "", 5,
	    "2026-11-22 22:38:43,048 2026-11-22T22:38:43.048Z 192.0.2.7 1795387123.048 m\n");
	/* Else it is when the topic got it. */
	GOOD("%(asctime)s %(remote_addr)s", "{\"msg\":\"m\",\"received\":\"yesterday\"}", "",
	    1795387123048, "2026-11-22 22:38:43,048 -\n");
	GOOD("%(asctime)s", "{\"msg\":\"m\",\"received\":\"2026-13-22T22:38:43.048Z\"}", "",
	    1795387123048, "2026-11-22 22:38:43,048\n");
	GOOD("json", line, "message", 5,
	    "{\"msg\":\"m\",\"message\":\"m\",\"remote_addr\":\"192.0.2.7\",\"received\":"
	    "\"2026-11-22T22:38:43.048Z\"}\n");
}

static void
numbers_that_json_has_not_come_back(void **state)
{
	(void)state;
	GOOD("%(k)s %(l)s %(m)s",
	    "{\"msg\":\"m\",\"k\":\"NaN\",\"l\":[\"-Infinity\",\"NaN\"],\"m\":\"x\\\"NaN\"}", "nan",
	    5, "nan [-inf, nan] x\"NaN\n");
	GOOD("%(k)s %(NaN)s", "{\"msg\":\"m\",\"k\":\"NaN\",\"NaN\":\"Infinity\"}", "nan", 5,
	    "nan inf\n");
	GOOD("%(k)s", "{\"msg\":\"m\",\"k\":\"NaN\"}", "", 5, "NaN\n");
}

static void
what_the_server_added_was_not_sent(void **state)
{
	static const char line[] =
	    "{\"event\":\"e\",\"k\":1,\"logger\":\"l\",\"message\":\"e\",\"levelname\":\"INFO\","
	    "\"name\":\"l\",\"created\":1.5}";

	(void)state;
	GOOD("%(name)s %(message)s", line, "message,levelname,name,created", 5, "l e k=1\n");
	GOOD("%(name)s %(message)s", line, "", 5, "l e\n");
}

static void
says_why_there_is_no_entry(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
	    {"", "not JSON: the text ends"},
	    {"nothing", "not JSON: expected a value, at byte 0"},
	    {"[{\"msg\":1}]", "not a record but an array of them"},
	    {"[]", "there is no record in it"},
	    {"7", "not a record but another JSON value, at byte 0"},
	    {"{\"msg\":1}}", "not JSON: "},
	    {"{\"a\":1}", "\"msg\" is missing, and so is \"message\""},
	    {"{\"msg\":1,\"levelno\":\"x\"}", "\"levelno\" must be an integer"},
	};
	static char wide[15 * 1100 + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(take("%(message)s", cases[i].line, "", 5, ""), MESSAGE_REJECTED);
		if (strncmp(why, cases[i].why, strlen(cases[i].why)) != 0)
			fail_msg("%s: %s, not %s", cases[i].line, why, cases[i].why);
	}
	assert_int_equal(
	    take("%(message)s", "{\"msg\":1,\"levelno\":10}", "", 5, ""), MESSAGE_DROPPED);
	/* What LOG_FORMAT makes of it is more than a megabyte. */
	for (size_t i = 0; i < 1100; i++)
		memcpy(wide + 15 * i, "%(message)1000s", 15);
	assert_int_equal(take(wide, "{\"msg\":1}", "", 5, ""), MESSAGE_REJECTED);
	assert_string_equal(why, "the entry would be too large");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_line_tells_where_from_and_when),
	    cmocka_unit_test(numbers_that_json_has_not_come_back),
	    cmocka_unit_test(what_the_server_added_was_not_sent),
	    cmocka_unit_test(says_why_there_is_no_entry),
	};

	return cmocka_run_group_tests_name("message", tests, set_up, NULL);
}
