/*
 * gzip to text (RFC 1952, RFC 1951), by zlib, which gunzip.c alone knows. Several members, one
 * after the other, are one text; nothing else may follow.
 */
#ifndef PBU_GUNZIP_H
#define PBU_GUNZIP_H

#include "base/buf.h"

#include <stddef.h>

enum gunzip_status {
	GUNZIP_GOOD,
	GUNZIP_BROKEN,	  /* see what and offset */
	GUNZIP_TOO_LARGE, /* the text is longer than out->max */
	GUNZIP_NO_MEMORY,
};

/* What one thread needs to unpack: some 40 KiB, whatever it unpacks. */
struct gunzip;

/* NULL when memory ran out. The caller's, who frees it. */
struct gunzip *gunzip_new(void);
void gunzip_free(struct gunzip *z);

/*
 * Unpacks len bytes into *out, which is empty, and grows to out->max at most, which is not 0, and
 * within its budget.
 * On GUNZIP_BROKEN, *what says in words what is wrong, and *offset at which packed byte, counted
 * from 0: up to there it was read. Unless it is GUNZIP_GOOD, what is in *out is worth nothing.
 */
enum gunzip_status gunzip_text(struct gunzip *z, const char *bytes, size_t len, struct buf *out,
    const char **what, size_t *offset);

#endif
