/*
 * The writer: a thread that reads the partitions that it is given of a topic, and appends what is
 * in them to the log files, each message once (store.h).
 */
#ifndef PBU_WRITER_H
#define PBU_WRITER_H

#include "kafka/kafka_properties.h"
#include "record/formatter.h"
#include "writer/store.h"

#include <stdbool.h>
#include <stddef.h>

struct writer_setup {
	struct store_settings store;
	const char *brokers;
	const char *instance;		     /* this writer's name in the group */
	const struct kafka_properties *file; /* KAFKA_CONFIG's */
	const struct formatter *formatter;
	const char *metrics_file; /* NULL: none */
};

struct writer;

/* Opens the folder and its files, as the checkpoint says, and sets librdkafka up. What the settings
 * point to must outlive it. NULL, with the reason. */
struct writer *writer_open(const struct writer_setup *settings, char *error, size_t size);

/* Connects, and starts the thread. When that ends by itself, because the writer can't go on, it
 * sends SIGTERM to the calling thread. False, with the reason. */
bool writer_start(struct writer *w, char *error, size_t size);

/* Asks for every file to be opened again, and returns at once; whether all that was asked for is
 * done. Any thread. */
void writer_reopen(struct writer *w);
bool writer_reopened(struct writer *w);

/* Ends the thread, if it was started: what is taken is written and in a checkpoint, which is
 * committed; then the files are closed. Frees it. False: the thread had ended by itself, having
 * said why. */
bool writer_close(struct writer *w);

#endif
