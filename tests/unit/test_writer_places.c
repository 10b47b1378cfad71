#include "captured.h"
#include "writer/writer_inside.h"

#include <stdlib.h>

/* The brokers, as the writer sees them: one partition, or two. */
static struct {
	struct kafka_bounds bounds;
	int bounds_error, committed_error, asked;
	int64_t committed;
	struct kafka_place assigned[4];
	size_t count;
} brokers;

int
kafka_bounds(struct kafka *k, const char *topic, int32_t partition, struct kafka_bounds *bounds,
    int timeout_ms)
{
	(void)k;
	(void)topic;
	(void)partition;
	(void)timeout_ms;
	brokers.asked++;
	*bounds = brokers.bounds;
	return brokers.bounds_error;
}

int
kafka_assign(struct kafka *k, const char *topic, const struct kafka_place *places, size_t count)
{
	(void)k;
	(void)topic;
	brokers.count = count;
	for (size_t i = 0; i < count; i++)
		brokers.assigned[i] = places[i];
	return KAFKA_GOOD;
}

int
kafka_committed(
    struct kafka *k, const char *topic, struct kafka_place *places, size_t count, int timeout_ms)
{
	(void)k;
	(void)topic;
	(void)timeout_ms;
	for (size_t i = 0; i < count; i++)
		places[i].offset = brokers.committed;
	return brokers.committed_error;
}

bool
kafka_cluster(struct kafka *k, char *id, size_t size, int timeout_ms)
{
	(void)k;
	(void)id;
	(void)size;
	(void)timeout_ms;
	return false;
}

const char *
kafka_error_text(const struct kafka *k, int error)
{
	(void)k;
	(void)error;
	return "an error";
}

/* The rest of the writer. */

void
writer_give_up(struct writer *w)
{
	partitions_give_up(&w->store.partitions);
}

void
writer_resume(struct writer *w)
{
	(void)w;
}

void
writer_commit(struct writer *w, bool wait)
{
	(void)w;
	(void)wait;
}

void
writer_failed(struct writer *w, int error)
{
	(void)w;
	(void)error;
}

bool
store_checkpoint(struct store *s)
{
	(void)s;
	return true;
}

