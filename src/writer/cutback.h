/*
 * Takes back what was appended after the checkpoint: it is read from the topic once more.
 *
 * Only a file that the checkpoint knows is touched: nothing is ever appended to one before it is in
 * a checkpoint. One that was renamed meanwhile is looked for in the folder. For the start, with the
 * folder locked and before its files are opened.
 */
#ifndef PBU_CUTBACK_H
#define PBU_CUTBACK_H

#include "writer/checkpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Cuts all files; logs what was done, and what was not as it should be, which may mean that records
 * are there twice. *bytes: how many were cut off. False, with the reason: one that is to be cut
 * could not be. */
bool cutback(int folder, const struct checkpoint *c, uint64_t *bytes, char *error, size_t size);

#endif
