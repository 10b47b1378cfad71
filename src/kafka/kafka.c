#include "kafka/kafka.h"

#include "base/clock.h"
#include "base/diag.h"
#include "kafka/kafka_secrets.h"

#include <dlfcn.h>
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define LIBRARY "librdkafka.so.1"

/* Taken at a time: whoever polls has other things to do, too. One holds the reports of many
 * messages.
 */
#define EVENTS_MAX 32

/* While a consumer closes: how long before it is looked whether it has. */
#define LEAVE_POLL_MS 50

/* Reports that are handed on together. */
#define REPORTS_MAX 256

/* Every function that is called. To use another is a line here. */
#define FUNCTIONS(X)                                                                               \
	X(AdminOptions_destroy)                                                                    \
	X(AdminOptions_new)                                                                        \
	X(AdminOptions_set_request_timeout)                                                        \
	X(assign)                                                                                  \
	X(assignment_lost)                                                                         \
	X(clusterid)                                                                               \
	X(commit)                                                                                  \
	X(commit_queue)                                                                            \
	X(committed)                                                                               \
	X(conf_destroy)                                                                            \
	X(conf_get)                                                                                \
	X(conf_new)                                                                                \
	X(conf_set)                                                                                \
	X(conf_set_error_cb)                                                                       \
	X(conf_set_events)                                                                         \
	X(conf_set_offset_commit_cb)                                                               \
	X(conf_set_opaque)                                                                         \
	X(conf_set_rebalance_cb)                                                                   \
	X(conf_set_stats_cb)                                                                       \
	X(ConfigEntry_name)                                                                        \
	X(ConfigEntry_value)                                                                       \
	X(ConfigResource_configs)                                                                  \
	X(ConfigResource_destroy)                                                                  \
	X(ConfigResource_error)                                                                    \
	X(ConfigResource_new)                                                                      \
	X(consume_batch_queue)                                                                     \
	X(consumer_close_queue)                                                                    \
	X(consumer_closed)                                                                         \
	X(DescribeConfigs)                                                                         \
	X(DescribeConfigs_result_resources)                                                        \
	X(destroy)                                                                                 \
	X(err2str)                                                                                 \
	X(error_code)                                                                              \
	X(error_destroy)                                                                           \
	X(event_DescribeConfigs_result)                                                            \
	X(event_destroy)                                                                           \
	X(event_error)                                                                             \
	X(event_error_is_fatal)                                                                    \
	X(event_log)                                                                               \
	X(event_message_array)                                                                     \
	X(event_message_count)                                                                     \
	X(event_stats)                                                                             \
	X(event_topic_partition_list)                                                              \
	X(event_type)                                                                              \
	X(get_watermark_offsets)                                                                   \
	X(header_add)                                                                              \
	X(header_get_last)                                                                         \
	X(headers_destroy)                                                                         \
	X(headers_new)                                                                             \
	X(last_error)                                                                              \
	X(mem_free)                                                                                \
	X(message_destroy)                                                                         \
	X(message_headers)                                                                         \
	X(message_timestamp)                                                                       \
	X(new)                                                                                     \
	X(pause_partitions)                                                                        \
	X(poll_set_consumer)                                                                       \
	X(produceva)                                                                               \
	X(purge)                                                                                   \
	X(query_watermark_offsets)                                                                 \
	X(queue_cb_event_enable)                                                                   \
	X(queue_destroy)                                                                           \
	X(queue_get_consumer)                                                                      \
	X(queue_get_main)                                                                          \
	X(queue_new)                                                                               \
	X(queue_poll)                                                                              \
	X(resume_partitions)                                                                       \
	X(set_log_queue)                                                                           \
	X(subscribe)                                                                               \
	X(topic_destroy)                                                                           \
	X(topic_new)                                                                               \
	X(topic_partition_list_add)                                                                \
	X(topic_partition_list_destroy)                                                            \
	X(topic_partition_list_new)                                                                \
	X(version)

struct library {
#define MEMBER(name) __typeof__(rd_kafka_##name) *(name);
	FUNCTIONS(MEMBER)
#undef MEMBER
};

struct kafka {
	struct library lib;
	rd_kafka_conf_t *conf; /* until it is started */
	rd_kafka_t *client;
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *queue;     /* where it says what there is */
	rd_kafka_queue_t *log_queue; /* a consumer's log */
	struct kafka_events events;
	struct kafka_secrets secrets;
	kafka_wake *wake;
	void *wake_context;
	struct diag_limit errors, warnings, notices;
};

