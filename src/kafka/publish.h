/*
 * Publishing: the door to a Kafka topic, as a sink (base/sink.h). Each entry of a ticket becomes a
 * message, and the ticket is finished when all in-sync replicas have all of them, or when any of
 * them could not be had in time.
 *
 * A message's value is the entry, without its newline; its key the logger's name, so that one
 * logger's records stay in their order; its headers are batch.h's.
 *
 * Nobody waits for an acknowledgement: librdkafka calls a thread when there are some, which counts
 * them, and takes on the tickets that are finished. An entry is not copied: its ticket stays where
 * it is until then.
 */
#ifndef PBU_PUBLISH_H
#define PBU_PUBLISH_H

#include "base/metrics.h"
#include "base/sink.h"
#include "kafka/kafka_settings.h"

#include <stdbool.h>
#include <stddef.h>

/* Records that are handed to librdkafka at a time: it takes some 700 bytes for each. Others wait
 * for room, within MAX_MEMORY_BYTES. */
#define PUBLISH_IN_FLIGHT ((size_t)100000)

/* How long a record may take before it is given up; a request is answered within a second more. */
#define PUBLISH_TIMEOUT_MS 3500

/* How long a request may wait for room while others' records are acknowledged: nginx waits for 30
 * s. Once some are given up, nobody waits any more. */
#define PUBLISH_WAIT_MS 20000

struct publish;

/*
 * Loads librdkafka and sets it up; it is connected by the sink's start(), after confine(). What the
 * settings point to, and the metrics, must outlive it. NULL, with the reason in words in error
 * (size bytes).
 */
struct publish *publish_open(
    const struct kafka_settings *settings, struct metrics *m, char *error, size_t size);

/* It as a sink, whose close() ends it. */
struct sink publish_sink(struct publish *p);

#endif