static int
set_up(void **state)
{
	struct writer *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return -1;
	w->settings.store.topic = "topic";
	memset(&brokers, 0, sizeof(brokers));
	brokers.committed = KAFKA_NO_OFFSET_YET;
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

/* The partition as a checkpoint has it. */
static struct partition *
read_up_to(struct writer *w, int32_t id, int64_t next, int64_t timestamp)
{
	struct partition *p = partitions_get(&w->store.partitions, id);

	assert_non_null(p);
	p->next = p->taken = next;
	p->timestamp = p->taken_timestamp = timestamp;
	return p;
}

static void
rebalance(struct writer *w, bool assigned, size_t count)
{
	static const struct kafka_place places[] = {{0, 0}, {1, 0}};
	struct captured captured;

	captured_begin(&captured, STDERR_FILENO);
	writer_rebalanced(w, assigned, false, places, count);
	captured_end(&captured);
}

/* What is read is not where the partition is read. */
static void
out_of_range(struct writer *w, int32_t partition)
{
	const struct kafka_message m = {.error = KAFKA_OFFSET_RESET, .partition = partition};

	writer_trouble(w, &m);
}

/* The message before is read once more, to see whether it is the same topic. */
static void
reads_the_message_before_once_more(void **state)
{
	struct writer *w = *state;
	struct partition *p = read_up_to(w, 0, 100, 5000);
	struct kafka_message m = {.partition = 0, .offset = 99, .timestamp = 5000};

	rebalance(w, true, 1);
	assert_int_equal(brokers.count, 1);
	assert_int_equal(brokers.assigned[0].offset, 99);
	assert_false(writer_expects(w, p, &m));
	m.offset = 100;
	assert_true(writer_expects(w, p, &m));
	assert_int_equal(w->counts.lost, 0);
}

/* The topic has deleted all that was read, the message before included, as it does when nothing
 * has come for as long as it keeps messages. */
static void
goes_on_where_all_before_is_deleted(void **state)
{
	struct writer *w = *state;
	struct partition *p = read_up_to(w, 0, 100, 5000);
	const struct kafka_message m = {.partition = 0, .offset = 100, .timestamp = 9000};

	rebalance(w, true, 1);
	brokers.bounds = (struct kafka_bounds){.first = 100, .end = 100};
	out_of_range(w, 0);
	writer_mend(w);
	assert_int_equal(brokers.assigned[0].offset, 100);
	assert_true(writer_expects(w, p, &m));
	assert_int_equal(w->counts.lost, 0);
}

/* What was not read, and is deleted, is counted. */
static void
counts_what_was_deleted_unread(void **state)
{
	struct writer *w = *state;
	struct captured captured;

	read_up_to(w, 0, 100, 5000);
	rebalance(w, true, 1);
	brokers.bounds = (struct kafka_bounds){.first = 110, .end = 120};
	out_of_range(w, 0);
	captured_begin(&captured, STDERR_FILENO);
	writer_mend(w);
	captured_end(&captured);
	assert_int_equal(brokers.assigned[0].offset, 110);
	assert_int_equal(w->counts.lost, 10);
}

/* The end of a set that is broken was looked for: where that was is deleted, too. */
static void
ends_a_search_whose_place_is_deleted(void **state)
{
	struct writer *w = *state;
	struct partition *p = read_up_to(w, 0, 100, 5000);
	const struct kafka_message m = {.partition = 0, .offset = 350, .timestamp = 9000};
	struct captured captured;

	rebalance(w, true, 1);
	p->search.at = 300;
	brokers.bounds = (struct kafka_bounds){.first = 350, .end = 400};
	out_of_range(w, 0);
	captured_begin(&captured, STDERR_FILENO);
	writer_mend(w);
	captured_end(&captured);
	assert_int_equal(brokers.assigned[0].offset, 350);
	assert_true(writer_expects(w, p, &m));
	assert_int_equal(w->counts.lost, 250);
}

/* Whether the last commit before it was given away got there, only the brokers know. */
static void
commits_again_what_was_not_when_it_was_given_away(void **state)
{
	struct writer *w = *state;
	struct partition *p = read_up_to(w, 0, 100, 5000);

	p->committed = 100;
	brokers.committed = 90;
	rebalance(w, true, 1);
	assert_int_equal(p->next, 100);
	assert_true(partition_commits(p));
	p->committed = 100;
	assert_false(partition_commits(p));
}

/* When brokers can't be asked, another writer may have read on, and committed that: it is not taken
 * back. The first message that comes tells. */
static void
commits_nothing_that_may_be_behind_the_group(void **state)
{
	struct writer *w = *state;
	struct partition *p = read_up_to(w, 0, 100, 5000);
	const struct kafka_message m = {.partition = 0, .offset = 500, .timestamp = 9000};

	p->committed = 100;
	brokers.committed_error = KAFKA_TIMED_OUT;
	rebalance(w, true, 1);
	assert_false(partition_commits(p));
	assert_true(writer_expects(w, p, &m));
	assert_int_equal(w->counts.lost, 0);
	p->next = p->taken = 501;
	assert_true(partition_commits(p));
}

/* Brokers that don't answer are waited for once, however many partitions are to be asked for. */
static void
waits_once_for_brokers_that_do_not_answer(void **state)
{
	struct writer *w = *state;

	read_up_to(w, 0, 100, 5000);
	read_up_to(w, 1, 100, 5000);
	rebalance(w, true, 2);
	brokers.bounds_error = KAFKA_TIMED_OUT;
	out_of_range(w, 0);
	out_of_range(w, 1);
	writer_mend(w);
	assert_int_equal(brokers.asked, 1);

	/* and when they do, each has its turn */
	brokers.bounds_error = KAFKA_GOOD;
	brokers.bounds = (struct kafka_bounds){.first = 50, .end = 100};
	for (int i = 0; i < 2; i++)
		partitions_get(&w->store.partitions, i)->ask_at = 0;
	writer_mend(w);
	assert_int_equal(brokers.asked, 3);
	assert_int_equal(brokers.count, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(reads_the_message_before_once_more, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(goes_on_where_all_before_is_deleted, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(counts_what_was_deleted_unread, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		ends_a_search_whose_place_is_deleted, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		commits_again_what_was_not_when_it_was_given_away, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		commits_nothing_that_may_be_behind_the_group, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		waits_once_for_brokers_that_do_not_answer, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("writer_places", tests, NULL, NULL);
}
