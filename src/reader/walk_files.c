/* From file to file, while they grow, are renamed and go away. */
#include "base/clock.h"
#include "reader/library_folder.h"
#include "reader/walk_state.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long a write may take that is seen half done, and how long is waited for it in a step. */
#define UNDER_WAY_NS (100 * INT64_C(1000000))
#define MOMENT_NS    5000000

/* How long a batch may take to be written: of those files that are older it has made none. */
#define BATCH_NS (600 * CLOCK_NS_PER_SECOND)

void
walk_files_close(struct walk *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

/* --- one file --- */

static bool
read_head(const struct walk *w, char head[WALK_HEAD], size_t *len)
{
	ssize_t n;

	do
		n = pread(w->fd, head, WALK_HEAD, 0);
	while (n < 0 && errno == EINTR);
	*len = n > 0 ? (size_t)n : 0;
	return n >= 0;
}

/* It is not as it was when it was read: it grew, or others emptied a file that they have copied,
 * and it begins anew, and may be as long as it was by now; or they cut it. False, with errno. */
static bool
note_change(struct walk *w, const struct listed_file *now)
{
	char head[WALK_HEAD];
	size_t len;

	if (!read_head(w, head, &len))
		return false;
	if (now->bytes == 0 || memcmp(head, w->head, len < w->head_len ? len : w->head_len) != 0)
		w->position = 0;
	else if (now->bytes < w->position)
		w->position = now->bytes;
	memcpy(w->head, head, len);
	w->head_len = len;
	w->at_end = false;
	return true;
}

/* Another file; nothing is known of it. */
static void
begin_file(struct walk *w, const struct listed_file *file)
{
	walk_files_close(w);
	w->has_file = true;
	w->file = *file;
	w->file.name = NULL;
	w->placed = w->narrowed = w->final = w->at_end = false;
	w->head_len = 0;
	w->bytes_rest -= file->bytes < w->bytes_rest ? file->bytes : w->bytes_rest;
}

/* Sets the position to where the last entry that is whole ends. */
static bool
find_end(struct walk *w)
{
	uint64_t to = w->file.bytes, from;
	ssize_t n;
	char last;

	w->position = to;
	if (to == 0 || !w->file.current)
		return true;
	n = pread(w->fd, &last, 1, (off_t)to - 1);
	if (n < 0)
		return false;
	/* One that is longer than what is looked at of it counts as whole. */
	for (; n == 1 && last != '\n' && to > 0 && w->file.bytes - to < WINDOW_ENTRY_MAX;
	     to = from) {
		from = (to - 1) / BLOCK_SIZE * BLOCK_SIZE;
		if (!window_load(&w->window, w->fd, from, to, true))
			return false;
		if (w->window.torn)
			w->position = window_offset(&w->window, w->window.to);
		if (w->window.torn || w->window.from < w->window.to)
			break;
	}
	return true;
}

/* Where its entries of the range are; from the position on. */
static bool
narrow(struct walk *w)
{
	const struct walk_options *o = &w->options;
	uint64_t low, high;

	w->from = 0;
	w->to = UINT64_MAX;
	if (!times_narrow(&w->times, w->file.bytes, o->start, o->end, &w->from, &w->to))
		return false;
	w->position = w->placed ? w->position : 0;
	if (!w->placed && !o->forward && !find_end(w))
		return false;
	w->placed = w->narrowed = true;
	if (o->forward && w->position < w->from)
		w->position = w->from;
	if (!o->forward && w->position > w->to)
		w->position = w->to;
	low = o->forward ? w->position : w->from;
	high = !o->forward ? w->position : w->to < w->file.bytes ? w->to : w->file.bytes;
	w->bytes_file += high > low ? high - low : 0;
	return true;
}

/* Whether a file after this one has entries, as far as was seen when they were listed. */
static bool
has_successor(const struct walk *w, const struct listed_file *current)
{
	for (size_t i = w->next; i < w->plan->count; i++) {
		const struct listed_file *f = &w->plan->files[i];

		if (f->bytes > 0 ||
		    (current != NULL && file_id_equal(&f->id, &current->id) && current->bytes > 0))
			return true;
	}
	return false;
}

/* Whether it was written to a moment ago: by somebody who has not noticed its new name. */
static bool
is_under_way(const struct listed_file *f)
{
	int64_t age = clock_now_ns() - f->modified;

	return age >= 0 && age < UNDER_WAY_NS;
}

/* False, with errno; ENOENT: it is gone. */
static bool
open_file(struct walk *w)
{
	size_t i = listing_find(w->plan, &w->file.id);
	struct listed_file wanted = i < w->plan->count ? w->plan->files[i] : w->file, now;

	w->fd = listing_open(w->options.library, w->level, &wanted, &now);
	if (w->fd < 0)
		return false;
	/* While it was closed. */
	if (w->narrowed && w->options.forward &&
	    (now.bytes != w->end || now.modified != w->file.modified) && !note_change(w, &now))
		return false;
	w->file = now;
	w->file.name = NULL;
	/* What is not written to any more ends where it ends, with or without a newline. */
	if (w->options.forward && !now.current && !now.held &&
	    (has_successor(w, NULL) || !is_under_way(&now)))
		w->final = true;
	times_open(&w->times, w->fd, walk_is_growing(w));
	if (w->head_len == 0 && !read_head(w, w->head, &w->head_len))
		return false;
	if (!w->narrowed) {
		if (w->ranged)
			blocks_check(w->options.library->blocks, &w->file.id, w->file.bytes,
			    w->head, w->head_len);
		return narrow(w);
	}
	return true;
}

enum walk_open
walk_files_begin(struct walk *w, const struct place *from)
{
	const struct file_id id = {from->inode, from->born};
	size_t i = listing_find(w->plan, &id);

	if (i == w->plan->count)
		return WALK_GONE;
	begin_file(w, &w->plan->files[i]);
	w->next = w->options.forward ? i + 1 : i;
	w->position = from->offset;
	w->placed = true;
	for (size_t k = 0; k < w->plan->count; k++) {
		if (w->options.forward ? k < i : k > i)
			w->bytes_rest -= w->plan->files[k].bytes;
	}
	if (!open_file(w))
		return errno == ENOENT ? WALK_GONE : WALK_NOT_OPENED;
	return w->file.bytes < from->offset ? WALK_GONE : WALK_OPENED;
}

void
walk_files_from_newest(struct walk *w)
{
	const int64_t since = clock_now_ns() - BATCH_NS;
	const struct listing *plan = w->plan;

	w->next = plan->count;
	for (size_t i = plan->count; i-- > 0;) {
		struct listed_file file;
		int fd = listing_open(w->options.library, w->level, &plan->files[i], &file);

		if (fd >= 0)
			close(fd);
		if (fd >= 0 && file.held && !file.current)
			w->next = i + 1;
		if ((fd >= 0 && file.held && file.bytes > 0) || plan->files[i].modified < since)
			break;
	}
	for (size_t i = w->next; i < plan->count; i++)
		w->bytes_rest -= plan->files[i].bytes;
}

/* --- the next --- */

/* It grew, or was cut since it was read to its end; false: neither, or errno. */
static bool
look_again(struct walk *w, bool *changed)
{
	struct listed_file now = {.current = w->file.current};

	*changed = false;
	if (!listing_look(w->fd, &now))
		return false;
	w->file.held = now.held;
	w->file.unsettled = now.unsettled;
	if (now.bytes == w->end && now.modified == w->file.modified)
		return true;
	if (!note_change(w, &now))
		return false;
	w->file = now;
	times_grown(&w->times);
	*changed = true;
	return true;
}

/* Lists the folder again, and finds what comes after the file. */
static bool
plan_again(struct walk *w)
{
	struct library *l = w->options.library;
	struct listing *plan = listing_take(l, w->level);
	size_t i, older;

	if (plan == NULL)
		return false;
	if (plan == w->plan) {
		listing_release(l, plan);
		return true;
	}
	i = listing_find(plan, &w->file.id);
	if (!w->has_file && w->file.id.inode == 0) {
		w->next = 0;
	} else if (i < plan->count) {
		w->next = i + 1;
	} else {
		/* It is gone: what comes after the last of those before it. */
		older = listing_find(w->plan, &w->file.id);
		if (older == w->plan->count)
			older = w->next < w->plan->count ? w->next : w->plan->count;
		for (w->next = 0; older > 0 && w->next == 0; older--) {
			i = listing_find(plan, &w->plan->files[older - 1].id);
			if (i < plan->count)
				w->next = i + 1;
		}
	}
	listing_release(l, w->plan);
	w->plan = plan;
	for (i = w->next, w->bytes_rest = 0; i < plan->count; i++)
		w->bytes_rest += plan->files[i].bytes;
	return true;
}

static enum walk_files
next_in_plan(struct walk *w)
{
	if (w->options.forward) {
		if (w->next < w->plan->count) {
			begin_file(w, &w->plan->files[w->next++]);
			return WALK_FILES_OPEN;
		}
		return WALK_FILES_END;
	}
	walk_files_close(w);
	if (w->next > 0) {
		begin_file(w, &w->plan->files[--w->next]);
		return WALK_FILES_OPEN;
	}
	w->ended = true;
	w->has_file = false;
	w->file.id = (struct file_id){0};
	w->position = 0;
	return WALK_FILES_END;
}

static enum walk_files
next_of_final(struct walk *w)
{
	if (next_in_plan(w) == WALK_FILES_OPEN)
		return WALK_FILES_OPEN;
	if (!plan_again(w))
		return WALK_FILES_FAILED;
	return next_in_plan(w);
}

/* Whoever writes has gone on to another file: what this one holds by now is all, also where no
 * newline ends it. */
static enum walk_files
finish(struct walk *w)
{
	w->final = true;
	w->at_end = false;
	w->times.growing = false;
	return WALK_FILES_OPEN;
}

/* Forward, at the end of a file that has not the name any more that is written to, while no later
 * one has entries: who writes may not have noticed. */
static enum walk_files
linger(struct walk *w)
{
	static const struct timespec moment = {0, MOMENT_NS};

	if (w->position >= w->end)
		return WALK_FILES_END;
	/* A line without a newline: it is not under way any more after a while. */
	if (is_under_way(&w->file)) {
		nanosleep(&moment, NULL);
		return WALK_FILES_LATER;
	}
	return finish(w);
}

enum walk_files
walk_files_next(struct walk *w)
{
	struct listed_file current;
	bool changed, exists;

	if (!w->options.forward)
		return next_in_plan(w);
	if (w->final)
		return next_of_final(w);
	if (!look_again(w, &changed))
		return WALK_FILES_FAILED;
	if (changed)
		return WALK_FILES_OPEN;
	exists = listing_current(w->options.library, w->level, &current);
	if (!exists && errno != ENOENT)
		return WALK_FILES_FAILED;
	w->file.current = exists && file_id_equal(&current.id, &w->file.id);
	/* Who writes has not noticed, or may still give it its name again. */
	if (w->file.current || w->file.held)
		return WALK_FILES_END;
	if (!plan_again(w))
		return WALK_FILES_FAILED;
	return has_successor(w, exists ? &current : NULL) ? finish(w) : linger(w);
}

enum walk_files
walk_files_open(struct walk *w)
{
	while (w->fd < 0) {
		if (w->ended)
			return WALK_FILES_END;
		if (w->has_file) {
			if (open_file(w))
				break;
			if (errno != ENOENT)
				return WALK_FILES_FAILED;
			w->has_file = false;
		}
		if (next_in_plan(w) == WALK_FILES_OPEN)
			continue;
		if (w->ended)
			return WALK_FILES_END;
		if (!plan_again(w))
			return WALK_FILES_FAILED;
		if (next_in_plan(w) == WALK_FILES_END)
			return WALK_FILES_END;
	}
	return WALK_FILES_OPEN;
}
