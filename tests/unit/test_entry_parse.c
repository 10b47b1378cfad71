#include "record/entry_parse.h"
#include "unit.h"

#include <stdlib.h>
#include <time.h>

#define DEFAULT "%(asctime)s %(levelname)s:%(name)s %(message)s"

/* What is expected; NULL: the format doesn't hold it. */
struct expected {
	const char *time; /* in UTC */
	const char *level, *logger, *message;
};

static void
assert_span(const char *what, struct entry_span span, const char *expected)
{
	if (expected == NULL) {
		if (span.data != NULL)
			fail_msg("%s: '%.*s' instead of none", what, (int)span.len, span.data);
	} else if (span.data == NULL) {
		fail_msg("%s: none instead of '%s'", what, expected);
	} else if (span.len != strlen(expected) || memcmp(span.data, expected, span.len) != 0) {
		fail_msg("%s: '%.*s' instead of '%s'", what, (int)span.len, span.data, expected);
	}
}

static void
assert_time(bool timed, int64_t ms, const char *expected)
{
	struct civil_zone utc;
	char text[CIVIL_ISO_SIZE];

	assert_true(civil_zone_open(&utc, "UTC"));
	assert_int_equal(timed, expected != NULL);
	if (!timed)
		return;
	civil_iso(&utc, ms, text);
	text[23] = '\0';
	assert_string_equal(text, expected);
}

/* Parses a copy without a byte to spare. NULL: it doesn't fit. */
static void
check_bytes(const char *format, const char *date_format, const char *entry, size_t len,
    const struct expected *expected)
{
	struct buf why = BUF_INIT;
	struct entry_parser *p = entry_parser_new(format, date_format, &why);
	struct entry_parse t = {.second_len = 0};
	char *copy = malloc(len > 0 ? len : 1);
	struct entry_fields fields;
	int64_t ms;

	assert_non_null(p);
	assert_non_null(copy);
	memcpy(copy, entry, len);
	/* Once more with what is remembered from the first time. */
	for (int i = 0; i < 2; i++) {
		entry_parse(p, &t, copy, len, &fields);
		if (fields.fits != (expected != NULL))
			fail_msg("%s: '%.*s' fits %d", format, (int)len, entry, fields.fits);
		assert_int_equal(entry_parse_time(p, &t, copy, len, &ms), fields.timed);
		if (fields.timed)
			assert_int_equal(ms, fields.ms);
		if (expected == NULL)
			continue;
		assert_time(fields.timed, fields.ms, expected->time);
		entry_parse(p, &t, copy, len, &fields);
		assert_span("level", fields.level, expected->level);
		assert_span("logger", fields.logger, expected->logger);
		assert_span("message", fields.message, expected->message);
	}
	free(copy);
	entry_parse_free(&t);
	entry_parser_free(p);
}

static void
check(const char *format, const char *date_format, const char *entry, const char *time,
    const char *level, const char *logger, const char *message)
{
	const struct expected expected = {time, level, logger, message};

	check_bytes(format, date_format, entry, strlen(entry), &expected);
}

static void
check_unfit(const char *format, const char *date_format, const char *entry)
{
	check_bytes(format, date_format, entry, strlen(entry), NULL);
}

/* The zone is Berlin's, see main(). */
#define TIME "2026-11-24T07:21:46.035"

static void
reads_the_default_format(void **state)
{
	(void)state;
	check(DEFAULT, NULL, "2026-11-24 08:21:46,035 INFO:app.db connected", TIME, "INFO",
	    "app.db", "connected");
	check(DEFAULT, NULL, "2026-11-24 08:21:46,035 Level 25:root a b: c", TIME, "Level 25",
	    "root", "a b: c");
	check(DEFAULT, NULL, "2026-11-24 08:21:46,035 ERROR:root failed\n\tTraceback\n\t  x", TIME,
	    "ERROR", "root", "failed");
	check(DEFAULT, NULL, "2026-11-24 08:21:46,035 ERROR:root ", TIME, "ERROR", "root", "");
	check(DEFAULT, NULL, "2026-11-24 08:21:46,035 ERROR:root \n\tbelow", TIME, "ERROR", "root",
	    "");
	/* Any msecs may be sent. */
	check(DEFAULT, NULL, "2026-11-24 08:21:46,1000 INFO:a b", "2026-11-24T07:21:46.999", "INFO",
	    "a", "b");
	check(DEFAULT, NULL, "2026-11-24 08:21:46,-05 INFO:a b", "2026-11-24T07:21:46.000", "INFO",
	    "a", "b");
}

