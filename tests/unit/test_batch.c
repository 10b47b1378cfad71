#include "kafka/batch.h"

#include "unit.h"

#include <string.h>

static size_t
write(char text[BATCH_MAX], const char *id, uint64_t number, uint32_t index)
{
	return batch_end(text, batch_begin(text, id, strlen(id), number), index, NULL, 0);
}

static void
is_written(void **state)
{
	static const struct {
		const char *id, *text;
		uint64_t number;
		uint32_t index;
	} cases[] = {
	    {"a", "a-0:0", 0, 0},
	    {"5f3a-b.c_d", "5f3a-b.c_d-17:499", 17, 499},
	    {"-", "--1:10", 1, 10},
	    {"0123456789012345678901234567890123456789012345678901234567890123",
		"0123456789012345678901234567890123456789012345678901234567890123-"
		"9223372036854775807:4294967295",
		INT64_MAX, UINT32_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[BATCH_MAX];
		size_t len = write(text, cases[i].id, cases[i].number, cases[i].index);

		assert_int_equal(len, strlen(cases[i].text));
		assert_memory_equal(text, cases[i].text, len);
	}
}

static void
writes_several_records_of_a_request(void **state)
{
	char text[BATCH_MAX];
	size_t begun = batch_begin(text, "a", 1, 7);

	(void)state;
	assert_int_equal(batch_end(text, begun, 100, "nan", 3), 11);
	assert_memory_equal(text, "a-7:100;nan", 11);
	assert_int_equal(batch_end(text, begun, 9, "", 0), 5);
	assert_memory_equal(text, "a-7:9", 5);
}

static void
check(const char *text, const char *key, const char *index, const char *added)
{
	struct batch_parts parts = batch_split(text, strlen(text));

	assert_int_equal(parts.key_len, strlen(key));
	assert_memory_equal(parts.key, key, parts.key_len);
	assert_int_equal(parts.index_len, strlen(index));
	assert_memory_equal(parts.index, index, parts.index_len);
	assert_int_equal(parts.added_len, strlen(added));
	assert_memory_equal(parts.added, added, parts.added_len);
}

static void
is_split(void **state)
{
	(void)state;
	check("a-7:100;message,nan", "a-7", "100", "message,nan");
	check("a-7:100", "a-7", "100", "");
	check("a:b-7:100;x:y;z", "a:b-7", "100", "x:y;z");
	check("a-7", "a-7", "", "");
	check("a-7;x", "a-7", "", "x");
	check(":;", "", "", "");
	check(";x", "", "", "x");
	check("", "", "", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_written),
	    cmocka_unit_test(is_split),
	    cmocka_unit_test(writes_several_records_of_a_request),
	};

	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
