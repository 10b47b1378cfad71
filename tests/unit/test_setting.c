#include "base/setting.h"

#include "base/level.h"
#include "unit.h"

#include <stdlib.h>

enum size { SMALL, LARGE };

struct things {
	const char *text;
	const char *secret;
	unsigned narrow;
	uint64_t wide;
	enum size size;
	unsigned levels;
	unsigned after; /* what a row of 4 bytes must not touch */
	uint64_t derived;
};

static uint64_t
twice_narrow(const void *settings)
{
	return 2 * (uint64_t)((const struct things *)settings)->narrow;
}

static void
check(const void *settings, struct buf *mistakes)
{
	if (((const struct things *)settings)->wide == 13)
		buf_puts(mistakes, "WIDE=13: unlucky\n");
}

static const char *const sizes[] = {[SMALL] = "small", [LARGE] = "large", NULL};

static const struct setting rows[] = {
    {.name = "PBU_TEXT",
	.help = "a text",
	.fallback = "none",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct things, text)},
    {.name = "PBU_SECRET",
	.help = "a secret",
	.kind = SETTING_SECRET,
	SETTING_INTO(struct things, secret)},
    {.name = "PBU_NARROW",
	.help = "a number",
	.fallback = "7",
	.kind = SETTING_NUMBER,
	.low = 1,
	.high = UINT32_MAX,
	SETTING_INTO(struct things, narrow)},
    {.name = "PBU_WIDE",
	.help = "a number with a text that leaves its default no place in the line",
	.fallback = "9223372036854775807",
	.kind = SETTING_NUMBER,
	.high = INT64_MAX,
	SETTING_INTO(struct things, wide)},
    {.name = "PBU_SIZE",
	.help = "a word",
	.fallback = "large",
	.kind = SETTING_CHOICE,
	.words = sizes,
	SETTING_INTO(struct things, size)},
    {.name = "PBU_LEVELS",
	.help = "levels",
	.fallback = "ERROR",
	.empty_counts = true,
	.kind = SETTING_LEVELS,
	SETTING_INTO(struct things, levels)},
    {.name = "PBU_DERIVED",
	.help = "another number",
	.fallback = "twice the number",
	.computed = twice_narrow,
	.kind = SETTING_NUMBER,
	.high = 1000,
	SETTING_INTO(struct things, derived)},
};

static const struct setting_group group = SETTING_GROUP(rows, check);

struct fixture {
	struct things things;
	struct buf mistakes, warnings, text;
};

static int
set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){.things = {.after = 0x5a5a5a5a}};
	for (size_t i = 0; i < group.count; i++)
		unsetenv(group.rows[i].name);
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->things.after, 0x5a5a5a5a);
	buf_free(&f->mistakes);
	buf_free(&f->warnings);
	buf_free(&f->text);
	return 0;
}

static void
read_them(struct fixture *f)
{
	buf_clear(&f->mistakes, 0);
	buf_clear(&f->warnings, 0);
	setting_read(&group, &f->things, &f->mistakes, &f->warnings);
}

static void
assert_defaults(const struct things *t)
{
	assert_string_equal(t->text, "none");
	assert_null(t->secret);
	assert_int_equal(t->narrow, 7);
	assert_true(t->wide == INT64_MAX);
	assert_int_equal(t->size, LARGE);
	assert_int_equal(t->levels, LEVEL_BIT(LEVEL_ERROR));
	assert_int_equal(t->derived, 14);
}

static void
has_its_defaults(void **state)
{
	struct fixture *f = *state;

	f->things.secret = "of before";
	read_them(f);
	assert_defaults(&f->things);
	/* Empty is not set, but for those where it counts. */
	for (size_t i = 0; i < group.count; i++)
		setenv(group.rows[i].name, "", 1);
	unsetenv("PBU_LEVELS");
	read_them(f);
	assert_defaults(&f->things);
	assert_int_equal(f->mistakes.len, 0);
	assert_int_equal(f->warnings.len, 0);
	setenv("PBU_LEVELS", "", 1);
	read_them(f);
	assert_int_equal(f->things.levels, 0);
	assert_buf_equal(&f->warnings,
	    "PBU_LEVELS names no level: every record is accepted, and none is written\n");
}

static void
reads_every_kind(void **state)
{
	struct fixture *f = *state;

	setenv("PBU_TEXT", " a text ", 1);
	setenv("PBU_SECRET", "s3cret", 1);
	setenv("PBU_NARROW", "4294967295", 1);
	setenv("PBU_WIDE", "0000000000000000012", 1);
	setenv("PBU_SIZE", "small", 1);
	setenv("PBU_LEVELS", "\tdebug ,, Warning", 1);
	setenv("PBU_DERIVED", "3", 1);
	read_them(f);
	assert_int_equal(f->mistakes.len, 0);
	assert_string_equal(f->things.text, " a text ");
	assert_string_equal(f->things.secret, "s3cret");
	assert_true(f->things.narrow == UINT32_MAX);
	assert_int_equal(f->things.wide, 12);
	assert_int_equal(f->things.size, SMALL);
	assert_int_equal(f->things.levels, LEVEL_BIT(LEVEL_DEBUG) | LEVEL_BIT(LEVEL_WARNING));
	assert_int_equal(f->things.derived, 3);
}

