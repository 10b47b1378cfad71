#include "level.h"
#include "options.h"
#include "unit.h"

#include <sched.h>
#include <stdlib.h>

static const char *const names[] = {"LOG_FOLDER", "AUTH_TOKEN", "AUTH_TOKEN_FILE", "PORT",
    "ENABLED_LOG_LEVELS", "LOG_FORMAT", "LOG_DATE_FORMAT", "LOG_ROTATE", "LOG_MAX_BYTES",
    "LOG_BACKUP_COUNT", "LOG_FSYNC", "MAX_BODY_BYTES", "THREADS"};

static int
clean_environment(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	return 0;
}

static void
has_the_contracts_defaults(void **state)
{
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	struct options o;

	(void)state;
	assert_true(options_read(&o, &mistakes, &warnings));
	assert_int_equal(warnings.len, 0);
	assert_string_equal(o.log_folder, "./_logs");
	assert_null(o.auth_token);
	assert_null(o.auth_token_file);
	assert_int_equal(o.port, 4999);
	assert_int_equal(o.levels, LEVEL_BIT(LEVEL_INFO) | LEVEL_BIT(LEVEL_ERROR));
	assert_string_equal(o.format, "%(asctime)s %(levelname)s:%(name)s %(message)s");
	assert_null(o.date_format);
	assert_int_equal(o.rotate, ROTATE_DAILY);
	assert_int_equal(o.max_bytes, 0);
	assert_int_equal(o.backup_count, 30);
	assert_int_equal(o.sync, SYNC_EVERYSEC);
	assert_int_equal(o.max_body, 16 * 1024 * 1024);
	assert_in_range(o.threads, 3, CPU_SETSIZE + 1);
}

static void
levels_may_have_spaces_and_unknown_names_are_warned_about(void **state)
{
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	struct options o;

	(void)state;
	setenv("ENABLED_LOG_LEVELS", " DEBUG , warning,,NOPE ", 1);
	assert_true(options_read(&o, &mistakes, &warnings));
	assert_int_equal(o.levels, LEVEL_BIT(LEVEL_DEBUG) | LEVEL_BIT(LEVEL_WARNING));
	buf_putc(&warnings, '\0');
	assert_non_null(strstr(warnings.data, "NOPE"));
	buf_clear(&warnings, 0);
	setenv("ENABLED_LOG_LEVELS", "NOPE", 1);
	assert_true(options_read(&o, &mistakes, &warnings));
	assert_int_equal(o.levels, 0);
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
	};
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		setenv(wrong[i].name, wrong[i].value, 1);
	assert_false(options_read(&o, &mistakes, &warnings));
	buf_putc(&mistakes, '\0');
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_non_null(strstr(mistakes.data, wrong[i].name));
		assert_non_null(strstr(mistakes.data, wrong[i].value));
	}
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
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		setenv("AUTH_TOKEN", wrong[i], 1);
		assert_false(options_read(&o, &mistakes, &warnings));
		/* The message does not show it. */
		assert_buf_equal(&mistakes,
		    "AUTH_TOKEN: has white space around it or a control character in it; "
		    "no client can send that\n");
		buf_free(&mistakes);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		setenv("AUTH_TOKEN", good[i], 1);
		assert_true(options_read(&o, &mistakes, &warnings));
	}
}

static void
refuses_formats_that_python_refuses(void **state)
{
	static const char *const formats[] = {"", "no field", "%s", "%(message)", "%(message",
	    "100%", "%(message)s %", "%(message)*d", "%(message)s %d", "%%"};
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	struct options o;

	(void)state;
	for (size_t i = 1; i < sizeof(formats) / sizeof(formats[0]); i++) {
		setenv("LOG_FORMAT", formats[i], 1);
		if (options_read(&o, &mistakes, &warnings))
			fail_msg("accepted: %s", formats[i]);
		buf_clear(&mistakes, 0);
	}
	setenv("LOG_FORMAT", "%(message)s 100%% %(lineno)05d %(x y)s", 1);
	assert_true(options_read(&o, &mistakes, &warnings));
}

static void
a_description_shows_no_token(void **state)
{
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT, text = BUF_INIT;
	struct options o;

	(void)state;
	setenv("AUTH_TOKEN", "s3cret", 1);
	assert_true(options_read(&o, &mistakes, &warnings));
	options_describe(&o, &text);
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
	struct options o;

	(void)state;
	/* Not copied: the environment's own memory is looked at below. */
	assert_int_equal(putenv(entry), 0);
	assert_true(options_read(&o, &mistakes, &warnings));
	assert_string_equal(o.auth_token, "s3cret");
	options_forget_token(&o);
	assert_null(o.auth_token);
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
	    TEST(refuses_tokens_that_no_client_can_send),
	    TEST(refuses_formats_that_python_refuses),
	    TEST(a_description_shows_no_token),
	    TEST(forgets_the_token),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
