/* What is published, and how it is known that it is. */
#include "publish_fixture.h"

#include <stdlib.h>
#include <string.h>

/* --- what is published --- */

static void
a_record_is_a_message(void **state)
{
	struct fixture *f = *state;

	put(f, 0, LEVEL_WARNING, "app.db", "{\"msg\":\"x\"}", 3);
	f->entries[0].arrival = 1795387123048945678;
	f->ticket[0].batch = (struct ticket_batch){"client-17", 6, 17};
	assert_null(submit(f, 0));
	assert_int_equal(fake.count, 1);
	assert_string_equal(fake.produced[0].value, "{\"msg\":\"x\"}");
	assert_string_equal(fake.produced[0].key, "app.db");
	assert_string_equal(fake.produced[0].level, "WARNING");
	assert_string_equal(fake.produced[0].batch, "client-17:3");
	assert_true(fake.produced[0].timestamp == 1795387123048); /* when it arrived */
	assert_null(resume(f));
	acknowledge(1);
	is_finished(resume(f), &f->ticket[0], TICKET_DONE);
	assert_int_equal(f->metrics.records[LEVEL_WARNING], 1);
	assert_int_equal(f->metrics.kafka_acknowledged, 1);
	assert_int_equal(f->metrics.kafka_bytes, strlen("{\"msg\":\"x\"}"));
	assert_int_equal(f->metrics.kafka_in_flight, 0);
	assert_int_equal(f->metrics.kafka_in_flight_bytes, 0);
}

static void
records_keep_their_order_over_levels(void **state)
{
	static const char *const values[] = {"0", "11", "2", "33333", "4"};
	static const enum level levels[] = {
	    LEVEL_ERROR, LEVEL_INFO, LEVEL_ERROR, LEVEL_INFO, LEVEL_DEBUG};
	static const char *const keys[] = {"a", "bb", "a", "", "ccc"};
	struct fixture *f = *state;

	for (unsigned i = 0; i < 5; i++)
		put(f, 0, levels[i], keys[i], values[i], 2 * i);
	assert_null(submit(f, 0));
	assert_int_equal(fake.count, 5);
	for (unsigned i = 0; i < 5; i++) {
		const char *colon = strrchr(fake.produced[i].batch, ':');

		assert_string_equal(fake.produced[i].value, values[i]);
		assert_string_equal(fake.produced[i].key, keys[i]);
		assert_string_equal(fake.produced[i].level, level_name(levels[i]));
		assert_int_equal(atoi(colon + 1), 2 * i);
	}
	acknowledge(4);
	assert_null(resume(f));
	acknowledge(1);
	is_finished(resume(f), &f->ticket[0], TICKET_DONE);
}

/* What was not sent is told; nothing where it was. */
static void
what_was_added_is_told(void **state)
{
	struct fixture *f = *state;
	struct entry_mark *marks;

	put(f, 0, LEVEL_INFO, "keymessage,nan", "v", 0);
	put(f, 0, LEVEL_INFO, "other", "w", 1);
	marks = (struct entry_mark *)(void *)f->entries[0].marks.data;
	marks[0].key_len = 3;
	marks[0].added_len = 11;
	assert_null(submit(f, 0));
	assert_string_equal(fake.produced[0].key, "key");
	assert_string_equal(strchr(fake.produced[0].batch, ':'), ":0;message,nan");
	assert_string_equal(fake.produced[1].key, "other");
	assert_string_equal(strchr(fake.produced[1].batch, ':'), ":1");
	acknowledge(2);
	assert_non_null(resume(f));
}

/* Without a key of the client's, each request has one of the server's own. */
static void
requests_without_a_key_have_one(void **state)
{
	struct fixture *f = *state;

	put(f, 0, LEVEL_INFO, "k", "v", 0);
	put(f, 1, LEVEL_INFO, "k", "v", 0);
	assert_null(submit(f, 0));
	assert_null(submit(f, 1));
	assert_int_equal(strcspn(fake.produced[0].batch, "-"), 16);
	assert_memory_equal(fake.produced[0].batch, fake.produced[1].batch, 17);
	assert_string_equal(fake.produced[0].batch + 17, "0:0");
	assert_string_equal(fake.produced[1].batch + 17, "1:0");
	acknowledge(2);
	assert_non_null(resume(f));
}

static void
nothing_is_done_at_once(void **state)
{
	struct fixture *f = *state;

	is_finished(submit(f, 0), &f->ticket[0], TICKET_DONE);
	assert_int_equal(fake.count, 0);
}

static void
what_failed_before_is_not_published(void **state)
{
	struct fixture *f = *state;

	put(f, 0, LEVEL_INFO, "k", "v", 0);
	f->entries[0].level[LEVEL_DEBUG].failed = true;
	is_finished(submit(f, 0), &f->ticket[0], TICKET_FAILED);
	f->entries[0].level[LEVEL_DEBUG].failed = false;
	f->entries[0].keys.failed = true;
	is_finished(submit(f, 0), &f->ticket[0], TICKET_FAILED);
	assert_int_equal(fake.count, 0);
}

/* --- threads --- */

static void
is_called_for_what_came_before(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->woken, 1); /* as it was set up */
	fake.more = true;
	assert_null(resume(f));
	assert_int_equal(f->woken, 2); /* there is more than it has taken */
	assert_null(resume(f));
	assert_int_equal(f->woken, 2);
	f->sink.wake_by(f->sink.self, NULL, NULL);
	assert_null(fake.wake);
	fake.more = true;
	assert_null(resume(f));
	assert_int_equal(f->woken, 2);
}

static void
the_last_thread_waits_for_all(void **state)
{
	struct fixture *f = *state;

	put_many(f, 0, 1);
	assert_null(submit(f, 0));
	is_finished(f->sink.resume(f->sink.self, true), &f->ticket[0], TICKET_DONE);
	assert_true(fake.waited > 0);
	fake.waited = 0;
	assert_null(f->sink.resume(f->sink.self, true));
	assert_int_equal(fake.waited, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    publish_test(a_record_is_a_message),
	    publish_test(records_keep_their_order_over_levels),
	    publish_test(what_was_added_is_told),
	    publish_test(requests_without_a_key_have_one),
	    publish_test(nothing_is_done_at_once),
	    publish_test(what_failed_before_is_not_published),
	    publish_test(is_called_for_what_came_before),
	    publish_test(the_last_thread_waits_for_all),
	};

	return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