/* The headers name them by the same numbers. */
#define SAME(own, theirs)                                                                          \
	_Static_assert((int)(own) == (int)RD_KAFKA_RESP_ERR_##theirs, "librdkafka's number")
SAME(KAFKA_GOOD, NO_ERROR);
SAME(KAFKA_OFFSET_RESET, _AUTO_OFFSET_RESET);
SAME(KAFKA_OFFSET_OUT_OF_RANGE, OFFSET_OUT_OF_RANGE);
SAME(KAFKA_CORRUPT, INVALID_MSG);
SAME(KAFKA_UNKNOWN_TOPIC, UNKNOWN_TOPIC_OR_PART);
SAME(KAFKA_TOO_LARGE, MSG_SIZE_TOO_LARGE);
SAME(KAFKA_NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS);
SAME(KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND, NOT_ENOUGH_REPLICAS_AFTER_APPEND);
SAME(KAFKA_TOPIC_FORBIDDEN, TOPIC_AUTHORIZATION_FAILED);
SAME(KAFKA_BAD_MESSAGE, _BAD_MSG);
SAME(KAFKA_DESTROYED, _DESTROY);
SAME(KAFKA_TRANSPORT, _TRANSPORT);
SAME(KAFKA_MESSAGE_TIMED_OUT, _MSG_TIMED_OUT);
SAME(KAFKA_PARTITION_EOF, _PARTITION_EOF);
SAME(KAFKA_NO_PARTITION, _UNKNOWN_PARTITION);
SAME(KAFKA_NO_TOPIC, _UNKNOWN_TOPIC);
SAME(KAFKA_ALL_BROKERS_DOWN, _ALL_BROKERS_DOWN);
SAME(KAFKA_TIMED_OUT, _TIMED_OUT);
SAME(KAFKA_QUEUE_FULL, _QUEUE_FULL);
SAME(KAFKA_NO_OFFSET, _NO_OFFSET);
SAME(KAFKA_AUTHENTICATION, _AUTHENTICATION);
SAME(KAFKA_MAX_POLL_EXCEEDED, _MAX_POLL_EXCEEDED);
SAME(KAFKA_FATAL, _FATAL);
_Static_assert(KAFKA_NO_OFFSET_YET == RD_KAFKA_OFFSET_INVALID, "librdkafka's number");

/* --- the library --- */

static bool
find(void *handle, const char *name, void *function, struct buf *mistakes)
{
	void *found = dlsym(handle, name);

	if (found == NULL)
		buf_printf(mistakes, "KAFKA_BROKERS: %s has no %s\n", LIBRARY, name);
	memcpy(function, &found, sizeof(found));
	return found != NULL;
}

/* It stays in the process: what it has loaded itself does not all like to go. */
static bool
load(struct library *lib, struct buf *mistakes)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	bool good = handle != NULL;

	if (handle == NULL) {
		/* Before there are threads. */
		const char *why = dlerror(); // NOLINT(concurrency-mt-unsafe)

		buf_printf(mistakes, "KAFKA_BROKERS: librdkafka is needed: %s\n", why);
		return false;
	}
#define FIND(name) good = find(handle, "rd_kafka_" #name, (void *)&lib->name, mistakes) && good;
	FUNCTIONS(FIND)
#undef FIND
	dlclose(handle);
	return good;
}

/* --- a client --- */

/* What librdkafka says of a property holds its value: not its words, but ours. */
static bool
set(struct kafka *k, const char *name, const char *value, struct buf *mistakes)
{
	char ignored[512];

	switch (k->lib.conf_set(k->conf, name, value, ignored, sizeof(ignored))) {
	case RD_KAFKA_CONF_OK: return true;
	case RD_KAFKA_CONF_UNKNOWN:
		buf_printf(mistakes,
		    "%s is no property of librdkafka's, or this one was built without\n", name);
		return false;
	default:
		buf_printf(mistakes, "%s can't have the value that it is given\n", name);
		return false;
	}
}