static void
a_mistake_has_the_default(void **state)
{
	static const struct {
		const char *name, *value, *mistake;
	} wrong[] = {
	    {"PBU_NARROW", "0", "PBU_NARROW=0: must be a whole number from 1 to 4294967295\n"},
	    {"PBU_NARROW", "4294967296",
		"PBU_NARROW=4294967296: must be a whole number from 1 to 4294967295\n"},
	    {"PBU_WIDE", "9223372036854775808",
		"PBU_WIDE=9223372036854775808: must be a whole number from 0 to "
		"9223372036854775807\n"},
	    {"PBU_WIDE", "18446744073709551616",
		"PBU_WIDE=18446744073709551616: must be a whole number from 0 to "
		"9223372036854775807\n"},
	    {"PBU_WIDE", "-1",
		"PBU_WIDE=-1: must be a whole number from 0 to 9223372036854775807\n"},
	    {"PBU_WIDE", "1k",
		"PBU_WIDE=1k: must be a whole number from 0 to 9223372036854775807\n"},
	    {"PBU_SIZE", "Small", "PBU_SIZE=Small: must be one of small, large\n"},
	    {"PBU_DERIVED", "1001", "PBU_DERIVED=1001: must be a whole number from 0 to 1000\n"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		setenv(wrong[i].name, wrong[i].value, 1);
		read_them(f);
		assert_buf_equal(&f->mistakes, wrong[i].mistake);
		assert_defaults(&f->things);
		unsetenv(wrong[i].name);
	}
	setenv("PBU_WIDE", "13", 1);
	read_them(f);
	assert_buf_equal(&f->mistakes, "WIDE=13: unlucky\n");
}

static void
an_unknown_level_is_skipped(void **state)
{
	struct fixture *f = *state;

	setenv("PBU_LEVELS", "INFO, NOPE ,CRITICAL", 1);
	read_them(f);
	assert_int_equal(f->things.levels, LEVEL_BIT(LEVEL_INFO));
	assert_buf_equal(&f->warnings,
	    "PBU_LEVELS: NOPE is not one of DEBUG,INFO,WARNING,ERROR; skipped\n"
	    "PBU_LEVELS: CRITICAL is not one of DEBUG,INFO,WARNING,ERROR; skipped\n");
	assert_int_equal(f->mistakes.len, 0);
}

static void
describes_itself(void **state)
{
	struct fixture *f = *state;

	setenv("PBU_SECRET", "s3cret", 1);
	setenv("PBU_LEVELS", "ERROR,DEBUG", 1);
	read_them(f);
	setting_describe(&group, &f->things, &f->text);
	assert_buf_equal(&f->text,
	    "PBU_TEXT=none\nPBU_SECRET=(set)\nPBU_NARROW=7\nPBU_WIDE=9223372036854775807\n"
	    "PBU_SIZE=large\nPBU_LEVELS=DEBUG,ERROR\nPBU_DERIVED=14\n");
	buf_clear(&f->text, 0);
	setting_help(&group, &f->text);
	assert_buf_equal(&f->text,
	    "  PBU_TEXT            a text (none)\n"
	    "  PBU_SECRET          a secret\n"
	    "  PBU_NARROW          a number (7)\n"
	    "  PBU_WIDE            a number with a text that leaves its default no place in the "
	    "line\n"
	    "                      (9223372036854775807)\n"
	    "  PBU_SIZE            a word (large)\n"
	    "  PBU_LEVELS          levels (ERROR)\n"
	    "  PBU_DERIVED         another number (twice the number)\n");
}

static void
forgets_secrets(void **state)
{
	char entry[] = "PBU_SECRET=s3cret";
	struct fixture *f = *state;

	/* Not copied: the environment's own memory is looked at below. */
	assert_int_equal(putenv(entry), 0);
	read_them(f);
	assert_string_equal(f->things.secret, "s3cret");
	setting_forget(&group, &f->things);
	assert_null(f->things.secret);
	assert_string_equal(f->things.text, "none");
	assert_null(getenv("PBU_SECRET"));
	assert_memory_equal(entry, "PBU_SECRET=\0\0\0\0\0\0", sizeof("PBU_SECRET=s3cret"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(has_its_defaults),
	    TEST(reads_every_kind),
	    TEST(a_mistake_has_the_default),
	    TEST(an_unknown_level_is_skipped),
	    TEST(describes_itself),
	    TEST(forgets_secrets),
	};

	return cmocka_run_group_tests_name("setting", tests, NULL, NULL);
}
