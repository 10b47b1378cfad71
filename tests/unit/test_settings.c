#include "base/level.h"
#include "base/program.h"
#include "server/settings.h"
#include "unit.h"

#include <sched.h>
#include <stdlib.h>

static bool
read_settings(struct settings *s, struct buf *mistakes, struct buf *warnings)
{
	const struct program p = {.settings = settings_of, .count = settings_count};

	return program_read_settings(&p, s, mistakes, warnings);
}

static int
clean_environment(void **state)
{
	(void)state;
	for (size_t i = 0; i < settings_count; i++) {
		for (size_t j = 0; j < settings_of[i].group->count; j++)
			unsetenv(settings_of[i].group->rows[j].name);
	}
	return 0;
}

static void
has_the_contracts_defaults(void **state)
{
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	struct settings s;

	(void)state;
	assert_true(read_settings(&s, &mistakes, &warnings));
	assert_int_equal(warnings.len, 0);
	assert_string_equal(s.logs.folder, "./_logs");
	assert_null(s.auth.token);
	assert_null(s.auth.token_file);
	assert_int_equal(s.web.port, 4999);
	assert_int_equal(s.logs.levels, LEVEL_BIT(LEVEL_INFO) | LEVEL_BIT(LEVEL_ERROR));
	assert_string_equal(s.format.line, "%(asctime)s %(levelname)s:%(name)s %(message)s");
	assert_null(s.format.date);
	assert_int_equal(s.logs.rotate, ROTATE_DAILY);
	assert_int_equal(s.logs.max_bytes, 0);
	assert_int_equal(s.logs.backup_count, 30);
	assert_int_equal(s.logs.sync, SYNC_EVERYSEC);
	assert_int_equal(s.web.max_body, 16 * 1024 * 1024);
	assert_in_range(s.web.threads, 3, CPU_SETSIZE + 1);
	assert_int_equal(s.max_memory, 512 * 1024 * 1024);
	assert_string_equal(s.zone.name, ":/etc/localtime");
}

static void
levels_may_have_spaces_and_unknown_names_are_warned_about(void **state)
{
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	struct settings s;

	(void)state;
	setenv("ENABLED_LOG_LEVELS", " DEBUG , warning,,NOPE ", 1);
	assert_true(read_settings(&s, &mistakes, &warnings));
	assert_int_equal(s.logs.levels, LEVEL_BIT(LEVEL_DEBUG) | LEVEL_BIT(LEVEL_WARNING));
	buf_putc(&warnings, '\0');
	assert_non_null(strstr(warnings.data, "NOPE"));
	buf_clear(&warnings, 0);
	setenv("ENABLED_LOG_LEVELS", "NOPE", 1);
	assert_true(read_settings(&s, &mistakes, &warnings));
	assert_int_equal(s.logs.levels, 0);
	buf_putc(&warnings, '\0');
	assert_non_null(strstr(warnings.data, "none is written"));
	buf_free(&warnings);
}

static void
names_every_mistake_at_once(void **state)
{
	static const struct {
		const char *name;
		const char *value;
	} wrong[] = {
	    {"PORT", "0"},
	    {"LOG_ROTATE", "weekly"},
	    {"LOG_MAX_BYTES", "10M"},
	    {"LOG_BACKUP_COUNT", "-1"},
	    {"LOG_FSYNC", "sometimes"},
	    {"MAX_BODY_BYTES", "99999999999999999999"},
	    {"THREADS", "0"},
	    {"LOG_FORMAT", "%(message)y"},
	    {"TZ", "Europe/Berlni"},
	    {"AUTH_TOKEN_FILE", "/nowhere/tokens"},
	    {"MAX_MEMORY_BYTES", "536870911"},
	};
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	struct settings s;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		setenv(wrong[i].name, wrong[i].value, 1);
	assert_false(read_settings(&s, &mistakes, &warnings));
	buf_putc(&mistakes, '\0');
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_non_null(strstr(mistakes.data, wrong[i].name));
		assert_non_null(strstr(mistakes.data, wrong[i].value));
	}
	buf_free(&mistakes);
}

