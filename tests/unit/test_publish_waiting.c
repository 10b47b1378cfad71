/* Publishing more records than may be under way: requests wait for room. */
#include "publish_fixture.h"

#include <string.h>

static void
what_there_is_no_room_for_waits(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, PUBLISH_IN_FLIGHT - 1);
	put_many(f, 1, 5);
	put_many(f, 2, 1);
	assert_null(submit(f, 0));
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT - 1);
	assert_null(submit(f, 1));
	assert_null(submit(f, 2));
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT - 1);
	assert_int_equal(f->metrics.kafka_waiting, 2);
	/* Not for each that is acknowledged. */
	acknowledge(PUBLISH_IN_FLIGHT / 16);
	assert_null(resume(f));
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT - 1);
	acknowledge(PUBLISH_IN_FLIGHT / 8);
	assert_null(resume(f));
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT + 5);
	assert_int_equal(f->metrics.kafka_waiting, 0);
}

static void
nobody_overtakes_those_that_wait(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, PUBLISH_IN_FLIGHT);
	put(f, 1, LEVEL_INFO, "k", "first", 0);
	put(f, 2, LEVEL_INFO, "k", "second", 0);
	assert_null(submit(f, 0));
	assert_null(submit(f, 1));
	/* There is room by now, and nobody has come for it. */
	acknowledge(PUBLISH_IN_FLIGHT / 2);
	kafka_poll(NULL, 0);
	assert_null(submit(f, 2));
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT + 2);
	assert_ptr_equal(fake.last[0], &f->ticket[1]);
	assert_ptr_equal(fake.last[1], &f->ticket[2]);
}

/* One with more records than may be under way goes out in pieces. */
static void
a_request_of_any_size_goes_out(void **state)
{
	struct fixture *f = *state;
	struct ticket *finished = NULL;
	int polls = 0;

	put_many(f, 0, 2 * PUBLISH_IN_FLIGHT + 100);
	assert_null(submit(f, 0));
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT);
	while (finished == NULL && polls++ < 10) {
		acknowledge(SIZE_MAX);
		finished = resume(f);
		assert_true(fake.count - fake.acknowledged <= PUBLISH_IN_FLIGHT);
	}
	is_finished(finished, &f->ticket[0], TICKET_DONE);
	assert_int_equal(fake.count, 2 * PUBLISH_IN_FLIGHT + 100);
}

static void
what_waits_too_long_is_given_up(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, PUBLISH_IN_FLIGHT);
	put_many(f, 1, 1);
	assert_null(submit(f, 0));
	assert_null(submit(f, 1));
	assert_null(resume(f));
	now += (PUBLISH_WAIT_MS + 1) * (CLOCK_NS_PER_SECOND / 1000);
	/* Nothing may come: the main thread calls for somebody. */
	f->woken = 0;
	f->sink.tick(f->sink.self);
	assert_int_equal(f->woken, 1);
	is_finished(resume(f), &f->ticket[1], TICKET_FAILED);
	assert_non_null(strstr(f->ticket[1].why, "in time"));
	/* The first is librdkafka's to give up. */
	report(SIZE_MAX, SIZE_MAX, KAFKA_MESSAGE_TIMED_OUT);
	is_finished(resume(f), &f->ticket[0], TICKET_FAILED);
}

/* Not longer than those whose time is over. */
static void
what_waits_is_given_up_with_those_before_it(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, PUBLISH_IN_FLIGHT);
	put_many(f, 1, 1);
	assert_null(submit(f, 0));
	assert_null(submit(f, 1));
	now += 2 * CLOCK_NS_PER_SECOND;
	assert_null(resume(f));
	report(1, 1, KAFKA_MESSAGE_TIMED_OUT);
	is_finished(resume(f), &f->ticket[1], TICKET_FAILED);
	assert_non_null(strstr(f->ticket[1].why, "in time"));
	report(SIZE_MAX, SIZE_MAX, KAFKA_MESSAGE_TIMED_OUT);
	is_finished(resume(f), &f->ticket[0], TICKET_FAILED);
}

static void
what_waits_is_given_up_with_the_brokers(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, PUBLISH_IN_FLIGHT + 1);
	put_many(f, 1, 1);
	assert_null(submit(f, 0));
	assert_null(submit(f, 1));
	fake.events.failed(fake.events.context, KAFKA_ALL_BROKERS_DOWN);
	is_finished(resume(f), &f->ticket[1], TICKET_FAILED);
	assert_int_equal(fake.count, PUBLISH_IN_FLIGHT);
	acknowledge(SIZE_MAX);
	is_finished(resume(f), &f->ticket[0], TICKET_FAILED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    publish_test(what_there_is_no_room_for_waits),
	    publish_test(nobody_overtakes_those_that_wait),
	    publish_test(a_request_of_any_size_goes_out),
	    publish_test(what_waits_too_long_is_given_up),
	    publish_test(what_waits_is_given_up_with_those_before_it),
	    publish_test(what_waits_is_given_up_with_the_brokers),
	};

	return cmocka_run_group_tests_name("publish_waiting", tests, NULL, NULL);
}
