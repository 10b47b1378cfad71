/*
 * A Kafka cluster for tests: librdkafka's mock brokers, in a process of its own, which can be
 * killed and stopped.
 *
 *     mock_cluster BROKERS TOPIC:PARTITIONS...
 *
 * prints its bootstrap servers; then a command a line comes on stdin, and each is answered by a
 * line that begins with "ok" or says what is wrong. It ends with stdin.
 *
 *     down ID | up ID             a broker, 0: all
 *     slow ID MS                  its round trip
 *     error API N CODE...         of the next N times each CODE (rd_kafka_resp_err_t) is the answer
 *                                 of this API (by its number: 0 Produce, 1 Fetch, 3 Metadata, 22
 *                                 InitProducerId)
 *     clear API                   no more of them
 *     topic NAME PARTITIONS       is made
 *     topic_error NAME CODE       what its metadata says; 0: nothing is wrong
 *     leader NAME PARTITION ID    -1: none
 *     produce NAME PARTITION KEY VALUE [HEADER=VALUE...]    a message; all texts in hex
 *     read NAME PARTITIONS        all messages: "message PARTITION OFFSET KEY VALUE
 *                                 HEADER=VALUE,...", in hex ("-": none), before the "ok"
 *     committed NAME PARTITIONS GROUP    what a group has committed: "message PARTITION OFFSET"
 *
 * A partition keeps 5 MiB, or 100,000 message sets (librdkafka 2.0.2).
 */
#include <ctype.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX  4096
#define ERRORS_MAX 1000

struct cluster {
	rd_kafka_t *owner;
	rd_kafka_mock_cluster_t *mock;
	rd_kafka_t *producer; /* NULL: not needed yet */
	int brokers;
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "mock_cluster: %s: %s\n", what, why);
	exit(1);
}

/* With one, rd_kafka_flush() returns as soon as a message has arrived, and not 10 ms after. */
static void
on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
	(void)producer;
	(void)message;
	(void)opaque;
}

static rd_kafka_t *
client(rd_kafka_type_t type, const char *const settings[][2])
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[512];
	rd_kafka_t *made;

	for (; (*settings)[0] != NULL; settings++) {
		if (rd_kafka_conf_set(conf, (*settings)[0], (*settings)[1], why, sizeof(why)) !=
		    RD_KAFKA_CONF_OK)
			die((*settings)[0], why);
	}
	if (type == RD_KAFKA_PRODUCER)
		rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	made = rd_kafka_new(type, conf, why, sizeof(why));
	if (made == NULL)
		die("a client", why);
	return made;
}

/* --- hex --- */

static void
put_hex(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	if (bytes == NULL)
		putchar('-');
	for (size_t i = 0; bytes != NULL && i < len; i++)
		printf("%02x", p[i]);
}

/* In place; its length. */
static size_t
unhex(char *text)
{
	size_t n = 0;
	unsigned byte;

	for (; isxdigit((unsigned char)text[2 * n]) && sscanf(text + 2 * n, "%2x", &byte) == 1; n++)
		text[n] = (char)byte;
	return n;
}

/* --- messages --- */

static void
put_message(const rd_kafka_message_t *m)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t len;

	printf("message %d %lld ", (int)m->partition, (long long)m->offset);
	put_hex(m->key, m->key_len);
	putchar(' ');
	put_hex(m->payload, m->len);
	putchar(' ');
	if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &len) == 0;
		     i++) {
			put_hex(name, strlen(name));
			putchar('=');
			put_hex(value, len);
			putchar(',');
		}
	}
	putchar('\n');
}

