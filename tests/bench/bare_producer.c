/*
 * What librdkafka can do alone, for bench_kafka.py: produces the lines of a file, again and again,
 * with the properties and headers that the server has, and prints how many a second were
 * acknowledged, and the microseconds of this process's time that each took.
 *
 *     bare_producer BROKERS TOPIC FILE RECORDS
 *
 * Each line is a key, a tab, and a value. One thread hands them over, and takes the reports when
 * librdkafka's queue is full; the keys' partitions are librdkafka's to find.
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct line {
	char *key, *value;
	size_t key_len, value_len;
};

static struct line *lines;
static size_t line_count;
static long long acknowledged, failed;

static void
die(const char *what)
{
	fprintf(stderr, "bare_producer: %s\n", what);
	exit(1);
}

static void
read_lines(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;
	ssize_t n;

	if (f == NULL)
		die("can't read the file");
	while ((n = getline(&text, &room, f)) > 0) {
		char *tab = memchr(text, '\t', (size_t)n);

		if (tab == NULL || text[n - 1] != '\n')
			die("a line is no key and value");
		lines = realloc(lines, (line_count + 1) * sizeof(*lines));
		if (lines == NULL)
			die("no memory");
		lines[line_count++] = (struct line){
		    text, tab + 1, (size_t)(tab - text), (size_t)(text + n - 1 - (tab + 1))};
		text = NULL;
		room = 0;
	}
	free(text);
	fclose(f);
	if (line_count == 0)
		die("the file is empty");
}

static void
delivered(rd_kafka_t *k, const rd_kafka_message_t *m, void *opaque)
{
	(void)k;
	(void)opaque;
	if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		acknowledged++;
	else
		failed++;
}

static rd_kafka_t *
open_producer(const char *brokers)
{
	static const char *const properties[][2] = {
	    {"acks", "all"},
	    {"enable.idempotence", "true"},
	    {"linger.ms", "2"},
	    {"compression.codec", "lz4"},
	    {"partitioner", "murmur2_random"},
	    {"socket.nagle.disable", "true"},
	    {"queue.buffering.max.messages", "200000"},
	};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char error[512];
	rd_kafka_t *k;

	if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, error, sizeof(error)) !=
	    RD_KAFKA_CONF_OK)
		die(error);
	for (size_t i = 0; i < sizeof(properties) / sizeof(*properties); i++) {
		if (rd_kafka_conf_set(conf, properties[i][0], properties[i][1], error,
			sizeof(error)) != RD_KAFKA_CONF_OK)
			die(error);
	}
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	k = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (k == NULL)
		die(error);
	return k;
}

static void
produce(rd_kafka_t *k, rd_kafka_topic_t *topic, long long number)
{
	const struct line *line = &lines[(size_t)number % line_count];
	char batch[64];
	int n = snprintf(batch, sizeof(batch), "bare-%lld:%lld", number / 100, number % 100);
	rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
	rd_kafka_resp_err_t error;

	rd_kafka_header_add(headers, "level", -1, "INFO", 4);
	rd_kafka_header_add(headers, "batch", -1, batch, n);
	for (;;) {
		error = rd_kafka_producev(k, RD_KAFKA_V_RKT(topic),
		    RD_KAFKA_V_KEY(line->key, line->key_len),
		    RD_KAFKA_V_VALUE(line->value, line->value_len), RD_KAFKA_V_HEADERS(headers),
		    RD_KAFKA_V_END);
		if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
			return;
		if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			die(rd_kafka_err2str(error));
		rd_kafka_poll(k, 100);
	}
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
used(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

int
main(int argc, char **argv)
{
	rd_kafka_t *k;
	rd_kafka_topic_t *topic;
	long long count;
	double began, cpu;

	if (argc != 5)
		die("four arguments: BROKERS TOPIC FILE RECORDS");
	read_lines(argv[3]);
	count = strtoll(argv[4], NULL, 10);
	k = open_producer(argv[1]);
	topic = rd_kafka_topic_new(k, argv[2], NULL);
	/* The first has to wait for the idempotent producer's id: that is no part of a rate. */
	produce(k, topic, 0);
	if (rd_kafka_flush(k, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR)
		die("the brokers don't answer");
	acknowledged = 0;
	began = now();
	cpu = used();
	for (long long i = 0; i < count; i++) {
		produce(k, topic, i);
		if (i % 1000 == 0)
			rd_kafka_poll(k, 0);
	}
	if (rd_kafka_flush(k, 120000) != RD_KAFKA_RESP_ERR_NO_ERROR || failed > 0)
		die("records were not acknowledged");
	printf("%.0f %.3f\n", (double)acknowledged / (now() - began),
	    (used() - cpu) / (double)acknowledged * 1e6);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(k);
	return 0;
}
