/* The real librdkafka, with brokers of its own (test.mock.num.brokers). */
#include "kafka/kafka.h"

#include "captured.h"
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECORDS 1000

struct fixture {
	struct kafka *kafka;
	size_t delivered, failed, bytes;
	bool statistics;
	bool described;
	sem_t woken;
};

static void
on_delivered(void *context, const struct kafka_report *reports, size_t count)
{
	struct fixture *f = context;

	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(reports[i].owner, f);
		f->bytes += reports[i].len;
		f->delivered++;
		f->failed += reports[i].error != KAFKA_GOOD;
	}
}

static void
on_statistics(void *context, const char *json, size_t len)
{
	struct fixture *f = context;

	assert_int_equal(strlen(json), len);
	f->statistics = strstr(json, "\"brokers\"") != NULL;
}

static void
on_described(void *context, int error, const char *name, const char *value)
{
	struct fixture *f = context;

	/* The mock has no such request. */
	assert_true(error != KAFKA_GOOD && name == NULL && value == NULL);
	f->described = true;
}

static void
wake(void *context)
{
	struct fixture *f = context;

	sem_post(&f->woken);
}

static void
open_kafka(struct fixture *f, const char *brokers)
{
	static const struct kafka_property defaults[] = {{"linger.ms", "900000"}, {NULL, NULL}};
	const struct kafka_property own[] = {{"test.mock.num.brokers", brokers}, {"linger.ms", "5"},
	    {"message.timeout.ms", "60000"}, {"enable.idempotence", "true"},
	    {"statistics.interval.ms", "50"}, {NULL, NULL}};
	const struct kafka_events events = {.context = f,
	    .delivered = on_delivered,
	    .statistics = on_statistics,
	    .described = on_described};
	struct buf mistakes = BUF_INIT;
	char error[512] = "";

	memset(f, 0, sizeof(*f));
	sem_init(&f->woken, 0, 0);
	f->kafka = kafka_new(defaults, NULL, own, &events, &mistakes);
	assert_non_null(f->kafka);
	assert_int_equal(kafka_number(f->kafka, "linger.ms"), 5);
	assert_int_equal(kafka_number(f->kafka, "no.such"), -1);
	if (!kafka_start_producer(f->kafka, error, sizeof(error)) ||
	    !kafka_open_topic(f->kafka, "records", error, sizeof(error)))
		fail_msg("%s", error);
	kafka_wake_by(f->kafka, wake, f);
	kafka_poll(f->kafka, 0); /* what came before is called for by nobody */
}

static void
close_kafka(struct fixture *f)
{
	kafka_wake_by(f->kafka, NULL, NULL);
	kafka_free(f->kafka);
	sem_destroy(&f->woken);
}

static int
produce(struct fixture *f, const char *value, size_t len)
{
	const struct kafka_header headers[] = {{"level", "INFO", 4}, {"batch", "a-1:0", 5}};
	const struct kafka_record record = {.value = value,
	    .len = len,
	    .key = "key",
	    .key_len = 3,
	    .headers = headers,
	    .header_count = 2,
	    .timestamp = 1795387123048,
	    .owner = f};

	return kafka_produce(f->kafka, &record);
}

/* What comes is called for, and all that is there is taken at a call. */
static void
is_called_for_what_comes(void **state)
{
	struct fixture f;
	struct timespec end;

	(void)state;
	open_kafka(&f, "3");
	for (int i = 0; i < RECORDS; i++)
		assert_int_equal(produce(&f, "a value", 7), KAFKA_GOOD);
	kafka_ask_topic(f.kafka, "records", 200);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 60;
	while (f.delivered < RECORDS || !f.statistics || !f.described) {
		assert_int_equal(sem_timedwait(&f.woken, &end), 0);
		while (kafka_poll(f.kafka, 0))
			continue;
	}
	assert_int_equal(f.failed, 0);
	assert_int_equal(f.bytes, 7 * RECORDS);
	close_kafka(&f);
}

static void
refuses_what_is_too_large(void **state)
{
	static char large[2 * 1024 * 1024];
	struct fixture f;

	(void)state;
	open_kafka(&f, "1");
	assert_int_equal(produce(&f, large, sizeof(large)), KAFKA_TOO_LARGE);
	assert_int_equal(f.delivered, 0);
	close_kafka(&f);
}

static void
gives_up_what_is_purged(void **state)
{
	struct fixture f;

	(void)state;
	open_kafka(&f, "1");
	assert_int_equal(produce(&f, "a value", 7), KAFKA_GOOD);
	kafka_purge(f.kafka);
	for (int i = 0; f.delivered == 0 && i < 600; i++)
		kafka_poll(f.kafka, 100);
	/* It may have been there before. */
	assert_int_equal(f.delivered, 1);
	close_kafka(&f);
}