static rd_kafka_resp_err_t
read_topic(struct cluster *c, const char *topic, int partitions)
{
	const char *const settings[][2] = {
	    {"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(c->mock)}, {"group.id", "test"},
	    {"enable.partition.eof", "true"}, {"fetch.wait.max.ms", "10"}, {NULL, NULL}};
	rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, settings);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
	rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
	int open = partitions;

	for (int i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset =
		    RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(consumer, list);
	while (open > 0 && error == RD_KAFKA_RESP_ERR_NO_ERROR) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(consumer, 20000);

		if (m == NULL)
			error = RD_KAFKA_RESP_ERR__TIMED_OUT;
		else if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			open--;
		else if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			put_message(m);
		else
			error = m->err;
		if (m != NULL)
			rd_kafka_message_destroy(m);
	}
	rd_kafka_topic_partition_list_destroy(list);
	/* Its group's coordinator may be a broker that is down. */
	rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return error;
}

static rd_kafka_resp_err_t
read_committed(struct cluster *c, const char *topic, int partitions, const char *group)
{
	const char *const settings[][2] = {
	    {"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(c->mock)}, {"group.id", group},
	    {NULL, NULL}};
	rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, settings);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
	rd_kafka_resp_err_t error;

	rd_kafka_topic_partition_list_add_range(list, topic, 0, partitions - 1);
	error = rd_kafka_committed(consumer, list, 20000);
	for (int i = 0; error == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
		printf("message %d %lld\n", (int)list->elems[i].partition,
		    (long long)list->elems[i].offset);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return error;
}

/* One for all messages: a new one takes a second to find the leader. */
static rd_kafka_t *
producer_of(struct cluster *c)
{
	const char *const settings[][2] = {
	    {"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(c->mock)}, {"linger.ms", "0"},
	    {"reconnect.backoff.max.ms", "100"}, {"log_level", "3"}, {NULL, NULL}};

	if (c->producer == NULL)
		c->producer = client(RD_KAFKA_PRODUCER, settings);
	return c->producer;
}

static rd_kafka_resp_err_t
produce(struct cluster *c, const char *topic, int partition, char *key, char *value,
    char *const headers[], int count)
{
	rd_kafka_t *producer = producer_of(c);
	rd_kafka_headers_t *list = rd_kafka_headers_new((size_t)count);
	rd_kafka_resp_err_t error;
	size_t key_len = unhex(key), len = unhex(value);

	for (int i = 0; i < count; i++) {
		char *equals = strchr(headers[i], '=');
		size_t name_len, value_len;

		if (equals == NULL)
			continue;
		*equals = '\0';
		name_len = unhex(headers[i]);
		value_len = unhex(equals + 1);
		rd_kafka_header_add(
		    list, headers[i], (ssize_t)name_len, equals + 1, (ssize_t)value_len);
	}
	error =
	    rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
		RD_KAFKA_V_KEY(key, key_len), RD_KAFKA_V_VALUE(value, len),
		RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
		error = rd_kafka_flush(producer, 20000);
	else
		rd_kafka_headers_destroy(list);
	return error;
}

static rd_kafka_resp_err_t
make_topic(struct cluster *c, const char *name, int partitions)
{
	rd_kafka_resp_err_t error =
	    rd_kafka_mock_topic_create(c->mock, name, partitions, c->brokers);
	const struct rd_kafka_metadata *found;
	rd_kafka_topic_t *topic;

	if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
		return error;
	/* The producer would look for its leaders once a second only. */
	topic = rd_kafka_topic_new(producer_of(c), name, NULL);
	if (rd_kafka_metadata(c->producer, 0, topic, &found, 1000) == RD_KAFKA_RESP_ERR_NO_ERROR)
		rd_kafka_metadata_destroy(found);
	rd_kafka_topic_destroy(topic);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* --- commands --- */

static rd_kafka_resp_err_t
push_errors(struct cluster *c, int api, int times, char *const codes[], int count)
{
	rd_kafka_resp_err_t errors[ERRORS_MAX];
	size_t n = 0;

	while (times-- > 0) {
		for (int i = 0; i < count && n < ERRORS_MAX; i++)
			errors[n++] = (rd_kafka_resp_err_t)atoi(codes[i]);
	}
	rd_kafka_mock_push_request_errors_array(c->mock, (int16_t)api, n, errors);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
for_brokers(
    struct cluster *c, int id, rd_kafka_resp_err_t (*change)(rd_kafka_mock_cluster_t *, int32_t id))
{
	rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

	for (int i = 1; i <= c->brokers; i++) {
		if ((id == 0 || id == i) && error == RD_KAFKA_RESP_ERR_NO_ERROR)
			error = change(c->mock, i);
	}
	return error;
}

static rd_kafka_resp_err_t
obey(struct cluster *c, char *const word[], int n)
{
	const char *what = word[0];
	rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

#define IS(name, least) (strcmp(what, name) == 0 && n > (least))
	if (IS("down", 1))
		error = for_brokers(c, atoi(word[1]), rd_kafka_mock_broker_set_down);
	else if (IS("up", 1))
		error = for_brokers(c, atoi(word[1]), rd_kafka_mock_broker_set_up);
	else if (IS("slow", 2))
		error = rd_kafka_mock_broker_set_rtt(c->mock, atoi(word[1]), atoi(word[2]));
	else if (IS("error", 3))
		error = push_errors(c, atoi(word[1]), atoi(word[2]), word + 3, n - 3);
	else if (IS("clear", 1))
		rd_kafka_mock_clear_request_errors(c->mock, (int16_t)atoi(word[1]));
	else if (IS("topic", 2))
		error = make_topic(c, word[1], atoi(word[2]));
	else if (IS("topic_error", 2))
		rd_kafka_mock_topic_set_error(c->mock, word[1], (rd_kafka_resp_err_t)atoi(word[2]));
	else if (IS("leader", 3))
		error = rd_kafka_mock_partition_set_leader(
		    c->mock, word[1], atoi(word[2]), atoi(word[3]));
	else if (IS("produce", 4))
		error = produce(c, word[1], atoi(word[2]), word[3], word[4], word + 5, n - 5);
	else if (IS("read", 2))
		error = read_topic(c, word[1], atoi(word[2]));
	else if (IS("committed", 3))
		error = read_committed(c, word[1], atoi(word[2]), word[3]);
	else
		error = RD_KAFKA_RESP_ERR__INVALID_ARG;
#undef IS
	return error;
}

static void
obey_all(struct cluster *c)
{
	char *line = NULL, *rest, *word[WORDS_MAX];
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		rd_kafka_resp_err_t error;
		int n = 0;

		for (char *w = strtok_r(line, " \n", &rest); w != NULL && n < WORDS_MAX;
		     w = strtok_r(NULL, " \n", &rest))
			word[n++] = w;
		if (n == 0)
			continue;
		error = obey(c, word, n);
		if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
			puts("ok");
		else
			printf("%s\n", rd_kafka_err2str(error));
		fflush(stdout);
	}
	free(line);
}

int
main(int argc, char **argv)
{
	static const char *const settings[][2] = {{"log_level", "3"}, {NULL, NULL}};
	struct cluster c = {0};

	if (argc < 2)
		die("usage", "mock_cluster BROKERS TOPIC:PARTITIONS...");
	c.brokers = atoi(argv[1]);
	c.owner = client(RD_KAFKA_PRODUCER, settings);
	c.mock = rd_kafka_mock_cluster_new(c.owner, c.brokers);
	if (c.mock == NULL)
		die("a cluster", "it can't be made");
	for (int i = 2; i < argc; i++) {
		char *colon = strchr(argv[i], ':');

		if (colon == NULL)
			die(argv[i], "TOPIC:PARTITIONS");
		*colon = '\0';
		if (rd_kafka_mock_topic_create(c.mock, argv[i], atoi(colon + 1), c.brokers) !=
		    RD_KAFKA_RESP_ERR_NO_ERROR)
			die(argv[i], "it can't be made");
	}
	puts(rd_kafka_mock_cluster_bootstraps(c.mock));
	fflush(stdout);
	obey_all(&c);
	if (c.producer != NULL)
		rd_kafka_destroy(c.producer);
	rd_kafka_mock_cluster_destroy(c.mock);
	rd_kafka_destroy(c.owner);
	return 0;
}
