/*
 * A part of publish: what is known of the brokers and of the topic, from librdkafka's statistics
 * and errors and from what the brokers say of the topic. Asking waits for nothing. What keeps
 * records from being published is logged, too, and that it is over.
 *
 * Any thread.
 */
#ifndef PBU_PUBLISH_STATE_H
#define PBU_PUBLISH_STATE_H

#include "base/metrics.h"
#include "base/ticket.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How often the statistics come. */
#define PUBLISH_STATISTICS_MS 500

/* What keeps records from being published. */
enum publish_trouble {
	PUBLISH_NEW,	  /* no broker has been reached yet */
	PUBLISH_READY,	  /* nothing */
	PUBLISH_DOWN,	  /* no broker can be reached */
	PUBLISH_NO_TOPIC, /* the brokers don't have it, or no partition of it has a leader */
	PUBLISH_NO_ID,	  /* they have not given the producer its id */
	PUBLISH_SILENT,	  /* they are connected, and acknowledge nothing */
	PUBLISH_FATAL,	  /* librdkafka has given up */
};

struct publish_state {
	const char *topic;
	struct metrics *metrics;
	size_t batch_size;	      /* bytes of what is sent together at most (batch.size) */
	_Atomic int trouble;	      /* enum publish_trouble */
	_Atomic int times;	      /* that it was found in turn */
	_Atomic int said;	      /* what was logged last */
	_Atomic int64_t acknowledged; /* CLOCK_MONOTONIC of the last acknowledgement, */
	_Atomic int64_t given_up;     /* and of the last record whose time was over */
	_Atomic size_t most;	      /* bytes of a record that the topic takes */
	_Atomic int64_t ask;  /* CLOCK_MONOTONIC: when the brokers are asked about the topic next */
	_Atomic int replicas; /* its min.insync.replicas; 0: not known */
	_Atomic int unanswered; /* the error that was logged, of such a question */
};

void publish_state_init(
    struct publish_state *s, const char *topic, size_t batch_size, struct metrics *m);

/* Takes librdkafka's statistics; an error of the whole client, or of a record (enum kafka_error);
 * one of the topic's settings. */
void publish_state_read(struct publish_state *s, const char *json);
void publish_state_failed(struct publish_state *s, int error);
void publish_state_record_failed(struct publish_state *s, int error);
void publish_state_acknowledged(struct publish_state *s);
void publish_state_topic(struct publish_state *s, const char *name, const char *value);

/* The settings were not told: why, in librdkafka's words. */
void publish_state_untold(struct publish_state *s, int error, const char *why);

/* Whether it is time to ask the brokers about the topic. */
bool publish_state_asks(struct publish_state *s);

/* Whether no broker can be reached, as far as it is known. */
bool publish_state_down(struct publish_state *s);

/* Whether brokers are connected, but the last that was heard of records is that one was given up,
 * not long ago. */
bool publish_state_silent(struct publish_state *s);

/* Whether the client is of no use any more. */
bool publish_state_fatal(struct publish_state *s);

/* Whether the topic takes each of the entries. If not, which it doesn't. */
bool publish_state_fits(struct publish_state *s, const struct entries *entries, size_t *which);

/* Whether records can be published. False: why, in words. */
bool publish_state_ready(struct publish_state *s, char *why, size_t size);

#endif
