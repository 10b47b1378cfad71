#include "pack.h"
#include "server/intake.h"
#include "unit.h"
#include "json/json.h"

#include <stdlib.h>
#include <time.h>

#define MB	 ((size_t)1024 * 1024)
#define MAX_BODY (16 * MB)

static struct budget budget;
static struct formatter formatter;
static struct intake *intake;
static struct entries entries;
static struct intake_result result;

static struct intake_settings settings = {
    .formatter = &formatter,
    .levels = LEVEL_BIT(LEVEL_INFO) | LEVEL_BIT(LEVEL_ERROR),
    .max_body = MAX_BODY,
    .budget = &budget,
};

static int
set_up(void **state)
{
	struct buf why = BUF_INIT;

	(void)state;
	json_init();
	setenv("TZ", "UTC0", 1);
	tzset();
	budget.max = 64 * MB;
	if (!formatter_compile(&formatter, "%(levelname)s %(message)s", NULL, &why))
		return 1;
	intake = intake_new(&settings);
	return intake == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	intake_free(intake);
	for (int i = 0; i < LEVEL_COUNT; i++)
		buf_free(&entries.level[i]);
	formatter_free(&formatter);
	return 0;
}

static enum intake_status
take(const char *body, size_t len)
{
	const struct intake_body b = {.bytes = body, .len = len, .remote_addr = "192.0.2.7"};

	return intake_take(intake, &b, &entries, &result);
}

static enum intake_status
take_lines(const char *body)
{
	const struct intake_body b = {.bytes = body, .len = strlen(body), .format = INTAKE_LINES};

	return intake_take(intake, &b, &entries, &result);
}

/* The body as gzip, of that level. */
static enum intake_status
take_packed(enum intake_format format, const char *body, size_t len, int level)
{
	struct buf packed = BUF_INIT;
	enum intake_status status;
	struct intake_body b;

	pack(&packed, body, len, level);
	b = (struct intake_body){packed.data, packed.len, format, true, NULL};
	status = intake_take(intake, &b, &entries, &result);
	buf_free(&packed);
	return status;
}

static size_t
written(void)
{
	size_t n = 0;

	for (int i = 0; i < LEVEL_COUNT; i++)
		n += entries.level[i].len;
	return n;
}

/* {"msg": <format>, "args": {"k": <value>}}; each text is repeated so many times. */
static void
put_keyed(struct buf *body, const char *format, int formats, const char *value, int values)
{
	buf_puts(body, "{\"msg\":\"");
	for (int i = 0; i < formats; i++)
		buf_puts(body, format);
	buf_puts(body, "\",\"args\":{\"k\":");
	for (int i = 0; i < values; i++)
		buf_puts(body, value);
	buf_puts(body, "}}");
}

static void
routes_renders_and_counts(void **state)
{
	static const char batch[] =
	    "[{\"msg\": \"a\"}, {\"msg\": \"%d\", \"args\": [\"x\"]},"
	    "{\"msg\": \"b\", \"levelno\": 50, \"levelname\": \"CRITICAL\"},"
	    "{\"msg\": \"c\", \"levelno\": 10}]";

	(void)state;
	assert_int_equal(take(batch, sizeof(batch) - 1), INTAKE_GOOD);
	assert_true(result.counts.batch);
	assert_int_equal(result.counts.records, 4);
	assert_int_equal(result.counts.dropped, 1);
	assert_int_equal(result.counts.unformatted, 1);
	assert_buf_equal(&entries.level[LEVEL_INFO], "INFO a\nINFO %d args=[\"x\"]\n");
	assert_buf_equal(&entries.level[LEVEL_ERROR], "CRITICAL b\n");
	assert_int_equal(entries.records[LEVEL_INFO], 2);
	assert_int_equal(entries.records[LEVEL_ERROR], 1);
	assert_int_equal(take("{\"msg\": 1}", 10), INTAKE_GOOD);
	assert_false(result.counts.batch);
	assert_int_equal(entries.records[LEVEL_INFO], 1);
}

/* structlog's, of which nothing is left out, between others. */
static void
shows_all_of_an_event(void **state)
{
	static const char batch[] =
	    "[{\"msg\": \"a\", \"user\": 1}, {\"user\": 2, \"event\": \"b\", \"pid\": 7},"
	    "{\"msg\": \"c\", \"user\": 3}]";

	(void)state;
	assert_int_equal(take(batch, sizeof(batch) - 1), INTAKE_GOOD);
	assert_int_equal(result.counts.records, 3);
	assert_buf_equal(&entries.level[LEVEL_INFO], "INFO a\nINFO b user=2 pid=7\nINFO c\n");
}

