#include "record/entry.h"
#include "unit.h"
#include "json/text.h"

/* The entry of a text in one piece, and in pieces of one byte-safe cut each, must be the same. */
static void
check(const char *text, size_t len, const char *expected)
{
	for (size_t cut = 0; cut <= len; cut++) {
		struct buf out = BUF_INIT;
		struct entry e;

		if (cut < len && ((unsigned char)text[cut] & 0xc0) == 0x80)
			continue; /* within a character */
		entry_begin(&e, &out);
		entry_text(&e, text, cut);
		entry_text(&e, text + cut, len - cut);
		entry_end(&e);
		assert_buf_equal(&out, expected);
		buf_free(&out);
	}
}

#define SAFE(text, expected) check(text, sizeof(text) - 1, expected)

static void
continuation_lines_start_with_a_tab(void **state)
{
	(void)state;
	SAFE("one", "one\n");
	SAFE("", "\n");
	SAFE("a\nb\r\nc", "a\n\tb\n\tc\n");
	SAFE("a\n\n\nb", "a\n\t\n\t\n\tb\n");
	SAFE("\na", "\n\ta\n");
	SAFE("a\n\tb", "a\n\t\tb\n");
}

/* Else an entry could pass for a continuation line of the one before. */
static void
an_entry_does_not_start_with_a_tab(void **state)
{
	(void)state;
	SAFE("\t", "\\x09\n");
	SAFE("\tat f()", "\\x09at f()\n");
	SAFE("\t\ta\tb", "\\x09\ta\tb\n");
	SAFE("\t\n\tb", "\\x09\n\t\tb\n");
	SAFE("\r\ta", "\\x0d\ta\n");
	SAFE("\r\n\ta", "\n\t\ta\n"); /* its first line is the empty one */
	SAFE("\n\ta", "\n\t\ta\n");
}

static void
newlines_at_the_end_are_dropped(void **state)
{
	(void)state;
	SAFE("a\n", "a\n");
	SAFE("a\n\n\n", "a\n");
	SAFE("a\r\n\r\n\n", "a\n");
	SAFE("a\n\r\n", "a\n");
	SAFE("\n", "\n");
	SAFE("a\n ", "a\n\t \n");
	SAFE("a\n\r", "a\n\t\\x0d\n");
}

static void
control_characters_are_written_out(void **state)
{
	(void)state;
	SAFE("\x1b[31m", "\\x1b[31m\n");
	SAFE("\x01\x1f\x7f", "\\x01\\x1f\\x7f\n");
	SAFE("\xc0\x80", "\\x00\n");
	SAFE("\xc2\x80\xc2\x85\xc2\x9f\xc2\xa0", "\\x80\\x85\\x9f\xc2\xa0\n");
	SAFE("a\rb", "a\\x0db\n");
	SAFE("a\r\rb\r\r\nc", "a\\x0d\\x0db\\x0d\n\tc\n");
	SAFE("tab\tstays", "tab\tstays\n");
}

static void
surrogates_are_written_out_and_other_text_stays(void **state)
{
	(void)state;
	SAFE("\xed\xb3\xbf", "\\udcff\n");
	SAFE("\xed\xa0\x80x", "\\ud800x\n");
	SAFE("\xed\x9f\xbf", "\xed\x9f\xbf\n");
	SAFE("\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\n");
}

static void
separators_and_bidi_controls_are_written_out(void **state)
{
	(void)state;
	SAFE("a\xe2\x80\xa8 b\xe2\x80\xa9", "a\\u2028 b\\u2029\n");
	SAFE("\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad\xe2\x80\xae",
	    "\\u202a\\u202b\\u202c\\u202d\\u202e\n");
	SAFE("\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9", "\\u2066\\u2067\\u2068\\u2069\n");
	/* Their neighbours, and what else begins with E2: U+2027, U+202F, U+2065, U+206A, quotes.
	 */
	SAFE("\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xe2\x80\x9c\xe2\x82\xac",
	    "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xe2\x80\x9c\xe2\x82\xac\n");
	/* The same last bytes after another lead byte. */
	SAFE("\xe3\x80\xa8\xe1\x81\xa6", "\xe3\x80\xa8\xe1\x81\xa6\n");
}

static void
breaks_lines_as_cpythons_formatter(void **state)
{
	static const struct {
		const char *first;
		const char *expected;
	} cases[] = {
	    {"a", "a\n\tb\n"},
	    {"a\n", "a\n\tb\n"},
	    {"a\n\n", "a\n\t\n\tb\n"},
	    {"", "\n\tb\n"},
	    {"a\r", "a\n\tb\n"},
	    {"a\n\r", "a\n\t\n\tb\n"},
	    {"\t", "\\x09\n\tb\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT;
		struct entry e;

		entry_begin(&e, &out);
		entry_text(&e, cases[i].first, strlen(cases[i].first));
		entry_break(&e);
		entry_text(&e, "b", 1);
		entry_end(&e);
		assert_buf_equal(&out, cases[i].expected);
		buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(continuation_lines_start_with_a_tab),
	    cmocka_unit_test(an_entry_does_not_start_with_a_tab),
	    cmocka_unit_test(newlines_at_the_end_are_dropped),
	    cmocka_unit_test(control_characters_are_written_out),
	    cmocka_unit_test(surrogates_are_written_out_and_other_text_stays),
	    cmocka_unit_test(separators_and_bidi_controls_are_written_out),
	    cmocka_unit_test(breaks_lines_as_cpythons_formatter),
	};

	return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