static void
set_table(struct kafka *k, const struct kafka_property *table, struct buf *mistakes)
{
	for (; table != NULL && table->name != NULL; table++) {
		struct buf why = BUF_INIT;

		if (!set(k, table->name, table->value, &why))
			buf_printf(mistakes, "KAFKA_BROKERS: %.*s", (int)why.len, why.data);
		buf_free(&why);
	}
}

static void
set_file(struct kafka *k, const struct kafka_properties *file, struct buf *mistakes)
{
	for (size_t i = 0; file != NULL && i < file->count; i++) {
		struct buf why = BUF_INIT;

		if (!set(k, file->property[i].name, file->property[i].value, &why))
			buf_printf(mistakes, "KAFKA_CONFIG: line %u of %s: %.*s", file->line[i],
			    file->path, (int)why.len, why.data);
		buf_free(&why);
	}
}

struct kafka *
kafka_new(const struct kafka_property *defaults, const struct kafka_properties *file,
    const struct kafka_property *own, const struct kafka_events *events, struct buf *mistakes)
{
	/* Its log comes by a queue: what it calls for a line has no way to find the client. */
	static const struct kafka_property always[] = {{"log.queue", "true"}, {NULL, NULL}};
	/* Not set, it starts `kinit` by a shell. (One built without Kerberos has no such property.)
	 */
	static const struct kafka_property no_kinit = {
	    "sasl.kerberos.min.time.before.relogin", "0"};
	struct kafka *k = calloc(1, sizeof(*k));
	size_t before = mistakes->len;

	if (k == NULL) {
		buf_printf(mistakes, "KAFKA_BROKERS: %s\n", diag_reason(ENOMEM));
		return NULL;
	}
	if (events != NULL)
		k->events = *events;
	if (!kafka_secrets_take(&k->secrets, file))
		buf_printf(mistakes, "KAFKA_CONFIG: %s\n", diag_reason(ENOMEM));
	if (mistakes->len != before || !load(&k->lib, mistakes)) {
		kafka_secrets_free(&k->secrets);
		free(k);
		return NULL;
	}
	k->conf = k->lib.conf_new();
	k->lib.conf_set_opaque(k->conf, k);
	set_table(k, defaults, mistakes);
	set_file(k, file, mistakes);
	set_table(k, own, mistakes);
	set_table(k, always, mistakes);
	k->lib.conf_set(k->conf, no_kinit.name, no_kinit.value, NULL, 0);
	if (mistakes->len != before || mistakes->failed) {
		kafka_free(k);
		return NULL;
	}
	return k;
}

/* librdkafka blocks all signals in its threads by itself. */
static bool
start(struct kafka *k, rd_kafka_type_t type, char *error, size_t size)
{
	char why[512] = "";

	k->client = k->lib.new(type, k->conf, why, sizeof(why));
	if (k->client == NULL) {
		if (kafka_secrets_in(&k->secrets, why))
			snprintf(
			    why, sizeof(why), "what it says has a secret of KAFKA_CONFIG in it");
		snprintf(error, size, "KAFKA_BROKERS: librdkafka can't be started: %s", why);
		return false;
	}
	k->conf = NULL; /* the client's now */
	return true;
}

int64_t
kafka_number(const struct kafka *k, const char *name)
{
	char text[32];
	size_t size = sizeof(text);

	return k->lib.conf_get(k->conf, name, text, &size) == RD_KAFKA_CONF_OK
		   ? strtoll(text, NULL, 10)
		   : -1;
}

bool
kafka_start_producer(struct kafka *k, char *error, size_t size)
{
	k->lib.conf_set_events(k->conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR |
					    RD_KAFKA_EVENT_STATS | RD_KAFKA_EVENT_LOG |
					    RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT);
	if (!start(k, RD_KAFKA_PRODUCER, error, size))
		return false;
	k->queue = k->lib.queue_get_main(k->client);
	k->lib.set_log_queue(k->client, k->queue);
	return true;
}

void
kafka_free(struct kafka *k)
{
	if (k == NULL)
		return;
	if (k->topic != NULL)
		k->lib.topic_destroy(k->topic);
	if (k->queue != NULL)
		k->lib.queue_destroy(k->queue);
	if (k->log_queue != NULL)
		k->lib.queue_destroy(k->log_queue);
	if (k->client != NULL)
		k->lib.destroy(k->client);
	if (k->conf != NULL)
		k->lib.conf_destroy(k->conf);
	kafka_secrets_free(&k->secrets);
	free(k);
}

