/* The offsets that the writer commits, with brokers that answer as the test says. */
#include "writer/writer_inside.h"

#include "captured.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static struct {
	int calls, wait_ms, error;
	size_t count;
	int64_t offset; /* of the first */
} brokers;

int
kafka_commit(
    struct kafka *k, const char *topic, const struct kafka_place *places, size_t count, int wait_ms)
{
	(void)k;
	(void)topic;
	brokers.calls++;
	brokers.count = count;
	brokers.offset = places[0].offset;
	brokers.wait_ms = wait_ms;
	return brokers.error;
}

const char *
kafka_error_text(const struct kafka *k, int error)
{
	(void)k;
	(void)error;
	return "an error";
}

static int
set_up(void **state)
{
	struct writer *w = calloc(1, sizeof(*w));
	struct partition *p;

	if (w == NULL)
		return -1;
	memset(&brokers, 0, sizeof(brokers));
	p = partitions_get(&w->store.partitions, 0);
	if (p == NULL)
		return -1;
	p->assigned = true;
	p->next = 10;
	p->committed = -1;
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct writer *w = *state;

	partitions_free(&w->store.partitions);
	free(w);
	return 0;
}

static void
read_on(struct writer *w, int64_t next)
{
	partitions_get(&w->store.partitions, 0)->next = next;
}

static void
answer(struct writer *w, int error)
{
	struct captured captured;

	captured_begin(&captured, STDERR_FILENO);
	writer_committed(w, error);
	captured_end(&captured);
}

static void
commits_what_is_new(void **state)
{
	struct writer *w = *state;

	writer_commit(w, false);
	assert_int_equal(brokers.calls, 1);
	assert_int_equal(brokers.offset, 10);
	assert_int_equal(brokers.wait_ms, 0);
	answer(w, KAFKA_GOOD);
	writer_commit(w, false);
	assert_int_equal(brokers.calls, 1);
}

/* librdkafka may send two that wait for the coordinator in the wrong order. */
static void
one_is_on_its_way_at_a_time(void **state)
{
	struct writer *w = *state;

	writer_commit(w, false);
	read_on(w, 20);
	writer_commit(w, false);
	assert_int_equal(brokers.calls, 1);
	answer(w, KAFKA_GOOD);
	writer_commit(w, false);
	assert_int_equal(brokers.calls, 2);
	assert_int_equal(brokers.offset, 20);
}

static void
what_failed_is_committed_again(void **state)
{
	struct writer *w = *state;

	writer_commit(w, false);
	answer(w, KAFKA_TIMED_OUT);
	writer_commit(w, false);
	assert_int_equal(brokers.calls, 2);
	assert_int_equal(w->counts.commit_errors, 1);

	/* It could not even be begun. */
	answer(w, KAFKA_TIMED_OUT);
	brokers.error = KAFKA_TIMED_OUT;
	writer_commit(w, false);
	brokers.error = KAFKA_GOOD;
	writer_commit(w, false);
	assert_int_equal(brokers.calls, 4);
}

/* Nobody is there to do it again: what is on its way is committed once more, and waited for. */
static void
the_last_one_holds_what_is_on_its_way(void **state)
{
	struct writer *w = *state;

	writer_commit(w, false);
	writer_commit(w, true);
	assert_int_equal(brokers.calls, 2);
	assert_int_equal(brokers.offset, 10);
	assert_true(brokers.wait_ms > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(commits_what_is_new, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(one_is_on_its_way_at_a_time, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_failed_is_committed_again, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		the_last_one_holds_what_is_on_its_way, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("writer_commit", tests, NULL, NULL);
}
