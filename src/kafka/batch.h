/*
 * The header "batch" of a message: which record of which request it is, "<id>-<number>:<index>". By
 * it whoever reads the topic finds what a client sent again. <id>-<number> is the client's
 * Idempotency-Key, or one of the server's own; <index> counts the records of a request from 0 on.
 */
#ifndef PBU_BATCH_H
#define PBU_BATCH_H

#include <stddef.h>
#include <stdint.h>

#define BATCH_HEADER "batch"

/* The other headers of a message: DEBUG, INFO, WARNING or ERROR, the greatest that is not above the
 * record's; and, if there is something, what the line says otherwise than what was sent
 * (record/render_added.h). */
#define BATCH_LEVEL_HEADER "level"
#define BATCH_ADDED_HEADER "added"

/* Bytes of an id, and of the whole. */
#define BATCH_ID_MAX 64
#define BATCH_MAX    (BATCH_ID_MAX + 32)

/* Writes what comes before the index; its length. The id has BATCH_ID_MAX bytes at most. */
size_t batch_begin(char text[BATCH_MAX], const char *id, size_t len, uint64_t number);

/* Writes the index behind it; the length of the whole. */
size_t batch_end(char text[BATCH_MAX], size_t begun, uint32_t index);

#endif
