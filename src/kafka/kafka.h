/*
 * A client of a Kafka cluster: librdkafka, in our own words, for whoever produces (publish.h) and
 * consumes.
 *
 * The programs don't link librdkafka: it is loaded when the first client is opened, so that one who
 * doesn't use Kafka has none of it in the process. kafka.c alone knows its header.
 *
 * librdkafka has threads of its own; what it has to tell lies in a queue until somebody polls, and
 * the functions of struct kafka_events are called by whoever polls: several at once, where several
 * threads do.
 */
#ifndef PBU_KAFKA_H
#define PBU_KAFKA_H

#include "kafka/kafka_properties.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* librdkafka's numbers (rd_kafka_resp_err_t; below 0 its own, above the brokers'). Others may come:
 * kafka_error_text() has words for each. */
enum kafka_error {
	KAFKA_GOOD = 0,
	KAFKA_OFFSET_OUT_OF_RANGE = 1,
	KAFKA_CORRUPT = 2, /* the checksum of a message is wrong */
	KAFKA_UNKNOWN_TOPIC = 3,
	KAFKA_TOO_LARGE = 10, /* a message, or the set that it was sent in */
	KAFKA_NOT_ENOUGH_REPLICAS = 19,
	KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20,
	KAFKA_TOPIC_FORBIDDEN = 29,
	KAFKA_BAD_MESSAGE = -199,
	KAFKA_DESTROYED = -197,
	KAFKA_TRANSPORT = -195,
	KAFKA_MESSAGE_TIMED_OUT = -192,
	KAFKA_PARTITION_EOF = -191,
	KAFKA_NO_PARTITION = -190, /* the cluster doesn't have it */
	KAFKA_NO_TOPIC = -188,	   /* nor the topic */
	KAFKA_ALL_BROKERS_DOWN = -187,
	KAFKA_TIMED_OUT = -185,
	KAFKA_QUEUE_FULL = -184,
	KAFKA_NO_OFFSET = -168,
	KAFKA_AUTHENTICATION = -169,
	KAFKA_OFFSET_RESET =
	    -140, /* that of a partition is not in it (any more): none was fetched */
	KAFKA_MAX_POLL_EXCEEDED = -147,
	KAFKA_FATAL = -150, /* the client is of no use any more */
};

/* A place of a partition. */
struct kafka_place {
	int32_t partition;
	int64_t offset; /* of the next message */
};

struct kafka; /* a client */

/* A record is acknowledged, or is not. */
struct kafka_report {
	void *owner; /* kafka_produce()'s */
	size_t len;
	int error;
};

/* What a client tells whoever polls; each may be NULL. */
struct kafka_events {
	void *context;

	/* What became of records of kafka_produce()'s. */
	void (*delivered)(void *context, const struct kafka_report *reports, size_t count);

	/* Something is wrong with the whole client. librdkafka goes on by itself, unless it is
	 * KAFKA_FATAL. */
	void (*failed)(void *context, int error);

	/* librdkafka's statistics, JSON, as often as the property statistics.interval.ms says. */
	void (*statistics)(void *context, const char *json, size_t len);

	/* An answer to kafka_ask_topic(): one of the topic's settings, or an error. */
	void (*described)(void *context, int error, const char *name, const char *value);

	/* A consumer is given these partitions, or is to give these up (`assigned` false), and does
	 * so by kafka_assign() before it returns. `lost`: they are another's already. */
	void (*rebalanced)(void *context, bool assigned, bool lost,
	    const struct kafka_place *places, size_t count);

	/* Offsets are committed, or are not (error): of each kafka_commit(). */
	void (*committed)(void *context, int error);
};

/*
 * Loads librdkafka, and sets it up by the program's properties: those that the file may change, the
 * file's, and the program's own. (Of a table, the last has a NULL name; each may be NULL.) The
 * client does nothing yet. What librdkafka logs goes to stderr (diag.h). NULL: appends to
 * `mistakes` all that is wrong, a line each, and no value of a property. `events` is copied; NULL:
 * none.
 */
struct kafka *kafka_new(const struct kafka_property *defaults, const struct kafka_properties *file,
    const struct kafka_property *own, const struct kafka_events *events, struct buf *mistakes);

/* What a property is set to that is a number, before it is started; -1: none. */
int64_t kafka_number(const struct kafka *k, const char *name);

/* Starts it: librdkafka has threads from here on, with all signals blocked, and connects. False,
 * with the reason. After confine(), so that it holds for them. */
bool kafka_start_producer(struct kafka *k, char *error, size_t size);
bool kafka_start_consumer(struct kafka *k, char *error, size_t size);

/* Ends the threads, and frees. Messages that are not acknowledged are given up, and reported to
 * nobody. */
void kafka_free(struct kafka *k);

