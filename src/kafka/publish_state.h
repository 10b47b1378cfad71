/*
 * A part of publish: what is known of the brokers and of the topic, from librdkafka's statistics
 * and errors. Asking waits for nothing.
 *
 * Any thread.
 */
#ifndef PBU_PUBLISH_STATE_H
#define PBU_PUBLISH_STATE_H

#include "base/metrics.h"
#include "base/ticket.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* How often the statistics come. */
#define PUBLISH_STATISTICS_MS 500

struct publish_state {
	const char *topic;
	struct metrics *metrics;
	_Atomic int brokers_up; /* -1: nothing is known yet */
	_Atomic int partitions; /* of the topic, which have a leader */
	_Atomic bool numbered;	/* the brokers have given the producer its id */
	_Atomic bool fatal;
	_Atomic size_t most; /* bytes of a record that the topic takes */
};

void publish_state_init(struct publish_state *s, const char *topic, struct metrics *m);
void publish_state_destroy(struct publish_state *s);

/* Takes librdkafka's statistics, or an error of the whole client (enum kafka_error). */
void publish_state_read(struct publish_state *s, const char *json);
void publish_state_failed(struct publish_state *s, int error);

/* Whether no broker can be reached, as far as it is known. */
bool publish_state_down(struct publish_state *s);

/* Whether the client is of no use any more. */
bool publish_state_fatal(struct publish_state *s);

/* Whether the topic takes each of the entries. */
bool publish_state_fits(struct publish_state *s, const struct entries *entries);

/* Whether records can be published. False: why, in words. */
bool publish_state_ready(struct publish_state *s, char *why, size_t size);

#endif