const char *
kafka_error_text(const struct kafka *k, int error)
{
	return k->lib.err2str((rd_kafka_resp_err_t)error);
}

/* --- events --- */

static void
wake(rd_kafka_t *client, void *opaque)
{
	const struct kafka *k = opaque;

	(void)client;
	k->wake(k->wake_context);
}

void
kafka_wake_by(struct kafka *k, kafka_wake *call, void *context)
{
	/* Under the queue's lock: once it has returned nobody is called as before. */
	k->lib.queue_cb_event_enable(k->queue, NULL, NULL);
	k->wake = call;
	k->wake_context = context;
	if (call != NULL)
		k->lib.queue_cb_event_enable(k->queue, wake, k);
}

/* A line of librdkafka's log. */
static void
log_line(struct kafka *k, rd_kafka_event_t *event)
{
	const char *facility, *text;
	int level;

	if (k->lib.event_log(event, &facility, &text, &level) != 0)
		return;
	if (kafka_secrets_in(&k->secrets, text))
		text = "(what it says has a secret of KAFKA_CONFIG in it)";
	if (level <= LOG_ERR)
		diag_error_limited(&k->errors, "librdkafka: %s: %s", facility, text);
	else if (level == LOG_WARNING)
		diag_warn_limited(&k->warnings, "librdkafka: %s: %s", facility, text);
	else
		diag(DIAG_INFO, &k->notices, "librdkafka: %s: %s", facility, text);
}

static void
deliver(struct kafka *k, rd_kafka_event_t *event)
{
	const rd_kafka_message_t *messages[REPORTS_MAX];
	struct kafka_report reports[REPORTS_MAX];
	size_t n;

	while ((n = k->lib.event_message_array(event, messages, REPORTS_MAX)) > 0) {
		for (size_t i = 0; i < n; i++)
			reports[i] = (struct kafka_report){
			    messages[i]->_private, messages[i]->len, (int)messages[i]->err};
		k->events.delivered(k->events.context, reports, n);
	}
}

/* What was asked by kafka_ask_topic(): of one topic. */
static void
describe(struct kafka *k, rd_kafka_event_t *event)
{
	const rd_kafka_DescribeConfigs_result_t *result =
	    k->lib.event_DescribeConfigs_result(event);
	const rd_kafka_ConfigResource_t **topic;
	const rd_kafka_ConfigEntry_t **entry;
	int error = (int)k->lib.event_error(event);
	size_t n = 0;

	topic = k->lib.DescribeConfigs_result_resources(result, &n);
	if (error == KAFKA_GOOD && n > 0)
		error = (int)k->lib.ConfigResource_error(topic[0]);
	if (error != KAFKA_GOOD || n == 0) {
		k->events.described(k->events.context, error, NULL, NULL);
		return;
	}
	entry = k->lib.ConfigResource_configs(topic[0], &n);
	for (size_t i = 0; i < n; i++) {
		const char *value = k->lib.ConfigEntry_value(entry[i]);

		if (value != NULL)
			k->events.described(k->events.context, KAFKA_GOOD,
			    k->lib.ConfigEntry_name(entry[i]), value);
	}
}

static void
take(struct kafka *k, rd_kafka_event_t *event)
{
	const char *json;

	switch (k->lib.event_type(event)) {
	case RD_KAFKA_EVENT_DR:
		if (k->events.delivered != NULL)
			deliver(k, event);
		break;
	case RD_KAFKA_EVENT_ERROR:
		if (k->events.failed != NULL)
			/* It names what was fatal. */
			k->events.failed(k->events.context, k->lib.event_error_is_fatal(event)
								? KAFKA_FATAL
								: (int)k->lib.event_error(event));
		break;
	case RD_KAFKA_EVENT_STATS:
		json = k->lib.event_stats(event);
		if (k->events.statistics != NULL)
			k->events.statistics(k->events.context, json, strlen(json));
		break;
	case RD_KAFKA_EVENT_LOG: log_line(k, event); break;
	case RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT:
		if (k->events.described != NULL)
			describe(k, event);
		break;
	default: break;
	}
}