static void
says_what_is_wrong_and_where(void **state)
{
	static const struct {
		const char *body;
		const char *what;
	} cases[] = {
	    {"", "not JSON: the text ends where a value is expected, at byte 0"},
	    {"5", "not a record but another JSON value, at byte 0"},
	    {"{\"msg\": 1, \"levelno\": \"x\"}", "\"levelno\" must be an integer"},
	    {"[{\"msg\": 1}, {}]", "record 1: \"msg\" is missing, and so is \"message\""},
	    {"[{\"msg\": 1}, 7]", "record 1: not a record but another JSON value, at byte 13"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(take(cases[i].body, strlen(cases[i].body)), INTAKE_BAD);
		assert_string_equal(result.what, cases[i].what);
	}
}

static void
a_line_is_a_record(void **state)
{
	static const struct {
		const char *body, *what;
	} cases[] = {
	    {"", "there is no record in the body"},
	    {"\r\n\n", "there is no record in the body"},
	    {"{\"msg\": 1}\n\n5", "record 1: not a record but another JSON value, at byte 12"},
	    {"{\"msg\": 1}\n{}\n", "record 1: \"msg\" is missing, and so is \"message\""},
	    {"{\"msg\": 1} {\"msg\": 2}",
		"record 0: not JSON: nothing may follow the record in its line, at byte 11"},
	    {"{\"msg\": 1}\n{\"msg\":\n2}",
		"record 1: not JSON: a record must end in its line, at byte 18"},
	};

	(void)state;
	assert_int_equal(take_lines("{\"msg\": \"a\"}\r\n\n{\"msg\": \"b\"}"), INTAKE_GOOD);
	assert_true(result.counts.batch);
	assert_int_equal(result.counts.records, 2);
	assert_buf_equal(&entries.level[LEVEL_INFO], "INFO a\nINFO b\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(take_lines(cases[i].body), INTAKE_BAD);
		assert_string_equal(result.what, cases[i].what);
		assert_int_equal(written(), 0);
	}
}

static void
a_packed_body_is_unpacked_first(void **state)
{
	const struct intake_body broken = {"{\"msg\": 1}", 10, INTAKE_JSON, true, NULL},
				 empty = {NULL, 0, INTAKE_JSON, true, NULL};

	(void)state;
	assert_int_equal(take_packed(INTAKE_JSON, "{\"msg\": \"a\"}", 12, 9), INTAKE_GOOD);
	assert_false(result.counts.batch);
	assert_buf_equal(&entries.level[LEVEL_INFO], "INFO a\n");
	assert_int_equal(
	    take_packed(INTAKE_LINES, "{\"msg\": 1}\n{\"msg\": 2}", 21, 0), INTAKE_GOOD);
	assert_int_equal(result.counts.records, 2);
	/* Places are those of the text. */
	assert_int_equal(take_packed(INTAKE_JSON, "[{\"msg\": 1}, 7]", 15, 9), INTAKE_BAD);
	assert_string_equal(
	    result.what, "record 1: not a record but another JSON value, at byte 13");
	assert_int_equal(take_packed(INTAKE_JSON, "", 0, 9), INTAKE_BAD);
	assert_string_equal(
	    result.what, "not JSON: the text ends where a value is expected, at byte 0");
	assert_int_equal(take_packed(INTAKE_LINES, "", 0, 9), INTAKE_BAD);
	assert_string_equal(result.what, "there is no record in the body");
	/* Or those of the packed bytes. */
	assert_int_equal(intake_take(intake, &broken, &entries, &result), INTAKE_BAD);
	assert_string_equal(result.what, "not gzip: it does not begin as gzip does, at byte 0");
	assert_int_equal(intake_take(intake, &empty, &entries, &result), INTAKE_BAD);
	assert_string_equal(result.what, "not gzip: it ends too early, at byte 0");
	assert_int_equal(written(), 0);
}

static void
a_packed_body_is_as_large_as_its_text(void **state)
{
	struct buf body = BUF_INIT;

	(void)state;
	buf_puts(&body, "{\"msg\":1}");
	buf_fill(&body, ' ', MAX_BODY - body.len);
	assert_int_equal(take_packed(INTAKE_JSON, body.data, body.len, 9), INTAKE_GOOD);
	assert_int_equal(budget.used, 0);
	/* And counts as any other memory. */
	budget.max = MAX_BODY - 1;
	assert_int_equal(take_packed(INTAKE_JSON, body.data, body.len, 9), INTAKE_NO_MEMORY);
	assert_string_equal(result.what, "the server is busy; send it again");
	budget.max = 64 * MB;
	buf_putc(&body, ' ');
	assert_int_equal(take_packed(INTAKE_JSON, body.data, body.len, 9), INTAKE_TOO_LARGE);
	assert_string_equal(result.what, "the body unpacks to more than 16777216 bytes, which is "
					 "the most (MAX_BODY_BYTES)");
	assert_int_equal(budget.used, 0);
	/* What its entries may take goes by the text, too: more than 1 MiB, from less than 100 KiB.
	 */
	buf_clear(&body, 0);
	buf_puts(&body, "{\"msg\":\"");
	buf_fill(&body, 'x', 4 * MB);
	buf_puts(&body, "\"}");
	assert_int_equal(take_packed(INTAKE_JSON, body.data, body.len, 9), INTAKE_GOOD);
	assert_true(written() > 4 * MB);
	buf_free(&body);
}

static void
a_small_body_does_not_grow_large(void **state)
{
	struct buf body = BUF_INIT;

	(void)state;
	/* A message that would be longer than it may is written as it is. */
	buf_puts(&body, "[");
	for (int i = 0; i < 7; i++)
		buf_puts(&body, "{\"msg\":\"%16777000d\",\"args\":[1]},");
	buf_puts(&body, "{\"msg\":\"%1000d\",\"args\":[1]}]");
	assert_int_equal(take(body.data, body.len), INTAKE_GOOD);
	assert_int_equal(result.counts.unformatted, 7);
	assert_true(written() < 2000 && written() > 1000);
	buf_clear(&body, 0);
	/* Each within bounds, but not all together. */
	buf_puts(&body, "[");
	for (int i = 0; i < 20; i++)
		buf_puts(&body, "{\"msg\":\"%200000d\",\"args\":[1]},");
	buf_puts(&body, "{\"msg\":1}]");
	assert_int_equal(take(body.data, body.len), INTAKE_TOO_LARGE);
	assert_string_equal(result.what, "record 5: the entries would be too large");
	assert_int_equal(written(), 0);
	buf_clear(&body, 0);
	/* What is escaped grows as it is written, without a format. */
	buf_puts(&body, "{\"msg\":[\"");
	buf_fill(&body, '\x7f', MB);
	buf_puts(&body, "\"]}");
	assert_int_equal(take(body.data, body.len), INTAKE_TOO_LARGE);
	assert_int_equal(budget.used, 0);
	buf_free(&body);
}

/* Each is within the bounds of its size, but takes many times what its size would. */
static void
a_body_does_not_take_much_work(void **state)
{
	struct buf body = BUF_INIT, digits = BUF_INIT;

	(void)state;
	/* Digits in another radix, again and again. */
	buf_fill(&digits, '9', 4300);
	buf_putc(&digits, '\0');
	put_keyed(&body, "%(k).0x", 50, digits.data, 1);
	assert_int_equal(take(body.data, body.len), INTAKE_GOOD);
	assert_int_equal(result.counts.unformatted, 1);
	buf_clear(&body, 0);
	/* Many digits of a float. */
	put_keyed(&body, "%(k).1100f", 200, "1e-300", 1);
	assert_int_equal(take(body.data, body.len), INTAKE_GOOD);
	assert_int_equal(result.counts.unformatted, 1);
	buf_clear(&body, 0);
	/* A large text, of which a character is wanted. */
	buf_clear(&digits, 0);
	buf_puts(&digits, "\"");
	buf_fill(&digits, 'x', 500000);
	buf_puts(&digits, "\"");
	buf_putc(&digits, '\0');
	put_keyed(&body, "%(k).1r", 70, digits.data, 1);
	assert_int_equal(take(body.data, body.len), INTAKE_GOOD);
	assert_int_equal(result.counts.unformatted, 1);
	buf_clear(&body, 0);
	/* The bound is that of the body, not of each of its records. */
	buf_clear(&digits, 0);
	buf_fill(&digits, '9', 4300);
	buf_putc(&digits, '\0');
	buf_puts(&body, "[");
	for (int i = 0; i < 50; i++) {
		put_keyed(&body, "%(k)x", 60, digits.data, 1);
		buf_puts(&body, i < 49 ? "," : "]");
	}
	assert_int_equal(take(body.data, body.len), INTAKE_GOOD);
	assert_in_range(result.counts.unformatted, 45, 49);
	buf_free(&body);
	buf_free(&digits);
}

/* What ordinary programs format is far within the bounds, however many records there are. */
static void
ordinary_records_are_formatted(void **state)
{
	struct buf body = BUF_INIT;

	(void)state;
	buf_puts(&body, "[");
	while (body.len < MB)
		buf_puts(&body, "{\"msg\":\"%g %g %5.1f %x %s\",\"args\":[1,2.5,3,255,\"x\"]},");
	buf_puts(&body, "{\"msg\":\"%r\",\"args\":[[1,2,3]]}]");
	assert_int_equal(take(body.data, body.len), INTAKE_GOOD);
	assert_int_equal(result.counts.unformatted, 0);
	buf_free(&body);
}

static void
what_the_budget_refuses_is_given_back(void **state)
{
	static const size_t bounds[] = {0, 100, 300, 700, 1000, 3000, 6000};
	struct buf body = BUF_INIT;
	size_t refused = 0;

	(void)state;
	/* Many values, a message that is formatted, and one that is a repr: each kind of memory. */
	buf_puts(&body, "[{\"msg\":\"%s\",\"args\":[[1");
	for (int i = 0; i < 40000; i++)
		buf_puts(&body, ",1");
	buf_puts(&body, "]]},{\"msg\":\"");
	buf_fill(&body, 'x', 300000);
	buf_puts(&body, "%(k)s\",\"args\":{\"k\":1}}]");
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		enum intake_status status;

		budget.max = bounds[i] * 1024;
		status = take(body.data, body.len);
		if (status == INTAKE_NO_MEMORY) {
			refused++;
			assert_non_null(strstr(result.what, "the server is busy"));
		} else {
			assert_int_equal(status, INTAKE_GOOD);
		}
		intake_clear(&entries);
		assert_int_equal(take("{\"msg\": 1}", 10), INTAKE_GOOD);
		assert_int_equal(budget.used, 0);
	}
	assert_true(refused >= 4 && refused < sizeof(bounds) / sizeof(bounds[0]));
	budget.max = 64 * MB;
	buf_free(&body);
}

