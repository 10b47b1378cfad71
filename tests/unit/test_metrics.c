#include "base/metrics.h"

#include "unit.h"

#include <inttypes.h>
#include <stdio.h>

/* What metrics_write() says; the same buffer each time. */
static const char *
written(struct metrics *m)
{
	static struct buf text;

	buf_clear(&text, SIZE_MAX);
	metrics_write(m, &text);
	buf_putc(&text, '\0');
	assert_false(text.failed);
	return text.data;
}

static void
assert_has(struct metrics *m, const char *line)
{
	if (strstr(written(m), line) == NULL)
		fail_msg("\"%s\" is not in:\n%s", line, written(m));
}

static void
writes_every_single_figure(void **state)
{
	static struct metrics m;
	char line[128];
	uint64_t n = UINT64_MAX;

	(void)state;
#define CHECK(member, type, name, help)                                                            \
	metrics_add(&m.member, n);                                                                 \
	assert_has(&m, "# HELP pbu_log_" name " " help "\n# TYPE pbu_log_" name " " type "\n");    \
	snprintf(line, sizeof(line), "\npbu_log_%s %" PRIu64 "\n", name, n--);                     \
	assert_has(&m, line);
	METRICS_SINGLE(CHECK)
	metrics_subtract(&m.connections, m.connections - 3);
	assert_has(&m, "\npbu_log_connections 3\n");
}

static void
counts_by_level_and_status(void **state)
{
	static struct metrics m;

	(void)state;
	metrics_add(&m.records[LEVEL_ERROR], 3);
	assert_has(&m, "\npbu_log_records_total{level=\"DEBUG\"} 0\n");
	assert_has(&m, "\npbu_log_records_total{level=\"ERROR\"} 3\n");
	metrics_count_status(&m, 200);
	metrics_count_status(&m, 200);
	metrics_count_status(&m, 401);
	metrics_count_status(&m, 999);
	assert_has(&m, "\npbu_log_requests_total{status=\"200\"} 2\n");
	assert_has(&m, "\npbu_log_requests_total{status=\"401\"} 1\n");
	assert_has(&m, "\npbu_log_requests_total{status=\"404\"} 0\n");
	assert_has(&m, "\npbu_log_requests_total{status=\"500\"} 1\n");
}

static void
buckets_add_up(void **state)
{
	static struct metrics m;

	(void)state;
	metrics_observe_commit(&m, 50000); /* just within the first */
	metrics_observe_commit(&m, 50001);
	metrics_observe_commit(&m, 1000000000);
	metrics_observe_commit(&m, 2000000000);
	assert_has(&m, "\npbu_log_commit_latency_seconds_bucket{le=\"5e-05\"} 1\n");
	assert_has(&m, "\npbu_log_commit_latency_seconds_bucket{le=\"0.0001\"} 2\n");
	assert_has(&m, "\npbu_log_commit_latency_seconds_bucket{le=\"0.25\"} 2\n");
	assert_has(&m, "\npbu_log_commit_latency_seconds_bucket{le=\"1\"} 3\n");
	assert_has(&m, "\npbu_log_commit_latency_seconds_bucket{le=\"+Inf\"} 4\n");
	assert_has(&m, "\npbu_log_commit_latency_seconds_sum 3.0001\n");
	assert_has(&m, "\npbu_log_commit_latency_seconds_count 4\n");
	metrics_observe_group(&m, 1);
	metrics_observe_group(&m, 257);
	assert_has(&m, "\npbu_log_group_size_requests_bucket{le=\"1\"} 1\n");
	assert_has(&m, "\npbu_log_group_size_requests_bucket{le=\"256\"} 1\n");
	assert_has(&m, "\npbu_log_group_size_requests_sum 258\n");
	assert_has(&m, "\npbu_log_group_size_requests_count 2\n");
}

static void
knows_statuses(void **state)
{
	(void)state;
	assert_string_equal(status_reason(STATUS_200), "OK");
	assert_string_equal(status_reason(413), "Content Too Large");
	assert_string_equal(status_reason(299), "Internal Server Error");
	assert_int_equal(status_index(299), status_index(500));
	for (int i = 0; i < STATUS_COUNT; i++)
		assert_int_equal(status_index((int)status_at(i)), i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_every_single_figure),
	    cmocka_unit_test(counts_by_level_and_status),
	    cmocka_unit_test(buckets_add_up),
	    cmocka_unit_test(knows_statuses),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
