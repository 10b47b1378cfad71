/* Publishing that fails: for a record's sake, or for the brokers'. */
#include "publish_fixture.h"

#include <string.h>

/* --- what fails --- */

static void
one_that_fails_fails_all_when_all_are_known(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, 3);
	assert_null(submit(f, 0));
	report(1, 1, KAFKA_MESSAGE_TIMED_OUT);
	assert_null(resume(f));
	acknowledge(1);
	assert_null(resume(f));
	acknowledge(1);
	is_finished(resume(f), &f->ticket[0], TICKET_FAILED);
	assert_non_null(strstr(f->ticket[0].why, "in time"));
	assert_int_equal(f->metrics.kafka_failed[METRICS_FAILURE_TIME], 1);
	assert_int_equal(f->metrics.kafka_acknowledged, 2);
	assert_int_equal(f->metrics.records[LEVEL_INFO], 0);
}

/* What librdkafka doesn't take ends the request; what it has is waited for. */
static void
what_is_not_taken_ends_the_request(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, 5);
	fake.error = KAFKA_QUEUE_FULL;
	fake.error_from = 2;
	assert_null(submit(f, 0));
	assert_int_equal(fake.count, 2);
	acknowledge(2);
	is_finished(resume(f), &f->ticket[0], TICKET_FAILED);
	assert_int_equal(f->metrics.kafka_failed[METRICS_FAILURE_OTHER], 1);
	/* And at once where it has none. */
	put_many(f, 1, 1);
	is_finished(submit(f, 1), &f->ticket[1], TICKET_FAILED);
	assert_int_equal(f->metrics.kafka_in_flight, 0);
}

static void
failures_have_words_and_are_counted(void **state)
{
	static const struct {
		int error;
		enum metrics_failure counted;
		const char *word;
	} cases[] = {
	    {KAFKA_MESSAGE_TIMED_OUT, METRICS_FAILURE_TIME, "in time"},
	    {KAFKA_TRANSPORT, METRICS_FAILURE_BROKERS, "no broker"},
	    {KAFKA_NO_TOPIC, METRICS_FAILURE_TOPIC, "topic"},
	    {KAFKA_UNKNOWN_TOPIC, METRICS_FAILURE_TOPIC, "topic"},
	    {KAFKA_NOT_ENOUGH_REPLICAS, METRICS_FAILURE_REPLICAS, "in sync"},
	    {KAFKA_TOO_LARGE, METRICS_FAILURE_SIZE, "too large"},
	    {-1, METRICS_FAILURE_OTHER, "could not be published"},
	};
	struct fixture *f = *state;

	put_many(f, 0, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t before = f->metrics.kafka_failed[cases[i].counted];

		assert_null(submit(f, 0));
		report(1, 1, cases[i].error);
		is_finished(resume(f), &f->ticket[0], TICKET_FAILED);
		assert_non_null(strstr(f->ticket[0].why, cases[i].word));
		assert_int_equal(f->metrics.kafka_failed[cases[i].counted], before + 1);
	}
}

static void
what_is_too_large_is_named_and_not_sent(void **state)
{
	struct fixture *f = *state;

	put(f, 0, LEVEL_INFO, "k", "small", 0);
	put(f, 0, LEVEL_INFO, "k", "small", 5);
	for (int i = 0; i < 1048588; i++)
		buf_putc(&f->entries[0].level[LEVEL_ERROR], 'x');
	put(f, 0, LEVEL_ERROR, "k", "", 7);
	((struct entry_mark *)(void *)f->entries[0].marks.data)[2].len += 1048588;
	is_finished(submit(f, 0), &f->ticket[0], TICKET_TOO_LARGE);
	assert_int_equal(f->ticket[0].which, 7);
	assert_non_null(strstr(f->ticket[0].why, "max.message.bytes"));
	assert_int_equal(fake.count, 0);
	/* Where the topic takes it, it is sent. */
	fake.events.described(fake.events.context, KAFKA_GOOD, "max.message.bytes", "2000000");
	assert_null(submit(f, 0));
	assert_int_equal(fake.count, 3);
	acknowledge(3);
	is_finished(resume(f), &f->ticket[0], TICKET_DONE);
	/* And where it takes less, less is. */
	fake.events.described(fake.events.context, KAFKA_GOOD, "max.message.bytes", "200");
	is_finished(submit(f, 0), &f->ticket[0], TICKET_TOO_LARGE);
	assert_int_equal(f->ticket[0].which, 0);
}

/* --- no brokers --- */

static void
without_brokers_it_fails_at_once(void **state)
{
	struct fixture *f = *state;
	char why[512];

	fake.events.failed(fake.events.context, KAFKA_ALL_BROKERS_DOWN);
	put_many(f, 0, 1);
	is_finished(submit(f, 0), &f->ticket[0], TICKET_FAILED);
	assert_non_null(strstr(f->ticket[0].why, "no broker"));
	assert_int_equal(fake.count, 0);
	assert_false(f->sink.ready(f->sink.self, why, sizeof(why)));
	/* It is known when they are back. */
	is_up();
	assert_true(f->sink.ready(f->sink.self, why, sizeof(why)));
	assert_null(submit(f, 0));
	acknowledge(1);
	is_finished(resume(f), &f->ticket[0], TICKET_DONE);
}

static void
a_fatal_error_ends_it(void **state)
{
	struct fixture *f = *state;
	char why[512];

	assert_true(f->sink.tick(f->sink.self));
	fake.events.failed(fake.events.context, KAFKA_FATAL);
	assert_false(f->sink.tick(f->sink.self));
	/* For good. */
	is_up();
	assert_false(f->sink.tick(f->sink.self));
	assert_false(f->sink.ready(f->sink.self, why, sizeof(why)));
}

static void
the_topic_is_asked_for_when_it_is_there(void **state)
{
	struct fixture *f = *state;

	f->sink.tick(f->sink.self);
	f->sink.tick(f->sink.self);
	assert_int_equal(fake.asked, 1);
	now += 61 * CLOCK_NS_PER_SECOND;
	statistics("DOWN", "", "");
	f->sink.tick(f->sink.self);
	assert_int_equal(fake.asked, 1);
	is_up();
	f->sink.tick(f->sink.self);
	f->sink.tick(f->sink.self);
	assert_int_equal(fake.asked, 2);
	/* Sooner, once the brokers find something too large. */
	put_many(f, 0, 1);
	assert_null(submit(f, 0));
	report(1, 1, KAFKA_TOO_LARGE);
	assert_non_null(resume(f));
	now += 6 * CLOCK_NS_PER_SECOND;
	f->sink.tick(f->sink.self);
	assert_int_equal(fake.asked, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    publish_test(one_that_fails_fails_all_when_all_are_known),
	    publish_test(what_is_not_taken_ends_the_request),
	    publish_test(failures_have_words_and_are_counted),
	    publish_test(what_is_too_large_is_named_and_not_sent),
	    publish_test(without_brokers_it_fails_at_once),
	    publish_test(a_fatal_error_ends_it),
	    publish_test(the_topic_is_asked_for_when_it_is_there),
	};

	return cmocka_run_group_tests_name("publish_failures", tests, NULL, NULL);
}