static void
refuses_what_does_not_fit(void **state)
{
	static const char *const wrong[] = {"", "\n", "x", "2026-11-24 08:21:46,035",
	    "2026-11-24 08:21:46,035 INFO", "2026-11-24 08:21:46,035 INFO:app",
	    "2026-11-24 08:21:46.035 INFO:app x", "2026-11-24 08:21:46, INFO:app x",
	    "2026-11-24T08:21:46,035 INFO:app x", "2026-13-24 08:21:46,035 INFO:app x",
	    "2026-02-29 08:21:46,035 INFO:app x", "2026-11-24 24:21:46,035 INFO:app x",
	    "2026-11-24 08:60:46,035 INFO:app x", "2026-11-24 08:21:61,035 INFO:app x",
	    "0000-11-24 08:21:46,035 INFO:app x", "2026-11-24 08:21:46,035 INFO\n\t:app x",
	    "2026-11-24 08:21:46,035 INFO:app\n\tx y", "{\"name\":\"app\"}", "  2026-11-24"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		check_unfit(DEFAULT, NULL, wrong[i]);
	check_bytes(DEFAULT, NULL, "2026-11-24 08:21:46\0", 20, NULL);
	check_bytes(DEFAULT, NULL, "\0\0\0\0", 4, NULL);
}

/* Each part of a whole entry is none of its own, and nothing beyond is looked at. */
static void
reads_torn_entries(void **state)
{
	static const char entry[] = "2026-11-24 08:21:46,035 INFO:app x";
	const struct expected expected = {TIME, "INFO", "app", ""};

	(void)state;
	for (size_t len = 0; len < sizeof(entry) - 2; len++)
		check_bytes(DEFAULT, NULL, entry, len, NULL);
	check_bytes(DEFAULT, NULL, entry, sizeof(entry) - 2, &expected);
}

static void
reads_other_dates(void **state)
{
#define WITH(date, text, time)                                                                     \
	check("%(asctime)s|%(message)s", date, text "|m", time, NULL, NULL, "m")
	(void)state;
	WITH("%d.%m.%Y %H:%M:%S", "24.11.2026 08:21:46", "2026-11-24T07:21:46.000");
	WITH("%d.%m.%y %H.%M Uhr", "24.11.26 08.21 Uhr", "2026-11-24T07:21:00.000");
	WITH("%FT%T%z", "2026-11-24T08:21:46-0530", "2026-11-24T13:51:46.000");
	WITH("%Y-%jT%H:%M:%S", "2026-328T08:21:46", "2026-11-24T07:21:46.000");
	WITH(
	    "%a, %d %b %Y %H:%M:%S %Z", "Tue, 24 Nov 2026 08:21:46 CET", "2026-11-24T07:21:46.000");
	WITH("%A, %d. %B %Y, %I:%M:%S %p", "Tuesday, 24. November 2026, 08:21:46 AM",
	    "2026-11-24T07:21:46.000");
	WITH("%d %B %Y %I:%M %p", "24 May 2026 12:21 AM", "2026-05-23T22:21:00.000");
	WITH("%d %B %Y %I:%M %p", "24 May 2026 12:21 PM", "2026-05-24T10:21:00.000");
	WITH("%c", "Tue Nov  3 08:21:46 2026", "2026-11-03T07:21:46.000");
	WITH("%-d.%-m.%Y %-H:%M", "3.7.2026 8:21", "2026-07-03T06:21:00.000");
	WITH("%s", "1795387123", "2026-11-22T22:38:43.000");
	WITH("100%% %t%F %R", "100% \t2026-11-24 08:21", "2026-11-24T07:21:00.000");
	check("%(asctime)s", "%t%F %R", "\\x092026-11-24 08:21", "2026-11-24T07:21:00.000", NULL,
	    NULL, NULL);
	/* It comes twice, or not at all: see civil.h; the offset tells. */
	WITH("%F %T", "2026-10-25 02:30:00", "2026-10-25T00:30:00.000");
	WITH("%F %T %z", "2026-10-25 02:30:00 +0100", "2026-10-25T01:30:00.000");
	WITH("%F %T", "2026-03-29 02:30:00", "2026-03-29T01:30:00.000");
	/* These don't tell a time. */
	WITH("%H:%M:%S", "08:21:46", NULL);
	WITH("%d.%m. %H:%M", "24.11. 08:21", NULL);
	WITH("%F", "2026-11-24", NULL);
	WITH("%F %I:%M", "2026-11-24 08:21", NULL);
	WITH("%Q %F %T", "whatever", NULL);
	check_unfit("%(asctime)s|%(message)s", "%d.%m.%Y %H:%M:%S", "4.11.2026 08:21:46|m");
	check_unfit("%(asctime)s|%(message)s", "%d %b %Y %H:%M:%S", "04 Nox 2026 08:21:46|m");
	check_unfit("%(asctime)s|%(message)s", "%d %b %Y %I:%M %p", "04 Nov 2026 13:21 PM|m");
	/* Of a year that there is not, and more milliseconds than 64 bits hold. */
	check_unfit("%(asctime)s|%(message)s", "%s", "253402732800|m");
	check_unfit("%(asctime)s|%(message)s", "%s", "999999999999999999|m");
#undef WITH
}

static void
reads_other_times(void **state)
{
	(void)state;
	check("%(asctime)s.%(msecs)03d %(message)s", "%F %T", "2026-11-24 08:21:46.035 m", TIME,
	    NULL, NULL, "m");
	check("%(asctime)s.%(msecs)d %(message)s", "%F %T", "2026-11-24 08:21:46.35 m", TIME, NULL,
	    NULL, "m");
	check("%(asctime).19s %(message)s", NULL, "2026-11-24 08:21:46 m",
	    "2026-11-24T07:21:46.000", NULL, NULL, "m");
	check("%(asctime)-25s|%(message)s", NULL, "2026-11-24 08:21:46,035  |m", TIME, NULL, NULL,
	    "m");
	check("%(asctime)25s|%(message)s", NULL, "  2026-11-24 08:21:46,035|m", TIME, NULL, NULL,
	    "m");
	check("%(created)f %(message)s", NULL, "1795387123.048945 m", "2026-11-22T22:38:43.048",
	    NULL, NULL, "m");
	check("%(created)s %(message)s", NULL, "1795387123.0 m", "2026-11-22T22:38:43.000", NULL,
	    NULL, "m");
	check("%(created)d.%(msecs)03d %(message)s", NULL, "1795387123.048 m",
	    "2026-11-22T22:38:43.048", NULL, NULL, "m");
	check("%(created)20.3f %(message)s", NULL, "      1795387123.049 m",
	    "2026-11-22T22:38:43.049", NULL, NULL, "m");
	check("%(created)f %(message)s", NULL, "-0.500000 m", "1969-12-31T23:59:59.500", NULL, NULL,
	    "m");
	/* The more exact one counts. */
	check("%(created)f %(message)s", NULL, "253402732800.000 m", "1970-01-01T00:00:00.000",
	    NULL, NULL, "m");
	check("%(asctime)s %(created)f", NULL, "2026-11-24 08:21:46,035 1795387123.048945",
	    "2026-11-22T22:38:43.048", NULL, NULL, NULL);
	check("%(asctime)s %(created)d", NULL, "2026-11-24 08:21:46,035 1795387123", TIME, NULL,
	    NULL, NULL);
	check("%(received)s %(message)s", NULL, "2026-11-22T22:38:43.048Z m",
	    "2026-11-22T22:38:43.048", NULL, NULL, "m");
	check("%(message)s", NULL, "2026-11-24 08:21:46,035 m", NULL, NULL, NULL,
	    "2026-11-24 08:21:46,035 m");
	check("%(asctime)r %(message)s", NULL, "'2026-11-24' m", NULL, NULL, NULL, "m");
}

static void
reads_padded_fields(void **state)
{
	(void)state;
	check("%(levelname)-8s %(name)s %(message)s", NULL, "INFO     app m", NULL, "INFO", "app",
	    "m");
	check("%(levelname)8s %(name)s %(message)s", NULL, "    INFO app m", NULL, "INFO", "app",
	    "m");
	check("%(levelname)-8s|%(name)6.3s|%(message)s", NULL, "CRITICAL|   app|m", NULL,
	    "CRITICAL", "app", "m");
	check("%(name)-4s %(message)s", NULL, "äé   m", NULL, NULL, "äé", "m");
	check("%(name)-4s %(message)s", NULL, "a b  m", NULL, NULL, "a b", "m");
	check("%(levelname).1s%(name)s", NULL, "Iapp", NULL, "I", "app", NULL);
	check("%(levelname)s%(message)s", NULL, "WARNINGm", NULL, "WARNING", NULL, "m");
	check("%(levelname)-8s%(message)s", NULL, "INFO    m", NULL, "INFO", NULL, "m");
	check("%(name)-6.6s%(message)s", NULL, "app   m", NULL, NULL, "app", "m");
	check("%(asctime)s%(levelname)s%(message)s", NULL, "2026-11-24 08:21:46,035INFOm", TIME,
	    "INFO", NULL, "m");
	check("%(lineno)5d%(message)s", NULL, "   12m", NULL, NULL, NULL, "m");
	check("%(levelno)s %(message)s", NULL, "40 m", NULL, "ERROR", NULL, "m");
	check("%(levelno)03d %(message)s", NULL, "025 m", NULL, "Level 25", NULL, "m");
	check("%(levelno)d %(levelname)s", NULL, "40 WARN", NULL, "WARN", NULL, NULL);
	check_unfit("%(name)-4s %(message)s", NULL, "ab m");
	/* Where one ends and the other begins can't be told. */
	check("%(levelname)s %(name)s%(message)s", NULL, "INFO appm", NULL, "INFO", NULL, NULL);
}

static void
finds_what_follows_the_message(void **state)
{
	(void)state;
	check("%(message)s (%(name)s)", NULL, "a (b) c (app)", NULL, NULL, "app", "a (b) c");
	check("%(message)s|%(asctime)s", NULL, "m|n|2026-11-24 08:21:46,035", TIME, NULL, NULL,
	    "m|n");
	check("%(message)s %(asctime)s", NULL, "m 2026-11-24 08:21:46,035", TIME, NULL, NULL, "m");
	check("%(message)s %(asctime)s", "%d %b %Y %H:%M", "m 24 Nov 2026 08:21",
	    "2026-11-24T07:21:00.000", NULL, NULL, "m");
	check("%(message)s%(asctime)s", NULL, "m2026-11-24 08:21:46,035", TIME, NULL, NULL, "m");
	check("%(message)s %(levelname)-8s %(name)8s.", NULL, "m n INFO          app.", NULL,
	    "INFO", "app", "m n");
	check("%(message)s%(levelno)d", NULL, "m20", NULL, "INFO", NULL, "m");
	check("%(levelname)s %(message)s\n", NULL, "INFO m", NULL, "INFO", NULL, "m");
	/* It is not on the first line. */
	check("%(levelname)s %(message)s (%(name)s)", NULL, "INFO m\n\tn (app)", NULL, "INFO", NULL,
	    "m");
	check_unfit("%(levelname)s %(message)s (%(name)s)", NULL, "INFO m n");
	check_unfit("%(message)s (%(name)s)", NULL, "INFO m\n\tn (app)");
	/* What can't be told is the message's. */
	check("%(levelname)s %(message)s%(name)s", NULL, "INFO mapp", NULL, "INFO", NULL, "mapp");
}

static void
takes_literals_as_they_are_written(void **state)
{
	(void)state;
	check(
	    "\t%(levelname)s 100%% %(message)s", NULL, "\\x09INFO 100% m", NULL, "INFO", NULL, "m");
	check("%(levelname)s\a\t%(message)s", NULL, "INFO\\x07\tm", NULL, "INFO", NULL, "m");
	check("%(levelname)s\n%(message)s", NULL, "INFO\n\tm\n\tn", NULL, "INFO", NULL, "m");
	check("\n%(levelname)s %(message)s", NULL, "\n\tINFO m", NULL, "INFO", NULL, "m");
}

static void
reads_json(void **state)
{
	(void)state;
	check("json", NULL,
	    "{\"name\":\"app\",\"levelname\":\"INFO\",\"created\":1795387123.048945,"
	    "\"args\":[1,{\"message\":\"x\"},\"}\"],\"message\":\"m\"}",
	    "2026-11-22T22:38:43.048", "INFO", "app", "m");
	check("json", NULL,
	    "{\"message\":\"a\\nb \\u00e9\\ud83d\\ude00\\ud800\\\"\\\\\\/\\t\","
	    "\"received\":\"2026-11-22T22:38:43.048Z\",\"name\":\"\\u0061\"}",
	    "2026-11-22T22:38:43.048", NULL, "a", "a\nb é😀\ufffd\"\\/\t");
	check("json", NULL, " { \"levelno\" : 30 , \"created\" : null , \"name\": null } ", NULL,
	    "WARNING", NULL, NULL);
	check("json", NULL, "{\"created\":1.795387123e9,\"levelno\":25,\"message\":\"\\\\\"}",
	    "2026-11-22T22:38:43.000", "Level 25", NULL, "\\");
	/* As for cJSON and Python, of several of a name the last counts. */
	check("json", NULL, "{\"name\":\"a\",\"name\":\"b\",\"created\":1,\"created\":2.5}",
	    "1970-01-01T00:00:02.500", NULL, "b", NULL);
	check("json", NULL, "{}", NULL, NULL, NULL, NULL);
	check("json", NULL, "{\"x\":[[{\"]\":\"\\\"]\"}]],\"name\":\"a\"}", NULL, NULL, "a", NULL);
}

static void
refuses_what_is_no_json(void **state)
{
	static const char entry[] =
	    "{\"name\":\"app\",\"created\":1.5,\"a\":[1,{}],\"message\":\"m\\\"\"}";
	static const char *const wrong[] = {"", " ", "{", "x", "[]", "{\"a\"}", "{\"a\":}",
	    "{\"a\":1,}", "{\"a\":1} x", "{\"a\":1}{}", "{a:1}", "{\"a\":\"\\\"}", "{\"a\":[}",
	    "{\"a\":1 \"b\":2}", "2026-11-24 08:21:46,035 INFO:app.db connected"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		check_unfit("json", NULL, wrong[i]);
	for (size_t len = 0; len < sizeof(entry) - 1; len++)
		check_bytes("json", NULL, entry, len, NULL);
	check("json", NULL, entry, "1970-01-01T00:00:01.500", NULL, "app", "m\"");
}

static void
says_why_a_format_is_wrong(void **state)
{
	struct buf why = BUF_INIT;

	(void)state;
	assert_null(entry_parser_new("%(asctime", NULL, &why));
	assert_true(why.len > 0);
	buf_free(&why);
}

/* A sanitizer makes it ten times slower, and a busy machine twice that. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PARSE_SECONDS 10
#else
#define PARSE_SECONDS 1
#endif

/* A second for 15 MiB would be a thousand times too much; each of these has a search in it that
 * could begin anew at each byte. */
static void
takes_time_by_length(void **state)
{
	static const struct {
		const char *format, *date_format, *filler;
	} cases[] = {
	    {DEFAULT, NULL, "2026-11-24 08:21:46,035 INFO"},
	    {"%(message)s aab %(name)s", NULL, " aab"},
	    {"%(message)s a %(asctime)s", "%d %B %Y %H:%M", "a "},
	    {"%(name)-50s ab%(message)s", NULL, " a"},
	    {"%(message)s %(name)50s", NULL, "\x80"},
	    {"json", NULL, "{\"\\\\\\\\\":["},
	    {"json", NULL, "{\"\":\"\\\\\\\\\""},
	    {"json", NULL, "\\\\\\\\\""},
	};
	struct buf entry = BUF_INIT, why = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct entry_parser *p =
		    entry_parser_new(cases[i].format, cases[i].date_format, &why);
		struct entry_parse t = {.second_len = 0};
		struct entry_fields fields;
		clock_t start;

		assert_non_null(p);
		buf_clear(&entry, SIZE_MAX);
		if (p != NULL && strcmp(cases[i].format, "json") == 0)
			buf_puts(&entry, "{\"message\":\"");
		while (entry.len < 15 * 1024 * 1024)
			buf_puts(&entry, cases[i].filler);
		start = clock();
		entry_parse(p, &t, entry.data, entry.len, &fields);
		assert_true((double)(clock() - start) / CLOCKS_PER_SEC < PARSE_SECONDS);
		entry_parse_free(&t);
		entry_parser_free(p);
	}
	buf_free(&entry);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_the_default_format),
	    cmocka_unit_test(refuses_what_does_not_fit),
	    cmocka_unit_test(reads_torn_entries),
	    cmocka_unit_test(reads_other_dates),
	    cmocka_unit_test(reads_other_times),
	    cmocka_unit_test(reads_padded_fields),
	    cmocka_unit_test(finds_what_follows_the_message),
	    cmocka_unit_test(takes_literals_as_they_are_written),
	    cmocka_unit_test(reads_json),
	    cmocka_unit_test(refuses_what_is_no_json),
	    cmocka_unit_test(says_why_a_format_is_wrong),
	    cmocka_unit_test(takes_time_by_length),
	};

	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	return cmocka_run_group_tests_name("entry_parse", tests, NULL, NULL);
}
