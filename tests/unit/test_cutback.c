#include "captured.h"
#include "tmpdir.h"
#include "writer/cutback.h"

struct fixture {
	struct tmpdir *dir;
	int folder;
	struct checkpoint c;
	uint64_t bytes;
	const char *said;
	struct captured captured;
	char error[512];
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (tmpdir_setup(state) != 0)
		return -1;
	f->dir = *state;
	f->folder = open(f->dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	close(f->folder);
	free(f);
	return tmpdir_teardown(&dir);
}

static void
write_to(struct fixture *f, const char *name, const char *mode, const char *text)
{
	FILE *file = fopen(tmpdir_path(f->dir, name), mode);

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* A file that the checkpoint has as it is now. */
static void
note(struct fixture *f, const char *name, const char *text)
{
	struct checkpoint_file *c = &f->c.file[f->c.files++];

	write_to(f, name, "w", text);
	strcpy(c->name, name);
	assert_true(identity_of(f->folder, name, false, &c->id, &c->length));
	assert_int_equal(c->length, strlen(text));
}

static void
cut(struct fixture *f)
{
	bool good;

	captured_begin(&f->captured, STDERR_FILENO);
	good = cutback(f->folder, &f->c, &f->bytes, f->error, sizeof(f->error));
	f->said = captured_end(&f->captured);
	if (!good)
		fail_msg("%s", f->error);
}

static void
cuts_what_is_behind_the_checkpoint(void **state)
{
	struct fixture *f = *state;

	note(f, "info.log", "one\n");
	note(f, "error.log", "");
	note(f, "debug.log", "same\n");
	write_to(f, "info.log", "a", "two\nhal");
	write_to(f, "error.log", "a", "x\n");
	write_to(f, "warning.log", "w", "nobody knows it\n");
	cut(f);
	assert_int_equal(f->bytes, 9);
	assert_file_equal(f->dir, "info.log", "one\n");
	assert_file_equal(f->dir, "error.log", "");
	assert_file_equal(f->dir, "debug.log", "same\n");
	assert_file_equal(f->dir, "warning.log", "nobody knows it\n");
	cut(f);
	assert_int_equal(f->bytes, 0);
	assert_string_equal(f->said, "");
}

static void
finds_a_file_by_any_name(void **state)
{
	struct fixture *f = *state;

	note(f, "info.log", "one\n");
	write_to(f, "info.log", "a", "two\n");
	assert_int_equal(
	    rename(tmpdir_path(f->dir, "info.log"), tmpdir_path(f->dir, "info.log.old")), 0);
	write_to(f, "info.log", "w", "another\n");
	cut(f);
	assert_int_equal(f->bytes, 4);
	assert_file_equal(f->dir, "info.log.old", "one\n");
	assert_file_equal(f->dir, "info.log", "another\n");
}

static void
leaves_what_it_does_not_know(void **state)
{
	struct fixture *f = *state;

	note(f, "info.log", "one\n");
	f->c.file[0].id.inode ^= 1;
	write_to(f, "info.log", "a", "two\n");
	cut(f);
	assert_int_equal(f->bytes, 0);
	assert_file_equal(f->dir, "info.log", "one\ntwo\n");
	assert_non_null(strstr(f->said, "may be there twice"));
	/* An inode that is used again. */
	f->c.file[0].id.inode ^= 1;
	if (f->c.file[0].id.born != 0) {
		f->c.file[0].id.born++;
		cut(f);
		assert_int_equal(f->bytes, 0);
	}
}

static void
leaves_what_others_have_changed(void **state)
{
	struct fixture *f = *state;

	/* Shorter, as copytruncate leaves it. */
	note(f, "info.log", "one\ntwo\n");
	write_to(f, "info.log", "w", "six\n");
	cut(f);
	assert_file_equal(f->dir, "info.log", "six\n");
	assert_non_null(strstr(f->said, "shorter"));
	/* No entry ends there any more. */
	f->c.files = 0;
	note(f, "error.log", "one\n");
	write_to(f, "error.log", "w", "something\n");
	cut(f);
	assert_file_equal(f->dir, "error.log", "something\n");
	assert_non_null(strstr(f->said, "no entry that ends"));
	/* But where none ended. */
	f->c.files = 0;
	note(f, "debug.log", "one\nha");
	f->c.file[0].mid_line = true;
	write_to(f, "debug.log", "a", "\nthree\n");
	cut(f);
	assert_file_equal(f->dir, "debug.log", "one\nha");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(cuts_what_is_behind_the_checkpoint, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(finds_a_file_by_any_name, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(leaves_what_it_does_not_know, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(leaves_what_others_have_changed, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("cutback", tests, NULL, NULL);
}