static void
memory_is_enough_for_the_largest_body(void **state)
{
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	struct settings s;

	(void)state;
	setenv("MAX_BODY_BYTES", "1073741824", 1);
	assert_true(read_settings(&s, &mistakes, &warnings));
	assert_true(s.max_memory == UINT64_C(32) << 30);
	setenv("MAX_MEMORY_BYTES", "34359738367", 1);
	assert_false(read_settings(&s, &mistakes, &warnings));
	assert_buf_equal(&mistakes,
	    "MAX_MEMORY_BYTES=34359738367: must be at least 34359738368 where MAX_BODY_BYTES is "
	    "1073741824\n");
	buf_clear(&mistakes, 0);
	setenv("MAX_MEMORY_BYTES", "34359738368", 1);
	assert_true(read_settings(&s, &mistakes, &warnings));
	assert_true(s.max_memory == UINT64_C(32) << 30);

	/* What the smallest bodies take is no multiple of theirs. */
	setenv("MAX_BODY_BYTES", "1024", 1);
	setenv("MAX_MEMORY_BYTES", "134217727", 1);
	assert_false(read_settings(&s, &mistakes, &warnings));
	assert_buf_equal(&mistakes, "MAX_MEMORY_BYTES=134217727: must be at least 134217728 where "
				    "MAX_BODY_BYTES is 1024\n");
	buf_clear(&mistakes, 0);
	unsetenv("MAX_MEMORY_BYTES");
	assert_true(read_settings(&s, &mistakes, &warnings));
	assert_int_equal(s.max_memory, 134217728);
	buf_free(&mistakes);
}

static void
refuses_tokens_that_no_client_can_send(void **state)
{
	static const char *const wrong[] = {" secret", "secret ", "\tsecret", "secret\t",
	    "secret\n", "secret\r", "sec\x01ret", "sec\x7fret", "sec\nret", " "};
	static const char *const good[] = {
	    "", "secret", "se cret", "se\tcret", "s\xc3\xa9ret", "s"};
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	struct settings s;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		setenv("AUTH_TOKEN", wrong[i], 1);
		assert_false(read_settings(&s, &mistakes, &warnings));
		/* The message does not show it. */
		assert_buf_equal(&mistakes,
		    "AUTH_TOKEN: has white space around it or a control character in it; "
		    "no client can send that\n");
		buf_free(&mistakes);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		setenv("AUTH_TOKEN", good[i], 1);
		assert_true(read_settings(&s, &mistakes, &warnings));
	}
}

static void
refuses_formats_that_python_refuses(void **state)
{
	static const char *const formats[] = {"", "no field", "%s", "%(message)", "%(message",
	    "100%", "%(message)s %", "%(message)*d", "%(message)s %d", "%%"};
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	struct settings s;

	(void)state;
	for (size_t i = 1; i < sizeof(formats) / sizeof(formats[0]); i++) {
		setenv("LOG_FORMAT", formats[i], 1);
		if (read_settings(&s, &mistakes, &warnings))
			fail_msg("accepted: %s", formats[i]);
		buf_clear(&mistakes, 0);
	}
	setenv("LOG_FORMAT", "%(message)s 100%% %(lineno)05d %(x y)s", 1);
	assert_true(read_settings(&s, &mistakes, &warnings));
}

static void
a_description_shows_no_token(void **state)
{
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT, text = BUF_INIT;
	struct settings s;

	(void)state;
	setenv("AUTH_TOKEN", "s3cret", 1);
	assert_true(read_settings(&s, &mistakes, &warnings));
	for (size_t i = 0; i < settings_count; i++)
		setting_describe(settings_of[i].group, (char *)&s + settings_of[i].offset, &text);
	buf_putc(&text, '\0');
	assert_null(strstr(text.data, "s3cret"));
	assert_non_null(strstr(text.data, "AUTH_TOKEN=(set)\n"));
	assert_non_null(strstr(text.data, "ENABLED_LOG_LEVELS=INFO,ERROR\n"));
	buf_free(&text);
}

static void
forgets_the_token(void **state)
{
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	char entry[] = "AUTH_TOKEN=s3cret";
	struct settings s;

	(void)state;
	/* Not copied: the environment's own memory is looked at below. */
	assert_int_equal(putenv(entry), 0);
	assert_true(read_settings(&s, &mistakes, &warnings));
	assert_string_equal(s.auth.token, "s3cret");
	setting_forget(&auth_settings_group, &s.auth);
	assert_null(s.auth.token);
	assert_null(getenv("AUTH_TOKEN"));
	assert_memory_equal(entry, "AUTH_TOKEN=\0\0\0\0\0\0", sizeof("AUTH_TOKEN=s3cret"));
}

#define TEST(f) cmocka_unit_test_setup(f, clean_environment)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(has_the_contracts_defaults),
	    TEST(levels_may_have_spaces_and_unknown_names_are_warned_about),
	    TEST(names_every_mistake_at_once),
	    TEST(memory_is_enough_for_the_largest_body),
	    TEST(refuses_tokens_that_no_client_can_send),
	    TEST(refuses_formats_that_python_refuses),
	    TEST(a_description_shows_no_token),
	    TEST(forgets_the_token),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
