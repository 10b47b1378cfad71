/* What a search is refused for, and how long it may take. */
#include "base/clock.h"
#include "search_fixture.h"

#include <time.h>

static void
refuses_in_words_and_at_the_byte(void **state)
{
	static const struct {
		const char *q;
		size_t at;
		const char *why;
	} cases[] = {
	    {"-", 0, "after a minus"},
	    {"a - b", 2, "after a minus"},
	    {"a -", 2, "after a minus"},
	    {"\"", 0, "this quote is not closed"},
	    {"a \"b c", 2, "this quote is not closed"},
	    {"a -\"b \\\"", 3, "this quote is not closed"},
	    {"a \"\"", 2, "nothing between these quotes"},
	    {"\"a\"b", 3, "there must be a space"},
	    {"/", 0, "not closed by a slash"},
	    {"a /b\\/", 2, "not closed by a slash"},
	    {"a //", 2, "nothing between these slashes"},
	    {"/var/log", 5, "flags i, m, s, x"},
	    {"/a/ig", 4, "flags i, m, s, x"},
	    {"logger:", 7, "there must be a name"},
	    {"a logger: b", 9, "there must be a name"},
	    {"logger:\"\"", 7, "nothing between these quotes"},
	    {"/a(b/", 4, "missing closing parenthesis"},
	    {"x -/a)/", 5, "unmatched closing parenthesis"},
	    {"/\\/\\/[z-a]/", 8, "range out of order"},
	    {"/\\/a\\\\\\/b)/", 9, "unmatched closing parenthesis"},
	    {"/+/", 1, "quantifier does not follow a repeatable item"},
	    {"/a\\Cb/", 4, "\\C"},
	    {"/(*UCP)\\w/", 1, "verbs"},
	    {"/(*LIMIT_MATCH=9)a/", 1, "verbs"},
	    {"/a\\(\\/(*COMMIT)b/", 6, "verbs"},
	    {"/a\\c\\(*F)/", 5, "verbs"},
	    {"\xff", 0, "not UTF-8"},
	    {"a \xc3\xa4\xc3", 4, "not UTF-8"},
	    {"\xed\xa0\x80", 0, "not UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf why = BUF_INIT;
		size_t at = 0;
		struct search *s = search_compile(cases[i].q, strlen(cases[i].q), &at, &why);

		buf_putc(&why, '\0');
		if (s != NULL || at != cases[i].at || strstr(why.data, cases[i].why) == NULL)
			fail_msg("%s: byte %zu: %s", cases[i].q, at, why.data);
		buf_free(&why);
	}
}

static void
bounds_what_it_compiles(void **state)
{
	struct buf q = BUF_INIT, why = BUF_INIT;
	size_t at = 0;

	(void)state;
	buf_fill(&q, 'a', SEARCH_MAX + 1);
	assert_null(search_compile(q.data, q.len, &at, &why));
	assert_int_equal(at, SEARCH_MAX);
	assert_buf_equal(&why, "it is longer than 4096 bytes");
	q.len--;
	search_free(search_compile(q.data, q.len, &at, &why));

	buf_clear(&q, 0);
	buf_clear(&why, 0);
	for (int i = 0; i < SEARCH_TERMS_MAX; i++)
		buf_puts(&q, "a ");
	search_free(search_compile(q.data, q.len, &at, &why));
	assert_int_equal(why.len, 0);
	buf_puts(&q, "b");
	assert_null(search_compile(q.data, q.len, &at, &why));
	assert_int_equal(at, q.len - 1);
	assert_buf_equal(&why, "there are more than 64 terms");

	/* Each could be, but not all. */
	buf_clear(&q, 0);
	buf_clear(&why, 0);
	buf_puts(&q, "/(a|b|c){999}/");
	search_free(search_compile(q.data, q.len, &at, &why));
	assert_int_equal(why.len, 0);
	for (int i = 1; i < SEARCH_TERMS_MAX; i++)
		buf_puts(&q, " /(a|b|c){999}/");
	assert_null(search_compile(q.data, q.len, &at, &why));
	assert_in_range(at, 15, q.len - 1);
	assert_buf_equal(&why, "the expressions are too large");
	buf_free(&q);
	buf_free(&why);
}

/* What this thread has computed, however busy the machine is. */
static int64_t
work_ns(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
	return now.tv_sec * CLOCK_NS_PER_SECOND + now.tv_nsec;
}

/* Each is refused, or is ready after a moment; the bound is far above what it takes. */
static void
compiles_soon_whatever_it_is(void **state)
{
	static const char *const patterns[] = {
	    "a{1000}{1000}",
	    "(a{1,60}){1,60}",
	    "((a{1,99}){1,99}){1,99}",
	    "(?:a?){1000}a{1000}",
	    "((((((((((a|b){9}){9}){9}){9}){9}){9}){9}){9}){9}){9}",
	    "\\p{L}{1,65535}",
	    "(\\X{1,999}){1,30}",
	    "[\\w\\W]{60000}",
	    "(?i)(ä|ö|ü|ß){4000}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct buf q = BUF_INIT, why = BUF_INIT;
		size_t at = 0, n = 0;
		int64_t before;

		/* As many as a q takes. */
		for (; n < SEARCH_TERMS_MAX && q.len + strlen(patterns[i]) + 3 <= SEARCH_MAX; n++)
			buf_printf(&q, "/%s/ ", patterns[i]);
		before = work_ns();
		search_free(search_compile(q.data, q.len, &at, &why));
		if (work_ns() - before > CLOCK_NS_PER_SECOND / 2)
			fail_msg("%s", patterns[i]);
		buf_free(&q);
		buf_free(&why);
	}
	for (int nested = 50; nested <= 2000; nested *= 4) {
		struct buf q = BUF_INIT, why = BUF_INIT;
		size_t at = 0;

		buf_putc(&q, '/');
		buf_fill(&q, '(', (size_t)nested);
		buf_fill(&q, ')', (size_t)nested);
		buf_putc(&q, '/');
		search_free(search_compile(q.data, q.len, &at, &why));
		assert_int_equal(why.len == 0, nested <= 100);
		buf_free(&q);
		buf_free(&why);
	}
}

/* An entry of `unit` repeated. */
static struct buf
repeated(const char *unit, size_t len)
{
	struct buf entry = BUF_INIT;

	while (entry.len < len)
		buf_puts(&entry, unit);
	entry.len = len;
	return entry;
}

static void
ends_whatever_the_expression_is(void **state)
{
	static const char *const patterns[] = {
	    "/(a+)+$/",
	    "/(.*)*x/",
	    "/(a|aa)+$/",
	    "/(a|b|ab)*c/",
	    "/.*?[^y]*x/",
	    "/.*.*.*.*x/",
	    "/a[^y]*x/",
	    "/(?:a?){30}a{30}/",
	    "/(\\w+\\s?)*!/",
	    "/((a*)*)*b/",
	    "/(a*)*\\1b/",
	    "/(?=(a+))\\1b/",
	    "/^(([a-z])+.)+[A-Z]([a-z])+$/",
	    "/(.+)\\1+x/",
	    "/(?R)?a*b/",
	    "/(a(?1)?)+b/",
	    "/(x+x+)+y/",
	    "/[a-z]+\\d/",
	    "/.*(.*)(.*)(.*)q/s",
	    "/\\X*q/",
	    "/(?>a*)q/",
	    "/(ä|a)*q/i",
	    "/(a+)+[^a]/",
	    "/a++q/",
	};
	static const char *const units[] = {
	    "a", "the quick brown fox took 12 jumps over the lazy dog, ", "line\n\t", "a\xff"};
	static const size_t sizes[] = {30, 1000, 5000, 15 * 1024 * 1024};
	unsigned too_long = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
			struct buf entry = repeated(units[u], sizes[i]);

			for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
				struct search *s = compiled(patterns[p]);
				int64_t before = work_ns();
				struct entry_span none = {NULL, 0};
				/* A deadline long before the second that it may take. */
				enum search_result result =
				    search_entry(s, scratch, entry.data, entry.len, none,
					clock_monotonic_ns() + CLOCK_NS_PER_SECOND / 200);

				if (work_ns() - before > 2 * CLOCK_NS_PER_SECOND)
					fail_msg("%s, %zu bytes", patterns[p], entry.len);
				too_long += result == SEARCH_TOO_LONG;
				search_free(s);
			}
			buf_free(&entry);
		}
	assert_true(too_long > 20);
}

