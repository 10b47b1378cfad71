/* What a search finds, and where in a block. */
#include "search_fixture.h"

static bool
matches(const char *q, const char *entry, const char *logger)
{
	struct search *s = compiled(q);
	enum search_result result = search_text(s, entry, strlen(entry), logger);

	search_free(s);
	assert_int_not_equal(result, SEARCH_TOO_LONG);
	return result == SEARCH_YES;
}

#define ENTRY                                                                                      \
	"2026-11-24 08:21:46,035 - app.db - ERROR - Can't reach db-7: \"timed out\" after 30s\n"   \
	"\tTraceback (most recent call last):\n"                                                   \
	"\t  File \"C:\\srv\\app.py\", line 12, in Ändern a\"b c\n"                               \
	"\tstraße größer Ошибка 日本 \xff end"

static void
finds_what_is_there(void **state)
{
	static const char *const cases[] = {
	    /* words and phrases */
	    "",
	    "  ",
	    "error",
	    "db-7",
	    " \t db-7\terror\r\n",
	    "\"timed out\"",
	    "\"\\\"timed out\\\" after\"",
	    "\"c:\\\\srv\\app\"",
	    "\"call last):\n\t  file\"",
	    "a\"b",
	    "out\"",
	    "end",
	    "2026",
	    "30s",
	    "\"-7\"",
	    "46,035",
	    "\"after 30s\"",
	    /* case */
	    "ERROR",
	    "Can't",
	    "traceback",
	    "Traceback",
	    "ändern",
	    "Ändern",
	    "straße",
	    "größer",
	    "ошибка",
	    "Ошибка",
	    "日本",
	    "\"größer ошибка\"",
	    /* not there */
	    "-absent",
	    "error -absent -\"a phrase\" -/xyz+/",
	    "-Error",
	    "-logger:other",
	    "-ОШИБКА",
	    "--7-",
	    /* expressions */
	    "/^\\tTrace.*:$/",
	    "/db-\\d: .*\\d+s$/",
	    "/DB-7/i",
	    "/reach.*last/s",
	    "/ t i m e d \\  out /x",
	    "/a\\/b|timed/",
	    "/end\\z/",
	    "/\\A2026/",
	    "/\\x{c4}ndern/",
	    "/ändern/i",
	    "/STRA.E GRÖ.ER/i",
	    "/Ошибк. ../m",
	    "/ER{2}OR/",
	    "/\"timed\\x20out\"/ims",
	    "/(?i)TIMED/",
	    "/\\Qa\"b\\E/",
	    "/(?<=- )ERROR(?= -)/",
	    "/(x|y|ERROR) - Can/",
	    "/C:\\\\srv/",
	    "/x?y*z{0,3}ERROR/",
	    "/[^]x]ERROR[]. -]/",
	    "/reach (?#why)db/",
	    /* loggers */
	    "logger:app",
	    "logger:app.db",
	    "logger:\"app.db\" error",
	    "-logger:app.d",
	    "-logger:db",
	    "-logger:App",
	    "-logger:app.db.pool",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!matches(cases[i], ENTRY, "app.db"))
			fail_msg("%s", cases[i]);
}

