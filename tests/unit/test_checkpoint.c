#include "tmpdir.h"
#include "writer/checkpoint.h"
#include "json/json.h"

#define NOW INT64_C(1795387123048000000)

static int
set_up(void **state)
{
	(void)state;
	json_init();
	return 0;
}

static int
folder_of(struct tmpdir *t)
{
	int fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
is_read_as_it_was_written(void **state)
{
	struct checkpoint_place places[] = {
	    {.partition = 0,
		.next = 7,
		.timestamp = 1795387123048,
		.mark = {{0, 1}, {5, 1795387123047}},
		.marks = 2},
	    {.partition = 3, .next = INT64_MAX, .timestamp = -1},
	};
	struct checkpoint c = {.topic = "a \"topic\"",
	    .group = "group",
	    .cluster = "id",
	    .files = 2,
	    .file = {{"info.log", {UINT64_MAX - 1, 99}, 0, false},
		{"rejected.log", {1, 0}, 1 << 30, true}},
	    .place = places,
	    .places = 2};
	struct seen *seen = seen_new(), *again = seen_new();
	struct seen_key key = {.partition = 3, .id = "abc", .len = 3, .number = 5, .index = 2};
	int folder = folder_of(*state);
	struct checkpoint read;
	char error[512] = "";

	seen_note(seen, &key);
	assert_int_equal(
	    checkpoint_read(folder, &read, again, error, sizeof(error)), CHECKPOINT_NONE);
	checkpoint_free(&read);
	assert_true(checkpoint_write(folder, &c, seen, NOW, true));
	assert_int_equal(
	    checkpoint_read(folder, &read, again, error, sizeof(error)), CHECKPOINT_GOOD);
	assert_string_equal(read.topic, c.topic);
	assert_string_equal(read.group, c.group);
	assert_string_equal(read.cluster, c.cluster);
	assert_int_equal(read.files, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(read.file[i].name, c.file[i].name);
		assert_int_equal(read.file[i].id.inode, c.file[i].id.inode);
		assert_int_equal(read.file[i].id.born, c.file[i].id.born);
		assert_int_equal(read.file[i].length, c.file[i].length);
		assert_int_equal(read.file[i].mid_line, c.file[i].mid_line);
	}
	assert_int_equal(read.places, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(read.place[i].partition, places[i].partition);
		assert_int_equal(read.place[i].next, places[i].next);
		assert_int_equal(read.place[i].timestamp, places[i].timestamp);
		assert_int_equal(read.place[i].marks, places[i].marks);
		assert_memory_equal(read.place[i].mark, places[i].mark, sizeof(places[i].mark));
	}
	assert_true(seen_known(again, &key));
	checkpoint_free(&read);
	seen_free(seen);
	seen_free(again);
	close(folder);
}

/* The one before stays until the new one is whole. */
static void
a_failure_leaves_the_one_before(void **state)
{
	struct checkpoint c = {.topic = "first"}, read;
	struct seen *seen = seen_new();
	int folder = folder_of(*state);
	char error[512];

	assert_true(checkpoint_write(folder, &c, seen, NOW, true));
	strcpy(c.topic, "second");
	assert_int_equal(mkdir(tmpdir_path(*state, CHECKPOINT_NAME ".new"), 0700), 0);
	assert_false(checkpoint_write(folder, &c, seen, NOW, true));
	assert_int_equal(
	    checkpoint_read(folder, &read, seen, error, sizeof(error)), CHECKPOINT_GOOD);
	assert_string_equal(read.topic, "first");
	checkpoint_free(&read);
	seen_free(seen);
	close(folder);
}

static void
put(struct tmpdir *t, const char *text, size_t len)
{
	FILE *file = fopen(tmpdir_path(t, CHECKPOINT_NAME), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void
what_is_not_whole_is_refused(void **state)
{
#define HEAD   "{\"version\":1,\"topic\":\"t\",\"group\":\"g\",\"cluster\":\"\","
#define FILES  "\"files\":[{\"name\":\"info.log\",\"inode\":1,\"born\":0,\"length\":1}],"
#define PLACES "\"partitions\":[{\"partition\":0,\"next\":1,\"timestamp\":-1}],"
#define SEEN   "\"seen\":[[0,\"a\",\"1:0\"]]}"
	static const char good[] = HEAD FILES PLACES SEEN "\n";
	static const char *const bad[] = {"[]", "{}", "{\"version\":2}",
	    HEAD FILES PLACES "\"seen\":[[0,\"a\"]]}",
	    HEAD FILES PLACES "\"seen\":[[-1,\"a\",\"1:0\"]]}",
	    HEAD FILES PLACES "\"seen\":[[0,\"a\",\"1\"]]}",
	    HEAD "\"files\":[{\"name\":\"../x\",\"inode\":1,\"born\":0,\"length\":1}]," PLACES SEEN,
	    HEAD "\"files\":[{\"name\":\"x\",\"inode\":-1,\"born\":0,\"length\":1}]," PLACES SEEN,
	    HEAD "\"files\":[{\"name\":\"x\",\"inode\":1,\"born\":0,\"length\":-1}]," PLACES SEEN,
	    HEAD "\"files\":[{\"name\":\"x\",\"inode\":1,\"born\":0,\"length\":9223372036854775808}"
		 "]," PLACES SEEN,
	    HEAD FILES "\"partitions\":[{\"partition\":0,\"next\":1.5,\"timestamp\":-1}]," SEEN,
	    HEAD FILES
	    "\"partitions\":[{\"partition\":0,\"next\":1,\"timestamp\":-1,\"marks\":[7]}]," SEEN,
	    HEAD FILES "\"partitions\":[7]," SEEN, HEAD FILES PLACES SEEN "{}",
	    "[" HEAD FILES PLACES SEEN "," HEAD FILES PLACES SEEN "]"};
	struct seen *seen = seen_new();
	int folder = folder_of(*state);
	struct checkpoint c;
	char error[512];

	/* To its last brace; the newline is not missed. */
	for (size_t len = 0; len < strlen(good); len++) {
		put(*state, good, len);
		assert_int_equal(checkpoint_read(folder, &c, seen, error, sizeof(error)),
		    len == strlen(good) - 1 ? CHECKPOINT_GOOD : CHECKPOINT_BAD);
		checkpoint_free(&c);
		seen_clear(seen);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(*state, bad[i], strlen(bad[i]));
		if (checkpoint_read(folder, &c, seen, error, sizeof(error)) != CHECKPOINT_BAD)
			fail_msg("%s", bad[i]);
		checkpoint_free(&c);
	}
	seen_free(seen);
	close(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		is_read_as_it_was_written, tmpdir_setup, tmpdir_teardown),
	    cmocka_unit_test_setup_teardown(
		a_failure_leaves_the_one_before, tmpdir_setup, tmpdir_teardown),
	    cmocka_unit_test_setup_teardown(
		what_is_not_whole_is_refused, tmpdir_setup, tmpdir_teardown),
	};

	return cmocka_run_group_tests_name("checkpoint", tests, set_up, NULL);
}
