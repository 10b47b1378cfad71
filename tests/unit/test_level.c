#include "base/level.h"
#include "unit.h"

#define ALL (LEVEL_BIT(LEVEL_COUNT) - 1)

static void
routes_to_the_highest_enabled_level_not_above(void **state)
{
	const unsigned some = LEVEL_BIT(LEVEL_INFO) | LEVEL_BIT(LEVEL_ERROR);

	(void)state;
	assert_int_equal(level_route(ALL, 10), LEVEL_DEBUG);
	assert_int_equal(level_route(ALL, 25), LEVEL_INFO);
	assert_int_equal(level_route(ALL, 30), LEVEL_WARNING);
	assert_int_equal(level_route(ALL, 50), LEVEL_ERROR);
	assert_int_equal(level_route(ALL, 9), -1);
	assert_int_equal(level_route(some, 30), LEVEL_INFO);
	assert_int_equal(level_route(some, 10), -1);
	assert_int_equal(level_route(0, 50), -1);
	assert_int_equal(level_route(ALL, -7), -1);
}

static void
knows_pythons_names_and_numbers(void **state)
{
	char text[32];

	(void)state;
	assert_int_equal(level_number_of("CRITICAL", 8), 50);
	assert_int_equal(level_number_of("FATAL", 5), 50);
	assert_int_equal(level_number_of("warn", 4), 30);
	assert_int_equal(level_number_of("NOTSET", 6), 0);
	assert_int_equal(level_number_of("NOTICE", 6), -1);
	assert_int_equal(level_number_of("INFORMATION", 4), 20); /* by its length */
	assert_int_equal(level_number_of("Level 25", 8), 25);
	assert_int_equal(level_number_of("Level 35!", 8), 35);
	assert_int_equal(level_number_of("Level ", 6), -1);
	assert_int_equal(level_number_of("Level 2x", 8), -1);
	assert_int_equal(level_number_of("Level -5", 8), -1);
	assert_int_equal(level_number_of("Level 999999999", 15), 999999999);
	assert_int_equal(level_number_of("Level 1000000000", 16), -1);
	assert_string_equal(level_name_of(50, text, sizeof(text)), "CRITICAL");
	assert_string_equal(level_name_of(30, text, sizeof(text)), "WARNING");
	assert_string_equal(level_name_of(25, text, sizeof(text)), "Level 25");
	assert_int_equal(level_parse("error", 5), LEVEL_ERROR);
	assert_int_equal(level_parse("CRITICAL", 8), -1);
	assert_string_equal(level_file(LEVEL_DEBUG), "debug.log");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(routes_to_the_highest_enabled_level_not_above),
	    cmocka_unit_test(knows_pythons_names_and_numbers),
	};

	return cmocka_run_group_tests_name("level", tests, NULL, NULL);
}