/* What an error is, in librdkafka's words: a constant text. */
const char *kafka_error_text(const struct kafka *k, int error);

/* --- what both do --- */

typedef void kafka_wake(void *context);

/* Has wake() called, by a thread of librdkafka's, whenever there is something to poll for and was
 * nothing before: what is there already is called for by nobody. NULL: nobody is called any more.
 */
void kafka_wake_by(struct kafka *k, kafka_wake *wake, void *context);

/* Calls the functions of kafka_events for what there is, and waits for that up to so many
 * milliseconds. True: there may be more, and nobody was called for it. Any thread; but for a
 * consumer it is kafka_consume()'s to do. */
bool kafka_poll(struct kafka *k, int timeout_ms);

/* --- producing --- */

struct kafka_header {
	const char *name;
	const void *value;
	size_t len;
};

struct kafka_record {
	const char *value; /* stays where it is until it is delivered */
	size_t len;
	const char *key; /* copied, as are the headers */
	size_t key_len;
	const struct kafka_header *headers;
	size_t header_count;
	int64_t timestamp; /* milliseconds since the epoch */
	void *owner;	   /* for delivered() */
};

/* Names the topic of all that is produced; once. False, with the reason. */
bool kafka_open_topic(struct kafka *k, const char *name, char *error, size_t size);

/* Asks for the settings of a topic, for described(); waits for nothing. */
void kafka_ask_topic(struct kafka *k, const char *name, int timeout_ms);

/* Hands a record over, to be sent soon to the partition that its key belongs to. KAFKA_GOOD: it
 * will be delivered(), whatever becomes of it. Any thread. */
int kafka_produce(struct kafka *k, const struct kafka_record *record);

/* Gives up what is not acknowledged: each is delivered() with an error. Any thread. */
void kafka_purge(struct kafka *k);

/* --- consuming --- */

/* Of librdkafka's memory, until kafka_messages_free(). */
struct kafka_message {
	int error; /* KAFKA_GOOD: a message. Else what follows is not set but partition and
		      offset */
	int32_t partition;
	int64_t offset;
	int64_t timestamp; /* milliseconds since the epoch; -1: none */
	const char *value;
	size_t len;
	const char *key;
	size_t key_len;
	void *handle; /* kafka.c's */
};

/* Joins the group (the property group.id) for one topic. False, with the reason. */
bool kafka_subscribe(struct kafka *k, const char *topic, char *error, size_t size);

/* Messages that are taken at a time at most. */
#define KAFKA_CONSUME_MAX 1024

/* Up to `most` messages, waited for up to so many milliseconds; events are called meanwhile. How
 * many there are: below 0 an error. One thread. */
long kafka_consume(struct kafka *k, struct kafka_message *messages, size_t most, int timeout_ms);
void kafka_messages_free(struct kafka *k, struct kafka_message *messages, size_t count);

/* The last header of that name. False: there is none. */
bool kafka_message_header(struct kafka *k, const struct kafka_message *message, const char *name,
    const void **value, size_t *len);

/* What rebalanced() answers: from where to read each partition, of which there may be none. NULL:
 * all are given up. */
int kafka_assign(
    struct kafka *k, const char *topic, const struct kafka_place *places, size_t count);

/* Commits offsets; KAFKA_GOOD or an error. KAFKA_TIMED_OUT: there was no answer within wait_ms, and
 * they may be committed all the same. With 0 it is only begun, and committed() tells how it went.
 */
int kafka_commit(struct kafka *k, const char *topic, const struct kafka_place *places, size_t count,
    int wait_ms);

/* Fills the offsets that the group has committed; KAFKA_NO_OFFSET_YET where there is none. */
#define KAFKA_NO_OFFSET_YET (-1001)
int kafka_committed(
    struct kafka *k, const char *topic, struct kafka_place *places, size_t count, int timeout_ms);

/* Has kafka_consume() give no messages of these partitions, or give them again. */
int kafka_pause(
    struct kafka *k, const char *topic, const struct kafka_place *places, size_t count, bool pause);

/* What a partition holds: from the first message up to, not including, the end. */
struct kafka_bounds {
	int64_t first, end;
};

/* Asks the broker for it; with a time-out of 0 what is known of it from the last fetch (below 0:
 * nothing). KAFKA_GOOD or an error. */
int kafka_bounds(struct kafka *k, const char *topic, int32_t partition, struct kafka_bounds *bounds,
    int timeout_ms);

/* The cluster's id, as text of size bytes. False: it is not known within the time. */
bool kafka_cluster(struct kafka *k, char *id, size_t size, int timeout_ms);

/* Leaves the group (but for a static member), and closes. False: it can't within the time, as
 * brokers are away; then the client stays as it is until the process ends, and kafka_free() is the
 * only call that may follow. */
bool kafka_leave(struct kafka *k, int wait_ms);

#endif