/* The worst body of the largest size must find a budget of 32 times that size enough. */
static void
the_worst_body_fits_the_budget(void **state)
{
	struct buf body = BUF_INIT, deleted = BUF_INIT;

	(void)state;
	buf_puts(&deleted, "\"");
	settings.max_body = MB;
	intake_free(intake);
	intake = intake_new(&settings);
	assert_non_null(intake);
	budget.max = 31 * MB; /* and one for the body itself */
	buf_fill(&deleted, '\x7f', 64);
	buf_puts(&deleted, "\"");
	buf_putc(&deleted, '\0');
	/* Entries as many as may be, then decoded values and text as much as may be. */
	buf_puts(&body, "[");
	for (int i = 0; i < 7; i++) {
		put_keyed(&body, "%(k)s", 4000, deleted.data, 1);
		buf_puts(&body, ",");
	}
	buf_puts(&body, "{\"msg\":[[1");
	for (int i = 0; i < 90000; i++)
		buf_puts(&body, ",1");
	buf_puts(&body, "],\"");
	buf_fill(&body, '\x7f', MB - body.len - 4);
	buf_puts(&body, "\"]}]");
	assert_int_equal(body.len, MB);
	assert_int_equal(take(body.data, body.len), INTAKE_TOO_LARGE);
	assert_int_equal(budget.used, 0);
	/* Packed it is as large as its text, at worst, and is there twice. */
	assert_int_equal(take_packed(INTAKE_JSON, body.data, body.len, 0), INTAKE_TOO_LARGE);
	assert_int_equal(budget.used, 0);
	budget.max = 64 * MB;
	buf_free(&body);
	buf_free(&deleted);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(routes_renders_and_counts),
	    cmocka_unit_test(shows_all_of_an_event),
	    cmocka_unit_test(says_what_is_wrong_and_where),
	    cmocka_unit_test(a_line_is_a_record),
	    cmocka_unit_test(a_packed_body_is_unpacked_first),
	    cmocka_unit_test(a_packed_body_is_as_large_as_its_text),
	    cmocka_unit_test(a_small_body_does_not_grow_large),
	    cmocka_unit_test(a_body_does_not_take_much_work),
	    cmocka_unit_test(ordinary_records_are_formatted),
	    cmocka_unit_test(what_the_budget_refuses_is_given_back),
	    cmocka_unit_test(the_worst_body_fits_the_budget),
	};

	return cmocka_run_group_tests_name("intake", tests, set_up, tear_down);
}
