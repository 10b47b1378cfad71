/*
 * Whether records can be written, as far as it is known: from the last write of each level and the
 * last round of housekeeping. Asking costs no I/O and waits for no thread that does any.
 *
 * Any thread; the mutex is held for a copy only.
 */
#ifndef PBU_HEALTH_H
#define PBU_HEALTH_H

#include "base/level.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What may not work: a level's file, by its LEVEL_BIT; that the folder is where it should be; and
 * that something can be written in it. */
#define HEALTH_FOLDER_BIT (1U << LEVEL_COUNT)
#define HEALTH_PROBE_BIT  (2U << LEVEL_COUNT)
#define HEALTH_PARTS	  (LEVEL_COUNT + 2)

struct health {
	pthread_mutex_t mutex; /* protects what follows */
	uint64_t failures;     /* so far */
	int64_t round;	       /* CLOCK_MONOTONIC of the last round's end; 0: none is expected */
	struct {
		uint64_t failure; /* the number of its last one; 0: it works */
		char why[512];	  /* of that one */
	} part[HEALTH_PARTS];
};

void health_init(struct health *h);

void health_destroy(struct health *h);

/* Records that `bit` does not work, and why. */
void health_bad(struct health *h, unsigned bit, const char *why);

/* Records that these work. */
void health_good(struct health *h, unsigned bits);

/* The number of failures so far. */
uint64_t health_failures(struct health *h);

/* Records that these work, but for those that failed after health_failures() returned `failures`.
 */
void health_good_since(struct health *h, unsigned bits, uint64_t failures);

/* A round of housekeeping has come to its end, or is about to begin: the next is expected. */
void health_round(struct health *h);

/* Whether all works, and rounds come to their end. False, with the reason in words: that of the
 * last failure that still holds. */
bool health_ask(struct health *h, char *why, size_t size);

#endif
