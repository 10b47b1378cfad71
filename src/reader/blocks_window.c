#include "reader/blocks_window.h"

#include "files/committed.h"
#include "reader/blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Read beyond the range at once, where its last entry most often ends. */
#define AHEAD 4096

/* More than that is given back when it is not needed any more. */
#define KEPT ((size_t)2 * BLOCK_SIZE)

#define PAGE 4096

/* Backward, so much is searched at a time: most entries are shorter. ThreadSanitizer looks at all
 * of it, wherever the newline is. */
#define STRETCH 1024

#define NOWHERE SIZE_MAX

void
window_free(struct window *w)
{
	free(w->memory);
	*w = (struct window){0};
}

/*
 * Room for n bytes; what is there stays. The data lies in its page as it does in the file's: what
 * read(2) copies is four times as fast then.
 */
static bool
make_room(struct window *w, size_t n)
{
	size_t shift = (size_t)(w->base % PAGE), room = (shift + n + PAGE) / PAGE * PAGE;
	char *memory;

	if (room > w->room) {
		memory = aligned_alloc(PAGE, room);
		if (memory == NULL)
			return false;
		if (w->len > 0)
			memcpy(memory + shift, w->data, w->len);
		free(w->memory);
		w->memory = memory;
		w->room = room;
	}
	w->data = w->memory + shift;
	return true;
}

/* Reads on up to n bytes in all, or the file's end: that of what is there for good. */
static bool
fill(struct window *w, int fd, size_t n)
{
	uint64_t committed;
	ssize_t got;

	/* Before it is read: by then it may be others that are there. */
	w->at_end = false;
	if (committed_ask(fd, &committed) && committed < w->base + n) {
		n = committed > w->base ? (size_t)(committed - w->base) : 0;
		w->at_end = true;
	}
	if (!make_room(w, n))
		return false;
	while (w->len < n) {
		got = pread(fd, w->data + w->len, n - w->len, (off_t)(w->base + w->len));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		if (got == 0) {
			w->at_end = true;
			break;
		}
		w->len += (size_t)got;
		w->read += (uint64_t)got;
	}
	return true;
}

/*
 * The first entry that starts at or after a place; data ends where nothing more can follow or at
 * w->len: there, an end of line tells nothing unless the file ends, too.
 */
static size_t
find_start(const struct window *w, size_t at)
{
	const char *newline;

	if (at == 0 && w->base == 0)
		return 0;
	for (size_t p = at - (at > 0); p < w->len; p++) {
		newline = memchr(w->data + p, '\n', w->len - p);
		if (newline == NULL)
			return NOWHERE;
		p = (size_t)(newline - w->data);
		if (p + 1 == w->len)
			return w->at_end ? w->len : NOWHERE;
		if (w->data[p + 1] != '\t')
			return p + 1;
	}
	return NOWHERE;
}

/* The start of the entry that ends at `end` or goes on there, not before `least`, which is one. */
static size_t
find_last_start(const struct window *w, size_t least, size_t end)
{
	const char *newline;
	size_t from;

	while (end > least + 1) {
		from = end - 1 - least > STRETCH ? end - 1 - STRETCH : least;
		newline = memrchr(w->data + from, '\n', end - 1 - from);
		end = (newline != NULL ? (size_t)(newline - w->data) : from) + 1;
		if (newline != NULL && w->data[end] != '\t')
			return end;
	}
	return least;
}

/* Reads until the last entry of the range ends; where that is, w->to is set to. True with w->torn:
 * it does not end yet, and is left out. */
static bool
find_end(struct window *w, int fd, size_t end, bool growing)
{
	size_t at = end < w->len ? end : w->len, first = at, n;

	while ((w->to = find_start(w, at)) == NOWHERE && !w->at_end) {
		if (w->len - first >= WINDOW_ENTRY_MAX) {
			w->to = w->len;
			return true;
		}
		/* As much again, so that a long entry is not looked through too often. */
		at = w->len - 1;
		n = w->len + (w->len > BLOCK_SIZE ? w->len : BLOCK_SIZE);
		if (n > first + WINDOW_ENTRY_MAX + BLOCK_SIZE)
			n = first + WINDOW_ENTRY_MAX + BLOCK_SIZE;
		if (!fill(w, fd, n))
			return false;
	}
	w->torn = w->to == NOWHERE && growing;
	if (w->to == NOWHERE)
		w->to = growing ? find_last_start(w, w->from, w->len) : w->len;
	return true;
}

bool
window_load(struct window *w, int fd, uint64_t from, uint64_t to, bool growing)
{
	size_t end;

	if (w->room > KEPT)
		window_free(w);
	w->base = from > 0 ? from - 1 : 0;
	w->len = w->from = w->to = 0;
	w->read = 0;
	w->torn = false;
	end = (size_t)(to - w->base);
	if (!fill(w, fd, end + AHEAD))
		return false;
	w->from = find_start(w, (size_t)(from - w->base));
	if (w->from == NOWHERE || w->from >= end || w->from == w->len)
		w->from = 0;
	else if (!find_end(w, fd, end, growing))
		return false;
	w->at_end = w->torn || (w->at_end && w->len <= end);
	return true;
}

size_t
window_next(const struct window *w, size_t start)
{
	const char *newline;

	for (size_t p = start; p < w->to; p++) {
		newline = memchr(w->data + p, '\n', w->to - p);
		if (newline == NULL)
			break;
		p = (size_t)(newline - w->data);
		if (p + 1 < w->to && w->data[p + 1] != '\t')
			return p + 1;
	}
	return w->to;
}

size_t
window_previous(const struct window *w, size_t end)
{
	return find_last_start(w, w->from, end);
}

size_t
window_start(const struct window *w, size_t at)
{
	/* A newline at the place itself ends the entry that it is in. */
	return find_last_start(w, w->from, at + 1);
}

size_t
window_text(const struct window *w, size_t start, size_t end)
{
	size_t len = end - start;

	if (len > 0 && w->data[end - 1] == '\n')
		len--;
	return len < WINDOW_ENTRY_MAX ? len : WINDOW_ENTRY_MAX;
}
