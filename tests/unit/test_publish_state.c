#include "kafka/publish_state.h"

#include "captured.h"
#include "fake_clock.h"
#include "kafka/kafka.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

struct fixture {
	struct publish_state state;
	struct metrics metrics;
	char said[8192];
};

static void
init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	publish_state_init(&f->state, "records", 1000000, &f->metrics);
}

static void
read_times(
    struct fixture *f, int times, const char *brokers, const char *partitions, const char *id)
{
	struct captured c;
	char json[1024];

	snprintf(json, sizeof(json),
	    "{\"brokers\":{%s},\"topics\":{\"other\":{\"partitions\":{\"0\":{\"partition\":0,"
	    "\"leader\":1}}},\"records\":{\"partitions\":{%s}}},\"eos\":{\"idemp_state\":\"%s\"}}",
	    brokers, partitions, id);
	captured_begin(&c, STDERR_FILENO);
	while (times-- > 0)
		publish_state_read(&f->state, json);
	snprintf(f->said, sizeof(f->said), "%s", captured_end(&c));
}

#define UP                                                                                         \
	"\"a:1/1\":{\"state\":\"UP\"},\"b:1/2\":{\"state\":\"DOWN\"},\"c:1/3\":{\"state\":\"UP\"}"
#define DOWN "\"a:1/1\":{\"state\":\"DOWN\"},\"b:1/2\":{\"state\":\"CONNECT\"}"
#define LED                                                                                        \
	"\"0\":{\"partition\":0,\"leader\":1},\"1\":{\"partition\":1,\"leader\":-1},\"-1\":{"      \
	"\"partition\":-1,\"leader\":1}"
#define UNLED "\"0\":{\"partition\":0,\"leader\":-1},\"-1\":{\"partition\":-1,\"leader\":1}"

static void
is_not_ready(struct fixture *f, const char *word)
{
	char why[512];

	assert_false(publish_state_ready(&f->state, why, sizeof(why)));
	if (strstr(why, word) == NULL)
		fail_msg("%s: %s", word, why);
}

static void
is_ready(struct fixture *f)
{
	char why[512];

	assert_true(publish_state_ready(&f->state, why, sizeof(why)));
}

static void
tells_what_is_in_the_way(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	is_not_ready(&f, "has been reached yet");
	assert_false(publish_state_down(&f.state));
	read_times(&f, 1, DOWN, "", "Init");
	is_not_ready(&f, "has been reached yet");
	assert_false(publish_state_down(&f.state));
	read_times(&f, 1, UP, "", "Init");
	is_not_ready(&f, "the topic records");
	read_times(&f, 1, UP, UNLED, "Assigned");
	is_not_ready(&f, "the topic records");
	read_times(&f, 1, UP, LED, "WaitPID");
	is_not_ready(&f, "let the producer begin");
	read_times(&f, 1, UP, LED, "Assigned");
	is_ready(&f);
	assert_int_equal(f.metrics.kafka_brokers_up, 2);
	assert_int_equal(f.metrics.kafka_partitions, 1);
	read_times(&f, 1, DOWN, LED, "Assigned");
	is_not_ready(&f, "can be reached");
	assert_true(publish_state_down(&f.state));
	assert_int_equal(f.metrics.kafka_brokers_up, 0);
	read_times(&f, 1, UP, LED, "Assigned");
	is_ready(&f);
	publish_state_failed(&f.state, KAFKA_TRANSPORT);
	is_ready(&f);
	publish_state_failed(&f.state, KAFKA_ALL_BROKERS_DOWN);
	is_not_ready(&f, "can be reached");
}

/* Connected, but silent: known by the records that are given up, and over with the first that is
 * not, or after a while. */
static void
tells_of_brokers_that_are_silent(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	read_times(&f, 1, UP, LED, "Assigned");
	publish_state_record_failed(&f.state, KAFKA_UNKNOWN_TOPIC);
	is_ready(&f);
	publish_state_record_failed(&f.state, KAFKA_MESSAGE_TIMED_OUT);
	is_not_ready(&f, "acknowledge");
	assert_false(publish_state_down(&f.state));
	now++;
	publish_state_acknowledged(&f.state);
	is_ready(&f);
	now++;
	publish_state_record_failed(&f.state, KAFKA_MESSAGE_TIMED_OUT);
	is_not_ready(&f, "acknowledge");
	now += 4 * CLOCK_NS_PER_SECOND;
	is_not_ready(&f, "acknowledge");
	now += CLOCK_NS_PER_SECOND;
	is_ready(&f);
}

/* Once, when it has been so for a while; and when it is over. */
static void
logs_what_lasts(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	read_times(&f, 2, UP, "", "Init");
	assert_string_equal(f.said, "");
	read_times(&f, 3, UP, LED, "Assigned");
	assert_non_null(strstr(f.said, ": records are published\n"));
	read_times(&f, 10, UP, LED, "Assigned");
	assert_string_equal(f.said, "");
	read_times(&f, 2, UP, "", "Assigned");
	assert_string_equal(f.said, "");
	read_times(&f, 1, UP, "", "Assigned");
	assert_non_null(strstr(f.said, "error: the brokers don't have the topic records"));
	read_times(&f, 10, UP, "", "Assigned");
	assert_string_equal(f.said, "");
	read_times(&f, 2, UP, LED, "Assigned");
	read_times(&f, 2, DOWN, LED, "Assigned");
	assert_string_equal(f.said, "");
	read_times(&f, 3, UP, LED, "Assigned");
	assert_non_null(strstr(f.said, ": records are published\n"));
}

static void
tell(struct fixture *f, const char *name, const char *value)
{
	struct captured c;

	captured_begin(&c, STDERR_FILENO);
	publish_state_topic(&f->state, name, value);
	publish_state_topic(&f->state, name, value);
	snprintf(f->said, sizeof(f->said), "%s", captured_end(&c));
}

static int
lines(const char *text)
{
	int n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static void
warns_of_a_weak_topic_once(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	tell(&f, "min.insync.replicas", "2");
	assert_string_equal(f.said, "");
	tell(&f, "min.insync.replicas", "1");
	assert_int_equal(lines(f.said), 1);
	assert_non_null(strstr(f.said, "min.insync.replicas=1"));
	tell(&f, "max.message.bytes", "1048588");
	assert_string_equal(f.said, "");
	tell(&f, "max.message.bytes", "900000");
	assert_int_equal(lines(f.said), 1);
	assert_non_null(strstr(f.said, "batch.size"));
	tell(&f, "retention.ms", "1");
	assert_string_equal(f.said, "");
}

static void
says_once_that_it_is_told_nothing(void **state)
{
	struct captured c;
	struct fixture f;
	const char *said;

	(void)state;
	init(&f);
	captured_begin(&c, STDERR_FILENO);
	publish_state_untold(&f.state, KAFKA_TOPIC_FORBIDDEN, "forbidden");
	publish_state_untold(&f.state, KAFKA_TOPIC_FORBIDDEN, "forbidden");
	said = captured_end(&c);
	assert_int_equal(lines(said), 1);
	assert_non_null(strstr(said, "(forbidden): 1048588 bytes"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_what_is_in_the_way),
	    cmocka_unit_test(tells_of_brokers_that_are_silent),
	    cmocka_unit_test(logs_what_lasts),
	    cmocka_unit_test(warns_of_a_weak_topic_once),
	    cmocka_unit_test(says_once_that_it_is_told_nothing),
	};

	return cmocka_run_group_tests_name("publish_state", tests, NULL, NULL);
}