static void
finds_nothing_else(void **state)
{
	static const char *const cases[] = {
	    "absent",
	    "error absent",
	    "Error",
	    "TImed",
	    "\"timed  out\"",
	    "-error",
	    "-\"timed out\"",
	    "error -timed",
	    "ÄNDERN",
	    "Größer",
	    "Größe",
	    "ОШибка",
	    "-日本",
	    "-ändern",
	    "/error/",
	    "/^Trace/",
	    "/reach.*last/",
	    "/STRA.E GRÖ.ER/",
	    "-/timed/",
	    "-/TIMED/i",
	    "/ ti med/",
	    "/\\w{5}e größer/",
	    "/[^\\x00-\\x{10ffff}]/",
	    "/本 . end/s",
	    "logger:app.d",
	    "logger:db",
	    "logger:app.db.pool",
	    "logger:App",
	    "-logger:app",
	    "-logger:app.db",
	    "logger:pp.db",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (matches(cases[i], ENTRY, "app.db"))
			fail_msg("%s", cases[i]);
}

static void
knows_loggers_of_any_name(void **state)
{
	(void)state;
	assert_true(matches("logger:app", "- APP.Db -", "APP.Db"));
	assert_false(matches("logger:App", "- APP.Db -", "APP.Db"));
	assert_true(matches("logger:\"my app\"", "- My App.x -", "My App.x"));
	assert_false(matches("logger:\"my app\"", "- My Apps -", "My Apps"));
	assert_true(matches("logger:größe", "\"gr\\u00f6\\u00dfe\"", "größe.x"));
	assert_true(matches("logger:zähler", "ZÄHLER", "ZÄHLER"));
	assert_false(matches("logger:Zähler", "ZÄHLER", "ZÄHLER"));
	assert_false(matches("logger:ähler", "zähler", "zähler"));
	assert_false(matches("logger:a", "", ""));
	/* A format without a logger. */
	assert_false(matches("logger:app", "app", NULL));
	assert_true(matches("-logger:app", "app", NULL));
}

/* The Kelvin sign and the long s are letters of Unicode's folding, not of ASCII's. */
static void
folds_as_the_header_says(void **state)
{
	(void)state;
	assert_false(matches("k", "\u212a", NULL));
	assert_false(matches("s", "\u017f", NULL));
	assert_true(matches("/k/i", "\u212a", NULL));
	assert_true(matches("/s/i", "\u017f", NULL));
	assert_true(matches("/task/i", "TA\u017f\u212a", NULL));
	assert_true(matches("kä", "\u212aÄ", NULL));
	assert_true(matches("äs", "Ä\u017f", NULL));
	assert_true(matches("@[`{", "@[`{", NULL));
	assert_false(matches("@[", "`{", NULL));
	assert_false(matches("`{", "@[", NULL));
	assert_false(matches("\"\x0b\"", "+", NULL));
	/* A title-case letter is a capital, too. */
	assert_false(matches("\u01c5", "\u01c4", NULL));
	assert_true(matches("\u01c6", "\u01c4\u01c5", NULL));
}

static void
holds_any_bytes(void **state)
{
	struct search *s = compiled("end");
	static const char nul[] = "\0\0end\0";

	(void)state;
	assert_int_equal(search_text(s, nul, sizeof(nul), NULL), SEARCH_YES);
	assert_int_equal(search_text(s, "", 0, NULL), SEARCH_NO);
	search_free(s);
	s = compiled("/^\\x00+e.*\\x00$/");
	assert_int_equal(search_text(s, nul, sizeof(nul) - 1, NULL), SEARCH_YES);
	search_free(s);
	s = compiled("/\\xff|ä./");
	assert_int_equal(search_text(s, "\xff", 1, NULL), SEARCH_NO);
	assert_int_equal(search_text(s, "\xc3\xa4\xc3", 3, NULL), SEARCH_NO);
	assert_int_equal(search_text(s, "\xc3\xc3\xbf", 3, NULL), SEARCH_YES);
	search_free(s);
}

static void
finds_in_blocks_what_must_be_there(void **state)
{
	static const struct {
		const char *q;
		size_t first, last; /* in BLOCK; SIZE_MAX: not there */
	} cases[] = {
#define BLOCK "0 one alpha\n1 two Beta\n2 three ALPHA\n3 four\n"
	    {"", 0, 43}, {"-alpha", 0, 43}, {"alpha", 6, 35}, {"alpha -beta", 6, 35},
	    {"ALPHA", 31, 35}, {"Alpha", SIZE_MAX, SIZE_MAX}, {"four", 39, 42}, {"0", 0, 0},
	    {"\"\n\"", 11, 43}, {"e alpha", 6, 35}, {"/t(w|h).+(?i:x)/", 0, 43},
	    {"/\\w+ alpha|x/", 0, 43}, {"/\\w+ alp/", 5, 8}, {"/\\w+ ALP/i", 5, 33},
	    {"/o?ne? al/", 5, 7}, {"/fou+r/", 39, 41}, {"/fou{0}r?/", 39, 40},
	    {"/[fx]our/", 40, 42}, {"/(x|f)our/", 40, 42}, {"/(?=x)\\d (?<n>x)our\\b/", 40, 42},
	    {"/\\.|four/", 0, 43}, {"/a{x}four/", 0, 43}, {"/four # x/x", 0, 43},
	    {"/\\Qf.o\\E/", 0, 43}, {"/(?i)four/", 0, 43}, {"/\\x30\\x{31}/", 0, 43},
	    {"logger:alpha", 6, 35}, {"logger:\"a b\"", 0, 43},
	    {"öne", 3, 4}, /* what is ASCII of it */
	};
	struct search *s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t first, last;

		s = compiled(cases[i].q);
		first = search_find(s, scratch, BLOCK, 0, strlen(BLOCK));
		last = search_find_last(s, scratch, BLOCK, strlen(BLOCK));
		if (first != (cases[i].first == SIZE_MAX ? strlen(BLOCK) : cases[i].first) ||
		    last != cases[i].last)
			fail_msg("%s: %zu, %zu", cases[i].q, first, last);
		assert_int_equal(
		    search_find(s, scratch, BLOCK, strlen(BLOCK), strlen(BLOCK)), strlen(BLOCK));
		assert_int_equal(search_find_last(s, scratch, BLOCK, 0), SIZE_MAX);
		search_free(s);
	}
	assert_int_equal(strlen(BLOCK), 44);
	s = compiled("alpha");
	assert_int_equal(search_find(s, scratch, BLOCK, 7, strlen(BLOCK)), 31);
	assert_int_equal(search_find(s, scratch, BLOCK, 32, strlen(BLOCK)), strlen(BLOCK));
	assert_int_equal(search_find_last(s, scratch, BLOCK, 35), 10);
	assert_int_equal(search_find_last(s, scratch, BLOCK, 10), SIZE_MAX);
	search_free(s);
}

