/*
 * A disk that fills up, for a fuzz target: disk.c stands in front of the C library's writev(),
 * pwrite() and ftruncate(), and so of the server's; fwrite() and write() are as they were.
 */
#ifndef PBU_FUZZ_DISK_H
#define PBU_FUZZ_DISK_H

#include <stdbool.h>
#include <stddef.h>

/* From now on a file takes that many bytes, and then no more; nor can it be cut back, if stuck. */
void disk_fill(size_t room, bool stuck);

/* As if nothing had been. */
void disk_empty(void);

#endif