static void
takes_a_second_for_an_entry_at_most(void **state)
{
	struct search *s = compiled("/^(([a-z])+.)+[A-Z]([a-z])+$/ -/^(([a-z])+.)+[0-9]([a-z])+$/");
	struct buf entry = repeated("a", 1000);
	struct entry_span none = {NULL, 0};
	int64_t before = work_ns();

	(void)state;
	assert_int_equal(
	    search_entry(s, scratch, entry.data, entry.len, none, INT64_MAX), SEARCH_TOO_LONG);
	assert_true(work_ns() - before < 3 * CLOCK_NS_PER_SECOND / 2);
	buf_free(&entry);
	search_free(s);
}

/* What must not be thrown away: large entries and much work that is not hostile. */
static void
has_time_for_large_entries(void **state)
{
	static const char *const yes[] = {"/z$/", "/dog.*z$/s", "/[xyz]{1}$/", "/lazy\\s\\w+,\\sz/",
	    "/(?i)LAZY DOG, Z/", "z", "\"dog, z\""};
	struct buf entry =
	    repeated("the quick brown fox took 12 jumps over the lazy dog, ", 53 * 8000);

	(void)state;
	buf_putc(&entry, 'z');
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		struct search *s = compiled(yes[i]);

		assert_int_equal(search_text(s, entry.data, entry.len, NULL), SEARCH_YES);
		search_free(s);
	}
	buf_free(&entry);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_in_words_and_at_the_byte),
	    cmocka_unit_test(bounds_what_it_compiles),
	    cmocka_unit_test(compiles_soon_whatever_it_is),
	    cmocka_unit_test(ends_whatever_the_expression_is),
	    cmocka_unit_test(takes_a_second_for_an_entry_at_most),
	    cmocka_unit_test(has_time_for_large_entries),
	};

	return cmocka_run_group_tests_name("search_bounds", tests, make_scratch, free_scratch);
}