/* Each place, each length, at each distance from the ends: against a plain loop. */
static void
finds_at_every_place(void **state)
{
	char block[200], needle[40];

	(void)state;
	for (size_t n = 1; n < 40; n++) {
		struct search *s;

		memset(needle, 'q', n);
		needle[n / 2] = 'z';
		needle[n] = '\0';
		s = compiled(needle);
		for (size_t at = 0; at + n <= sizeof(block); at++) {
			memset(block, 'q', sizeof(block));
			memcpy(block + at, needle, n);
			block[at + n / 2] = 'Z';
			for (size_t from = 0; from <= at + 1; from += at + 1)
				assert_int_equal(
				    search_find(s, scratch, block, from, sizeof(block)),
				    from <= at ? at : sizeof(block));
			assert_int_equal(
			    search_find_last(s, scratch, block, sizeof(block)), at + n - 1);
			assert_int_equal(search_find(s, scratch, block, 0, at + n - 1), at + n - 1);
			assert_int_equal(search_find_last(s, scratch, block, at + n - 1), SIZE_MAX);
		}
		search_free(s);
	}
}

static void
says_what_it_needs(void **state)
{
	static const struct {
		const char *q;
		bool empty, logger, suffices;
	} cases[] = {
	    {"", true, false, false},
	    {" \n", true, false, false},
	    {"a", false, false, true},
	    {"\"a b\"", false, false, true},
	    {"\"a\n\tb\"", false, false, false},
	    {"Größe", false, false, true},
	    {"größe", false, false, false},
	    {"a b", false, false, false},
	    {"-a", false, false, false},
	    {"/a/", false, false, false},
	    {"logger:a", false, true, false},
	    {"b -logger:a", false, true, false},
	};
	struct search *s;
	size_t at;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s = compiled(cases[i].q);
		if (search_is_empty(s) != cases[i].empty ||
		    search_wants_logger(s) != cases[i].logger ||
		    search_find_suffices(s) != cases[i].suffices)
			fail_msg("%s", cases[i].q);
		search_free(s);
	}
	s = search_compile(NULL, 0, &at, NULL);
	assert_true(s != NULL && search_is_empty(s));
	search_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_is_there),
	    cmocka_unit_test(finds_nothing_else),
	    cmocka_unit_test(knows_loggers_of_any_name),
	    cmocka_unit_test(folds_as_the_header_says),
	    cmocka_unit_test(holds_any_bytes),
	    cmocka_unit_test(finds_in_blocks_what_must_be_there),
	    cmocka_unit_test(finds_at_every_place),
	    cmocka_unit_test(says_what_it_needs),
	};

	return cmocka_run_group_tests_name("search", tests, make_scratch, free_scratch);
}
