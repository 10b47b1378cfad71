/* The inside of publish: what its parts share. */
#ifndef PBU_PUBLISH_INSIDE_H
#define PBU_PUBLISH_INSIDE_H

#include "kafka/kafka.h"
#include "kafka/publish.h"
#include "kafka/publish_state.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct publish {
	struct kafka *kafka;
	const char *topic;
	struct metrics *metrics;
	struct publish_state state;
	char id[17];		   /* of this process, for requests without a key, */
	_Atomic uint64_t number;   /* and the last of these */
	_Atomic size_t in_flight;  /* entries handed over and not delivered */
	_Atomic size_t unfinished; /* tickets */
	pthread_mutex_t mutex;	   /* guards what follows; a leaf */
	struct ticket *finished;
	struct ticket *waiting, **waiting_end; /* for room */
	sink_wake *wake;
	void *wake_context;
};

/* --- publish_records.c: from tickets to messages, and their reports --- */

/* A ticket begins: it is not finished before publish_release() of one entry, which stands for all
 * that are not handed over yet. */
void publish_begin(struct publish *p, struct ticket *t);

/* Hands entries over until all are, or there is no room. True: all are, or will not be. */
bool publish_hand_over(struct publish *p, struct ticket *t);

/* Whether records are handed over at all. */
bool publish_has_room(struct publish *p);

/* So many entries less are waited for; true: it is finished, and its result set. */
bool publish_release(struct publish *p, struct ticket *t, size_t entries);

/* Notes why a ticket fails (enum kafka_error); the first reason counts. In words. */
void publish_set_error(struct ticket *t, int error);
const char *publish_why(int error);

/* kafka_events' of that name. */
void publish_delivered(void *context, const struct kafka_report *reports, size_t count);

/* --- publish_open.c --- */

void publish_close(struct publish *p);

#endif
