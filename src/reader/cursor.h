/*
 * A place between two entries of the log, as text: what pages are continued from, and what an entry
 * is named by. A file is known by its inode and the moment of its birth, so that it is found again
 * by whatever name it has after a roll-over; it is never known by a time of an entry.
 *
 *     e1f3.18ae00c2d4b.2a00            one level: error.log, inode, birth, offset; in hexadecimal
 *     e1f3.18ae00c2d4b.2a00-w0         several; inode 0: there was no entry (left)
 */
#ifndef PBU_CURSOR_H
#define PBU_CURSOR_H

#include "base/buf.h"
#include "base/level.h"

#include <stdbool.h>
#include <stdint.h>

/* In one level's files. Going on from it forward, the next entry is the first that starts at or
 * after the offset, backward the last that starts before it. */
struct place {
	uint64_t
	    inode;    /* 0: backward there is nothing before it, forward it is before everything */
	int64_t born; /* nanoseconds since the epoch; 0: the file system does not tell */
	uint64_t offset;
};

struct cursor {
	unsigned levels; /* a LEVEL_BIT for each place that is set */
	struct place at[LEVEL_COUNT];
};

/* Appends it as text; only characters that an address may have. */
void cursor_print(struct buf *out, const struct cursor *c);
/* False: it is none that was ever printed. */
bool cursor_parse(const char *text, struct cursor *c);

#endif
