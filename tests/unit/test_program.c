#include "base/program.h"

#include "captured.h"
#include "unit.h"

#include <getopt.h>
#include <stdlib.h>

struct a {
	uint64_t before;
	unsigned number;
};

struct all {
	const char *own;
	struct a a;
};

static const struct setting a_rows[] = {
    {.name = "PBU_NUMBER",
	.help = "a number",
	.fallback = "7",
	.kind = SETTING_NUMBER,
	.high = 100,
	SETTING_INTO(struct a, number)},
};
static const struct setting_group a_group = SETTING_GROUP(a_rows, NULL);

static const struct setting own_rows[] = {
    {.name = "PBU_OWN", .help = "a text", .kind = SETTING_TEXT, SETTING_INTO(struct all, own)},
};
static const struct setting_group own_group = SETTING_GROUP(own_rows, NULL);

static const struct program_settings settings[] = {
    {&a_group, offsetof(struct all, a)},
    {&own_group, 0},
};

static const struct program program = {
    .name = "pbu-log-example", .purpose = "Does nothing.\n", .settings = settings, .count = 2};

struct result {
	int status;
	struct all all;
	const char *socket_path;
	struct captured out, err;
};

static void
begin(struct result *r, const char *a, const char *b)
{
	char *argv[] = {(char *)"pbu-log-example", (char *)a, (char *)b, NULL};
	int argc = a == NULL ? 1 : b == NULL ? 2 : 3;

	memset(&r->all, 0x5a, sizeof(r->all));
	optind = 0;
	captured_begin(&r->out, STDOUT_FILENO);
	captured_begin(&r->err, STDERR_FILENO);
	r->status = program_begin(&program, argc, argv, &r->all, &r->socket_path);
	captured_end(&r->err);
	captured_end(&r->out);
}

static int
clean_environment(void **state)
{
	(void)state;
	unsetenv("PBU_NUMBER");
	unsetenv("PBU_OWN");
	return 0;
}

static void
goes_on_with_its_settings(void **state)
{
	static struct result r;

	(void)state;
	setenv("PBU_OWN", "mine", 1);
	begin(&r, NULL, NULL);
	assert_int_equal(r.status, -1);
	assert_null(r.socket_path);
	assert_string_equal(r.all.own, "mine");
	assert_int_equal(r.all.a.number, 7);
	assert_true(r.all.a.before == UINT64_C(0x5a5a5a5a5a5a5a5a)); /* nobody's */
	begin(&r, "--socket", "/run/x");
	assert_int_equal(r.status, -1);
	assert_string_equal(r.socket_path, "/run/x");
	assert_string_equal(r.out.text, "");
	assert_string_equal(r.err.text, "");
}

static void
checks(void **state)
{
	static struct result r;

	(void)state;
	begin(&r, "--check", NULL);
	assert_int_equal(r.status, EXIT_SUCCESS);
	assert_string_equal(r.out.text, "PBU_NUMBER=7\nPBU_OWN=\n");
	assert_string_equal(r.err.text, "");
	setenv("PBU_NUMBER", "101", 1);
	begin(&r, "-c", NULL);
	assert_int_equal(r.status, PROGRAM_EXIT_USAGE);
	assert_string_equal(r.out.text, "PBU_NUMBER=7\nPBU_OWN=\n");
	assert_string_equal(r.err.text,
	    "test_program: error: PBU_NUMBER=101: must be a whole number from 0 to 100\n");
	begin(&r, NULL, NULL);
	assert_int_equal(r.status, PROGRAM_EXIT_USAGE);
	assert_string_equal(r.out.text, "");
}

static void
explains_itself(void **state)
{
	static struct result r;

	(void)state;
	begin(&r, "--help", NULL);
	assert_int_equal(r.status, EXIT_SUCCESS);
	assert_non_null(strstr(r.out.text, "Usage: pbu-log-example [--socket PATH]"));
	assert_non_null(strstr(r.out.text, "\n\nDoes nothing.\n\n"));
	assert_non_null(strstr(
	    r.out.text, ":\n  PBU_NUMBER          a number (7)\n  PBU_OWN             a text\n\n"));
	begin(&r, "-V", NULL);
	assert_int_equal(r.status, EXIT_SUCCESS);
	assert_memory_equal(r.out.text, "pbu-log-example ", 16);
}

static void
refuses_arguments_that_it_does_not_know(void **state)
{
	static struct result r;

	(void)state;
	begin(&r, "what", NULL);
	assert_int_equal(r.status, PROGRAM_EXIT_USAGE);
	assert_string_equal(r.err.text, "pbu-log-example: what is \"what\"? Try --help.\n");
	begin(&r, "--nothing", NULL);
	assert_int_equal(r.status, PROGRAM_EXIT_USAGE);
	assert_non_null(strstr(r.err.text, "Try pbu-log-example --help.\n"));
	begin(&r, "--socket", NULL);
	assert_int_equal(r.status, PROGRAM_EXIT_USAGE);
	assert_string_equal(r.out.text, "");
}

static void
says_what_cannot_be_printed(void **state)
{
	static struct result r;
	int kept = dup(STDOUT_FILENO);
	struct captured err;
	FILE *full;

	(void)state;
	full = fopen("/dev/full", "w");
	assert_non_null(full);
	fflush(stdout);
	captured_begin(&err, STDERR_FILENO);
	dup2(fileno(full), STDOUT_FILENO);
	optind = 0;
	{
		char *argv[] = {(char *)"pbu-log-example", (char *)"--check", NULL};

		r.status = program_begin(&program, 2, argv, &r.all, &r.socket_path);
	}
	dup2(kept, STDOUT_FILENO);
	close(kept);
	fclose(full);
	clearerr(stdout);
	captured_end(&err);
	assert_int_equal(r.status, EXIT_FAILURE);
	assert_string_equal(
	    err.text, "test_program: error: nothing can be printed: No space left on device\n");
}

#define TEST(f) cmocka_unit_test_setup(f, clean_environment)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(goes_on_with_its_settings),
	    TEST(checks),
	    TEST(explains_itself),
	    TEST(refuses_arguments_that_it_does_not_know),
	    TEST(says_what_cannot_be_printed),
	};

	return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
