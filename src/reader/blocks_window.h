/*
 * A piece of a log file in memory: the entries that begin in a range of offsets, whole, whatever
 * comes before or after them in the file. For one thread at a time.
 *
 * An entry starts at a line that does not start with a tab (the first line of a file starts one
 * whatever it starts with) and goes on over the lines that do. An empty line is an entry without
 * text; NULs, \r, invalid UTF-8 are text as any other. A last line that has no newline yet is not
 * there in a file that is written to, and neither is the entry that it is part of.
 */
#ifndef PBU_BLOCKS_WINDOW_H
#define PBU_BLOCKS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a longer entry only so much is looked at and given. */
#define WINDOW_ENTRY_MAX ((size_t)32 * 1024 * 1024)

struct window {
	char *memory; /* owned; zeroed at first, freed with window_free() */
	size_t room;
	char *data; /* in it */
	size_t len;
	uint64_t base;	 /* offset of data[0] in the file */
	size_t from, to; /* the entries, in data; equal: there are none */
	bool at_end;	 /* the file ends with them, or with one that is torn */
	bool torn;	 /* one that was left out begins at data[to] */
	uint64_t read;	 /* bytes that were read for it */
};

void window_free(struct window *w);

/*
 * Reads the entries that begin at `from` or after, before `to`. `growing`: the file is written to.
 * That the file ends before `to` is no failure, even where it did not end there a moment ago.
 * False, with errno.
 */
bool window_load(struct window *w, int fd, uint64_t from, uint64_t to, bool growing);

/* Where the next entry begins after the one at `start`, at most w->to. */
size_t window_next(const struct window *w, size_t start);
/* Where the entry begins that ends at `end`; w->from < end <= w->to. */
size_t window_previous(const struct window *w, size_t end);
/* Where the entry begins that holds this byte; w->from <= at < w->to. */
size_t window_start(const struct window *w, size_t at);
/* Bytes of text of the entry that lies there, without the newline that ends it. */
size_t window_text(const struct window *w, size_t start, size_t end);

/* The offset of a byte of it in the file. */
static inline uint64_t
window_offset(const struct window *w, size_t at)
{
	return w->base + at;
}

#endif