static void
names_every_mistake_and_no_value(void **state)
{
	static const struct kafka_property own[] = {{"bootstrap.servers", "a:1"}, {NULL, NULL}};
	static const char text[] = "linger.ms=s3cret\n"
				   "no.such.property=s3cret\n"
				   "sasl.password=s3cret\n"
				   "security.protocol=s3cret\n";
	struct kafka_properties file;
	struct buf mistakes = BUF_INIT;

	(void)state;
	assert_true(kafka_properties_parse(&file, text, strlen(text), "the file", &mistakes));
	assert_null(kafka_new(NULL, &file, own, NULL, &mistakes));
	assert_buf_equal(&mistakes,
	    "KAFKA_CONFIG: line 1 of the file: linger.ms can't have the value that it is given\n"
	    "KAFKA_CONFIG: line 2 of the file: no.such.property is no property of librdkafka's, or "
	    "this one was built without\n"
	    "KAFKA_CONFIG: line 4 of the file: security.protocol can't have the value that it is "
	    "given\n");
	kafka_properties_free(&file);
	buf_free(&mistakes);
}

static void
says_why_it_cannot_start(void **state)
{
	/* Neither is wrong by itself. */
	static const struct kafka_property own[] = {{"bootstrap.servers", "a:1"},
	    {"message.timeout.ms", "10"}, {"linger.ms", "20"}, {NULL, NULL}};
	struct buf mistakes = BUF_INIT;
	struct kafka *k = kafka_new(NULL, NULL, own, NULL, &mistakes);
	char error[512] = "";

	(void)state;
	assert_non_null(k);
	assert_false(kafka_start_producer(k, error, sizeof(error)));
	assert_non_null(strstr(error, "message.timeout.ms"));
	kafka_free(k);
}

/* What a client says that has this file, where nobody listens. */
static void
say(const char *text, struct captured *c)
{
	static const struct kafka_property own[] = {
	    {"bootstrap.servers", "127.0.0.1:1"}, {NULL, NULL}};
	struct kafka_properties file;
	struct buf mistakes = BUF_INIT;
	struct kafka *k;
	char error[512];

	assert_true(kafka_properties_parse(&file, text, strlen(text), "x", &mistakes));
	k = kafka_new(NULL, &file, own, NULL, &mistakes);
	kafka_properties_free(&file);
	assert_non_null(k);
	captured_begin(c, STDERR_FILENO);
	if (kafka_start_producer(k, error, sizeof(error))) {
		for (int i = 0; i < 300 && lseek(STDERR_FILENO, 0, SEEK_END) == 0; i++)
			kafka_poll(k, 100);
	}
	kafka_free(k);
	captured_end(c);
}

static void
logs_through_diag(void **state)
{
	struct captured c;

	(void)state;
	say("", &c);
	assert_non_null(strstr(c.text, "error: librdkafka: FAIL: "));
	assert_non_null(strstr(c.text, "127.0.0.1:1"));
	assert_non_null(strstr(c.text, "refused"));
}

static void
logs_no_secret(void **state)
{
	struct captured c;

	(void)state;
	say("ssl.key.password=refused\n", &c);
	assert_non_null(strstr(c.text, "error: librdkafka: FAIL: (what it says has a secret"));
	assert_null(strstr(c.text, "refused"));
}

/* By brokers that take a connection, and say nothing: librdkafka alone would wait for its session's
 * time-out. */
static void
does_not_wait_for_ever_for_a_commit(void **state)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	char servers[32], error[512] = "";
	const struct kafka_property own[] = {
	    {"bootstrap.servers", servers}, {"group.id", "group"}, {NULL, NULL}};
	const struct kafka_place place = {0, 1};
	struct buf mistakes = BUF_INIT;
	struct timespec begun, now;
	struct kafka *k;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	snprintf(servers, sizeof(servers), "127.0.0.1:%d", ntohs(address.sin_port));
	k = kafka_new(NULL, NULL, own, NULL, &mistakes);
	assert_non_null(k);
	assert_true(kafka_start_consumer(k, error, sizeof(error)));
	clock_gettime(CLOCK_MONOTONIC, &begun);
	assert_int_equal(kafka_commit(k, "records", &place, 1, 100), KAFKA_TIMED_OUT);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true(now.tv_sec - begun.tv_sec < 30);
	close(listener);
	kafka_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_called_for_what_comes),
	    cmocka_unit_test(refuses_what_is_too_large),
	    cmocka_unit_test(gives_up_what_is_purged),
	    cmocka_unit_test(names_every_mistake_and_no_value),
	    cmocka_unit_test(says_why_it_cannot_start),
	    cmocka_unit_test(logs_through_diag),
	    cmocka_unit_test(logs_no_secret),
	    cmocka_unit_test(does_not_wait_for_ever_for_a_commit),
	};

	return cmocka_run_group_tests_name("kafka", tests, NULL, NULL);
}
