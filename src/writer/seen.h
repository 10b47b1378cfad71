/*
 * What was written already, by the batch of a message and its index in that: a request that a
 * client sends again, because it got no answer, is not written again, also where only a part of it
 * had got into the topic before.
 *
 * A batch (seen_key.h) lies in several partitions, each of which has some of its indexes, in any
 * order: they are kept for each client and partition, as ranges, of the greatest numbers. All of it
 * is bounded; what was not heard of longest is forgotten. What is not known to be written is
 * written: twice is better than never.
 *
 * For one thread.
 */
#ifndef PBU_SEEN_H
#define PBU_SEEN_H

#include "base/buf.h"
#include "writer/seen_key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Clients, counted once for each partition that they have messages in. */
#define SEEN_CLIENTS 10000

/* Of each the greatest numbers, and ranges of indexes, of all of these together and of all clients:
 * the checkpoint holds all of it. */
#define SEEN_NUMBERS   64
#define SEEN_RANGES    512
#define SEEN_RANGES_OF 100000

struct seen;

/* NULL when memory ran out. */
struct seen *seen_new(void);
void seen_free(struct seen *s);

/* Whether the message was noted. */
bool seen_known(struct seen *s, const struct seen_key *key);

/* Notes that the message is written. False: it was noted before. */
bool seen_note(struct seen *s, const struct seen_key *key);

/* Notes all of `fresh`, of which nothing was noted, and empties that. */
void seen_merge(struct seen *s, struct seen *fresh);

/* Forgets all. */
void seen_clear(struct seen *s);

/* How many clients are known. */
size_t seen_count(const struct seen *s);

/* Appends all of it as an array of JSON, [partition, id, "17:0-999 18:0,5-7"] each, those heard of
 * last at the end. */
void seen_write(const struct seen *s, struct buf *out);

/* Takes one of these back, in their order. False: it is none. */
bool seen_read(struct seen *s, int32_t partition, const char *id, size_t len, const char *ranges);

#endif
