/*
 * Which message of which batch: by these the writer knows what it has written already.
 *
 * A batch is named "<id>-<number>", by an Idempotency-Key or by the server that took it: the id is
 * one client's, which counts its requests.
 *
 * Any thread.
 */
#ifndef PBU_SEEN_KEY_H
#define PBU_SEEN_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters of an id. */
#define SEEN_ID_MAX 64

struct seen_key {
	int32_t partition;
	const char *id; /* not terminated */
	size_t len;
	uint64_t number;
	uint32_t index;
};

/* Whether the text may be an id, as an Idempotency-Key has it. */
bool seen_key_is_id(const char *id, size_t len);

/* Takes the text of a batch and that of an index, both decimal at the end, apart. False: it is no
 * key. */
bool seen_key_parse(
    const char *batch, size_t batch_len, const char *index, size_t index_len, struct seen_key *key);

#endif
