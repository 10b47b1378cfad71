#include "kafka/kafka_statistics.h"

#include "unit.h"

#include <string.h>

/* A piece of librdkafka 2.0.2's, shortened; with a name that tries to look like more. */
static const char json[] =
    "{ \"name\": \"rdkafka#producer-1\", \"ts\":5016483227792, \"brokers\":{ "
    "\"a:1/2\": { \"name\":\"a \\\" } ] :,1/2\", \"nodeid\":2, \"state\":\"UP\", "
    "\"rtt\": { \"min\": 1580, \"sum\": [1, {\"x\": []}] }, \"toppars\":{ } }, "
    "\"b:1/3\": { \"nodeid\":3, \"state\":\"UPDATE\" } }, "
    "\"topics\":{}, \"eos\":{\"idemp_state\":\"Assigned\",\"txn_may_enq\":false}, \"tx\":-17 }";

static void
finds_members(void **state)
{
	const char *brokers = kafka_statistics_member(json, "brokers");
	const char *a = kafka_statistics_member(brokers, "a:1/2");
	const char *b = kafka_statistics_member(brokers, "b:1/3");

	(void)state;
	assert_true(kafka_statistics_is(kafka_statistics_member(a, "state"), "UP"));
	assert_false(kafka_statistics_is(kafka_statistics_member(b, "state"), "UP"));
	assert_int_equal(kafka_statistics_number(kafka_statistics_member(b, "nodeid"), -1), 3);
	assert_int_equal(kafka_statistics_number(kafka_statistics_member(json, "tx"), 0), -17);
	assert_int_equal(
	    kafka_statistics_number(kafka_statistics_member(json, "ts"), 0), 5016483227792);
	assert_true(kafka_statistics_is(
	    kafka_statistics_member(kafka_statistics_member(json, "eos"), "idemp_state"),
	    "Assigned"));
}

static void
finds_nothing_where_there_is_none(void **state)
{
	(void)state;
	assert_null(kafka_statistics_member(json, "bro"));
	assert_null(kafka_statistics_member(json, "brokerss"));
	assert_null(kafka_statistics_member(json, "nodeid")); /* deeper */
	assert_null(kafka_statistics_member(kafka_statistics_member(json, "topics"), "x"));
	assert_null(kafka_statistics_member(kafka_statistics_member(json, "tx"), "x"));
	assert_null(kafka_statistics_member(NULL, "x"));
	assert_int_equal(kafka_statistics_number(NULL, 7), 7);
	assert_int_equal(kafka_statistics_number("\"x\"", 7), 7);
	assert_false(kafka_statistics_is(NULL, "x"));
	assert_false(kafka_statistics_is("17", "17"));
}

static void
goes_through_an_object(void **state)
{
	const char *at = kafka_statistics_member(json, "brokers"), *name;

	(void)state;
	assert_non_null(kafka_statistics_next(&at, &name));
	assert_int_equal(strncmp(name, "a:1/2\"", 6), 0);
	assert_non_null(kafka_statistics_next(&at, &name));
	assert_int_equal(strncmp(name, "b:1/3\"", 6), 0);
	assert_null(kafka_statistics_next(&at, &name));
	assert_null(at);
	assert_null(kafka_statistics_next(&at, &name));
}

/* Whatever is missing at its end, it ends. */
static void
bears_what_is_cut_off(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(json); len++) {
		char text[sizeof(json)];
		const char *at = text, *name;

		memcpy(text, json, len);
		text[len] = '\0';
		while (kafka_statistics_next(&at, &name) != NULL)
			assert_true(name < text + len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_members),
	    cmocka_unit_test(finds_nothing_where_there_is_none),
	    cmocka_unit_test(goes_through_an_object),
	    cmocka_unit_test(bears_what_is_cut_off),
	};

	return cmocka_run_group_tests_name("kafka_statistics", tests, NULL, NULL);
}