bool
kafka_poll(struct kafka *k, int timeout_ms)
{
	rd_kafka_event_t *event;

	/* Until there is none: only then librdkafka calls for the next. */
	for (int i = 0; i < EVENTS_MAX; i++, timeout_ms = 0) {
		event = k->lib.queue_poll(k->queue, timeout_ms);
		if (event == NULL)
			return false;
		take(k, event);
		k->lib.event_destroy(event);
	}
	return true;
}

/* --- producing --- */

bool
kafka_open_topic(struct kafka *k, const char *name, char *error, size_t size)
{
	k->topic = k->lib.topic_new(k->client, name, NULL);
	if (k->topic == NULL)
		snprintf(
		    error, size, "KAFKA_TOPIC=%s: %s", name, k->lib.err2str(k->lib.last_error()));
	return k->topic != NULL;
}

void
kafka_ask_topic(struct kafka *k, const char *name, int timeout_ms)
{
	rd_kafka_ConfigResource_t *topic = k->lib.ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
	rd_kafka_AdminOptions_t *options =
	    k->lib.AdminOptions_new(k->client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	char ignored[128];

	k->lib.AdminOptions_set_request_timeout(options, timeout_ms, ignored, sizeof(ignored));
	k->lib.DescribeConfigs(k->client, &topic, 1, options, k->queue);
	k->lib.AdminOptions_destroy(options);
	k->lib.ConfigResource_destroy(topic);
}

static rd_kafka_headers_t *
make_headers(const struct kafka *k, const struct kafka_record *r)
{
	rd_kafka_headers_t *headers = k->lib.headers_new(r->header_count);

	for (size_t i = 0; i < r->header_count; i++) {
		const struct kafka_header *h = &r->headers[i];

		k->lib.header_add(headers, h->name, -1, h->value, (ssize_t)h->len);
	}
	return headers;
}

int
kafka_produce(struct kafka *k, const struct kafka_record *r)
{
	/* As a whole, and not one by one (RD_KAFKA_VTYPE_HEADER): those librdkafka 2.0.2 frees
	 * twice where the message can't be taken, say because the topic is gone. */
	rd_kafka_headers_t *headers = make_headers(k, r);
	rd_kafka_vu_t value[6];
	rd_kafka_error_t *failed;
	int error;

	value[0].vtype = RD_KAFKA_VTYPE_RKT;
	value[0].u.rkt = k->topic;
	/* Neither copied nor freed: it is the caller's until it is delivered. */
	value[1].vtype = RD_KAFKA_VTYPE_VALUE;
	value[1].u.mem.ptr = (void *)(uintptr_t)r->value;
	value[1].u.mem.size = r->len;
	value[2].vtype = RD_KAFKA_VTYPE_KEY;
	value[2].u.mem.ptr = (void *)(uintptr_t)r->key;
	value[2].u.mem.size = r->key_len;
	value[3].vtype = RD_KAFKA_VTYPE_OPAQUE;
	value[3].u.ptr = r->owner;
	value[4].vtype = RD_KAFKA_VTYPE_HEADERS;
	value[4].u.headers = headers;
	value[5].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
	value[5].u.i64 = r->timestamp;
	failed = k->lib.produceva(k->client, value, sizeof(value) / sizeof(value[0]));
	if (failed == NULL)
		return KAFKA_GOOD;
	error = (int)k->lib.error_code(failed);
	k->lib.error_destroy(failed);
	k->lib.headers_destroy(headers); /* they are ours again */
	return error;
}

void
kafka_purge(struct kafka *k)
{
	k->lib.purge(k->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

/* --- consuming --- */

static void
on_error(rd_kafka_t *client, int error, const char *reason, void *opaque)
{
	struct kafka *k = opaque;

	(void)client;
	(void)reason;
	if (k->events.failed != NULL)
		k->events.failed(k->events.context, error);
}

static int
on_statistics(rd_kafka_t *client, char *json, size_t len, void *opaque)
{
	struct kafka *k = opaque;

	(void)client;
	if (k->events.statistics != NULL)
		k->events.statistics(k->events.context, json, len);
	return 0; /* librdkafka frees it */
}

static void
on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *list,
    void *opaque)
{
	struct kafka *k = opaque;
	bool assigned = error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
	struct kafka_place *places = calloc((size_t)list->cnt + 1, sizeof(*places));

	if (places == NULL) {
		k->lib.assign(client, assigned ? list : NULL);
		return;
	}
	for (int i = 0; i < list->cnt; i++)
		places[i] = (struct kafka_place){list->elems[i].partition, list->elems[i].offset};
	if (k->events.rebalanced != NULL)
		k->events.rebalanced(k->events.context, assigned,
		    k->lib.assignment_lost(client) != 0, places, (size_t)list->cnt);
	else
		k->lib.assign(client, assigned ? list : NULL);
	free(places);
}

/* Where some of the partitions have one, the whole has none. */
static int
error_of(rd_kafka_resp_err_t error, const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; error == RD_KAFKA_RESP_ERR_NO_ERROR && list != NULL && i < list->cnt; i++)
		error = list->elems[i].err;
	return (int)error;
}

static void
on_commit(rd_kafka_t *client, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *list,
    void *opaque)
{
	struct kafka *k = opaque;

	(void)client;
	if (k->events.committed != NULL)
		k->events.committed(k->events.context, error_of(error, list));
}

bool
kafka_start_consumer(struct kafka *k, char *error, size_t size)
{
	k->lib.conf_set_error_cb(k->conf, on_error);
	k->lib.conf_set_stats_cb(k->conf, on_statistics);
	k->lib.conf_set_rebalance_cb(k->conf, on_rebalance);
	k->lib.conf_set_offset_commit_cb(k->conf, on_commit);
	/* Its log has a queue of its own, as events: see kafka_new(). */
	k->lib.conf_set_events(k->conf, RD_KAFKA_EVENT_LOG);
	if (!start(k, RD_KAFKA_CONSUMER, error, size))
		return false;
	k->lib.poll_set_consumer(k->client);
	k->queue = k->lib.queue_get_consumer(k->client);
	k->log_queue = k->lib.queue_new(k->client);
	k->lib.set_log_queue(k->client, k->log_queue);
	return true;
}

static rd_kafka_topic_partition_list_t *
list_of(struct kafka *k, const char *topic, const struct kafka_place *places, size_t count)
{
	rd_kafka_topic_partition_list_t *list = k->lib.topic_partition_list_new((int)count);

	for (size_t i = 0; i < count; i++)
		k->lib.topic_partition_list_add(list, topic, places[i].partition)->offset =
		    places[i].offset;
	return list;
}

bool
kafka_subscribe(struct kafka *k, const char *topic, char *error, size_t size)
{
	const struct kafka_place any = {RD_KAFKA_PARTITION_UA, RD_KAFKA_OFFSET_INVALID};
	rd_kafka_topic_partition_list_t *list = list_of(k, topic, &any, 1);
	rd_kafka_resp_err_t failed = k->lib.subscribe(k->client, list);

	k->lib.topic_partition_list_destroy(list);
	if (failed != RD_KAFKA_RESP_ERR_NO_ERROR)
		snprintf(error, size, "KAFKA_TOPIC=%s: %s", topic, k->lib.err2str(failed));
	return failed == RD_KAFKA_RESP_ERR_NO_ERROR;
}

long
kafka_consume(struct kafka *k, struct kafka_message *messages, size_t most, int timeout_ms)
{
	rd_kafka_message_t *got[KAFKA_CONSUME_MAX];
	rd_kafka_event_t *event;
	ssize_t n;

	while ((event = k->lib.queue_poll(k->log_queue, 0)) != NULL) {
		take(k, event);
		k->lib.event_destroy(event);
	}
	n = k->lib.consume_batch_queue(
	    k->queue, timeout_ms, got, most < KAFKA_CONSUME_MAX ? most : KAFKA_CONSUME_MAX);
	for (ssize_t i = 0; i < n; i++)
		messages[i] = (struct kafka_message){.error = (int)got[i]->err,
		    .partition = got[i]->partition,
		    .offset = got[i]->offset,
		    .timestamp = k->lib.message_timestamp(got[i], NULL),
		    .value = got[i]->payload,
		    .len = got[i]->len,
		    .key = got[i]->key,
		    .key_len = got[i]->key_len,
		    .handle = got[i]};
	return n;
}

void
kafka_messages_free(struct kafka *k, struct kafka_message *messages, size_t count)
{
	for (size_t i = 0; i < count; i++)
		k->lib.message_destroy(messages[i].handle);
}

bool
kafka_message_header(struct kafka *k, const struct kafka_message *message, const char *name,
    const void **value, size_t *len)
{
	rd_kafka_headers_t *headers;

	return k->lib.message_headers(message->handle, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
	       k->lib.header_get_last(headers, name, value, len) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

int
kafka_assign(struct kafka *k, const char *topic, const struct kafka_place *places, size_t count)
{
	/* One without partitions is not the same as none: only after that librdkafka takes part in
	 * the next rebalance. */
	rd_kafka_topic_partition_list_t *list =
	    places != NULL ? list_of(k, topic, places, count) : NULL;
	int error = (int)k->lib.assign(k->client, list);

	if (list != NULL)
		k->lib.topic_partition_list_destroy(list);
	return error;
}

int
kafka_commit(
    struct kafka *k, const char *topic, const struct kafka_place *places, size_t count, int wait_ms)
{
	rd_kafka_topic_partition_list_t *list = list_of(k, topic, places, count);
	/* rd_kafka_commit() would wait as long as its broker is away. */
	rd_kafka_queue_t *queue = wait_ms > 0 ? k->lib.queue_new(k->client) : NULL;
	rd_kafka_event_t *event = NULL;
	int error = (int)(queue == NULL ? k->lib.commit(k->client, list, 1)
					: k->lib.commit_queue(k->client, list, queue, NULL, NULL));

	if (queue != NULL && error == KAFKA_GOOD) {
		event = k->lib.queue_poll(queue, wait_ms);
		error = event == NULL ? KAFKA_TIMED_OUT
				      : error_of(k->lib.event_error(event),
					    k->lib.event_topic_partition_list(event));
	}
	if (event != NULL)
		k->lib.event_destroy(event);
	if (queue != NULL)
		k->lib.queue_destroy(queue);
	k->lib.topic_partition_list_destroy(list);
	return error;
}

int
kafka_committed(
    struct kafka *k, const char *topic, struct kafka_place *places, size_t count, int timeout_ms)
{
	rd_kafka_topic_partition_list_t *list = list_of(k, topic, places, count);
	int error = (int)k->lib.committed(k->client, list, timeout_ms);

	for (int i = 0; error == KAFKA_GOOD && i < list->cnt; i++) {
		error = (int)list->elems[i].err;
		places[i].offset = list->elems[i].offset;
	}
	k->lib.topic_partition_list_destroy(list);
	return error;
}

bool
kafka_leave(struct kafka *k, int wait_ms)
{
	/* rd_kafka_consumer_close() waits for brokers that owe the answer to a commit, for ever. */
	rd_kafka_error_t *failed = k->lib.consumer_close_queue(k->client, k->queue);
	int64_t end = clock_monotonic_ns() + wait_ms * (CLOCK_NS_PER_SECOND / 1000);
	bool closed = false;

	if (failed != NULL)
		k->lib.error_destroy(failed);
	while (failed == NULL && !(closed = k->lib.consumer_closed(k->client)) &&
	       clock_monotonic_ns() < end) {
		struct kafka_message unwanted[1];
		long n = kafka_consume(k, unwanted, 1, LEAVE_POLL_MS);

		if (n > 0)
			kafka_messages_free(k, unwanted, (size_t)n);
	}
	/* Its destruction would wait as long. */
	if (!closed)
		k->client = NULL;
	return closed;
}

int
kafka_pause(
    struct kafka *k, const char *topic, const struct kafka_place *places, size_t count, bool pause)
{
	rd_kafka_topic_partition_list_t *list = list_of(k, topic, places, count);
	int error =
	    (int)(pause ? k->lib.pause_partitions : k->lib.resume_partitions)(k->client, list);

	k->lib.topic_partition_list_destroy(list);
	return error;
}

int
kafka_bounds(struct kafka *k, const char *topic, int32_t partition, struct kafka_bounds *bounds,
    int timeout_ms)
{
	if (timeout_ms == 0)
		return (int)k->lib.get_watermark_offsets(
		    k->client, topic, partition, &bounds->first, &bounds->end);
	return (int)k->lib.query_watermark_offsets(
	    k->client, topic, partition, &bounds->first, &bounds->end, timeout_ms);
}

bool
kafka_cluster(struct kafka *k, char *id, size_t size, int timeout_ms)
{
	char *text = k->lib.clusterid(k->client, timeout_ms);
	bool known = text != NULL;

	if (known)
		snprintf(id, size, "%s", text);
	k->lib.mem_free(k->client, text);
	return known;
}
