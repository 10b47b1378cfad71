/*
 * The header "batch" of a message: which record of which request it is, and what its line says
 * otherwise than the record that was sent: "<id>-<number>:<index>;<added>".
 *
 * By <id>-<number>, the client's Idempotency-Key or one of the server's own, and by <index>, which
 * counts the records of a request from 0 on, whoever reads the topic finds what a client sent
 * again. <added> is record/render_added.h's, and missing with its semicolon where there is nothing.
 * It has no header of its own, because a header costs more than 4 % of what a record does, all in
 * all.
 */
#ifndef PBU_BATCH_H
#define PBU_BATCH_H

#include <stddef.h>
#include <stdint.h>

#define BATCH_HEADER "batch"

/* The other header of a message: DEBUG, INFO, WARNING or ERROR, the greatest that is not above the
 * record's. */
#define BATCH_LEVEL_HEADER "level"

/* Bytes of an id, of what is added, and of the whole. */
#define BATCH_ID_MAX	64
#define BATCH_ADDED_MAX 64
#define BATCH_MAX	(BATCH_ID_MAX + BATCH_ADDED_MAX + 40)

/* Writes what comes before the index; its length. The id has BATCH_ID_MAX bytes at most. */
size_t batch_begin(char text[BATCH_MAX], const char *id, size_t len, uint64_t number);

/* Writes the rest after it; the length of the whole. */
size_t batch_end(
    char text[BATCH_MAX], size_t begun, uint32_t index, const char *added, size_t added_len);

/* The parts of one, which point into it; those that it has not are empty. Nothing of it is checked.
 */
struct batch_parts {
	const char *key, *index, *added; /* not terminated */
	size_t key_len, index_len, added_len;
};

struct batch_parts batch_split(const char *text, size_t len);

#endif
