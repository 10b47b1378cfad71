#include "reader/walk_parts.h"

#include "base/clock.h"
#include "reader/library_folder.h"
#include "reader/walk_state.h"

/* A step ends after that, if it found nothing. */
#define STEP_NS (2 * INT64_C(1000000))

bool
walk_step_is_over(struct walk_step *s)
{
	int64_t now = clock_coarse_ns();

	if (s->until == 0)
		s->until = now + STEP_NS;
	return now > s->until;
}

enum part { PART_LOADED, PART_NONE /* the file's end, or the range's */, PART_FAILED, PART_LATER };

bool
walk_parts_in_range(const struct walk *w, int64_t least, int64_t greatest)
{
	return least >= w->options.start && greatest < w->options.end &&
	       (least != TIMES_NONE || !w->ranged);
}

static bool
out_of_range(const struct walk *w, const struct block_times *t)
{
	return t->greatest < w->options.start || t->least >= w->options.end;
}

/* The next part: up to a block's end, or down to its begin. False: there is none. */
static bool
next_part(const struct walk *w, uint64_t *from, uint64_t *to)
{
	if (w->options.forward) {
		*from = w->position;
		*to = (w->position / BLOCK_SIZE + 1) * BLOCK_SIZE;
		if (*to > w->to)
			*to = w->to;
	} else {
		*to = w->position;
		*from = *to > 0 ? (*to - 1) / BLOCK_SIZE * BLOCK_SIZE : 0;
		if (*from < w->from)
			*from = w->from;
	}
	return *from < *to;
}

/* Bytes of the block as far as there is file. */
static uint32_t
block_bytes(const struct walk *w, uint64_t block)
{
	uint64_t start = block * BLOCK_SIZE;

	if (w->file.bytes <= start)
		return 0;
	return w->file.bytes - start < BLOCK_SIZE ? (uint32_t)(w->file.bytes - start) : BLOCK_SIZE;
}

/* What is remembered of the block that a part is in. What is written to may be remembered only
 * where it is full. */
static bool
recall(const struct walk *w, uint64_t from, struct block_times *t)
{
	uint64_t block = from / BLOCK_SIZE;
	uint32_t bytes = block_bytes(w, block);

	return w->ranged && (bytes == BLOCK_SIZE || !walk_is_growing(w)) &&
	       blocks_get(w->options.library->blocks, &w->file.id, block, bytes, t);
}

static void
remember(const struct walk *w, struct block_times *t)
{
	uint64_t low = w->options.forward ? w->position : w->beyond, block = low / BLOCK_SIZE;
	uint64_t high = w->options.forward ? w->beyond : w->position;
	uint32_t bytes = block_bytes(w, block);

	if (t->least == TIMES_NONE || high - low != bytes ||
	    (bytes < BLOCK_SIZE && walk_is_growing(w)))
		return;
	t->size = bytes;
	blocks_put(w->options.library->blocks, &w->file.id, block, t);
}

/* A part that needs no reading. */
static void
pass(struct walk *w, uint64_t from, uint64_t to)
{
	if (w->options.forward && to > w->file.bytes) {
		/* A place is never after its file's end. */
		to = w->file.bytes > from ? w->file.bytes : from;
		w->at_end = true;
		w->end = to;
	}
	w->position = w->options.forward ? to : from;
	w->bytes_file -= to - from < w->bytes_file ? to - from : w->bytes_file;
}

void
walk_parts_leave(struct walk *w)
{
	uint64_t before = w->position;

	w->position = w->beyond;
	w->bytes_done += before < w->beyond ? w->beyond - before : before - w->beyond;
	w->loaded = false;
}

static bool
load(struct walk *w, uint64_t from, uint64_t to)
{
	struct window *win = &w->window;

	if (!window_load(win, w->fd, from, to, walk_is_growing(w)))
		return false;
	w->loaded = true;
	w->scanned = false;
	w->check = w->ranged;
	w->hit = false;
	if (w->options.forward) {
		w->beyond = to;
		w->at = win->from;
		w->at_end = win->at_end;
		w->end = win->base + win->len;
		/* An entry that is not whole yet is read again. */
		if (win->at_end)
			w->beyond =
			    win->to > win->from || win->torn ? window_offset(win, win->to) : from;
		if (w->beyond > to)
			w->beyond = to;
	} else {
		w->beyond = from;
		w->at = win->to;
	}
	/* Nothing in it: where it stands is not within. */
	if (win->from == win->to)
		walk_parts_leave(w);
	return true;
}

/* --- parts, and the times in them --- */

/* Looks at all times of the part that is in memory, unless they are known. */
static enum part
scan(struct walk *w, struct block_times *t)
{
	enum times_result r = times_scan(&w->times, &w->window, t);

	if (r != TIMES_FOUND)
		return r == TIMES_LATER ? PART_LATER : PART_FAILED;
	w->scanned = true;
	remember(w, t);
	w->check = !walk_parts_in_range(w, t->least, t->greatest);
	return PART_LOADED;
}

/* Makes the next part the one that is in memory. `take`: unless that takes it from memory. */
static enum part
load_next(struct walk *w, struct walk_step *step, walk_counter *take, void *arg)
{
	struct block_times known;
	uint64_t from, to;
	bool inside;

	while (!w->loaded) {
		if ((w->options.forward && w->at_end) || !next_part(w, &from, &to))
			return PART_NONE;
		inside = false;
		if (recall(w, from, &known)) {
			if (out_of_range(w, &known) ||
			    (take != NULL && to - from == known.size &&
				take(arg, known.least, known.greatest, known.entries))) {
				pass(w, from, to);
				continue;
			}
			inside = walk_parts_in_range(w, known.least, known.greatest);
		}
		if (!load(w, from, to))
			return PART_FAILED;
		w->scanned = inside;
		w->check = w->ranged && !inside;
		if (walk_step_is_over(step) && !w->loaded)
			return PART_LATER;
	}
	return PART_LOADED;
}

static enum walk_result
result_of(enum walk_files f)
{
	return f == WALK_FILES_END ? WALK_END : f == WALK_FILES_LATER ? WALK_MORE : WALK_FAILED;
}

enum walk_result
walk_parts_find(struct walk *w, struct walk_step *step, walk_counter *take, void *arg)
{
	struct block_times t = {0};
	enum walk_files f;
	enum part part;

	for (;;) {
		f = walk_files_open(w);
		if (f != WALK_FILES_OPEN)
			return result_of(f);
		part = load_next(w, step, take, arg);
		if (part == PART_LOADED && w->ranged && !w->searching && !w->scanned)
			part = scan(w, &t);
		else if (part == PART_LOADED)
			return WALK_ENTRY;
		if (part == PART_LOADED) {
			if (out_of_range(w, &t) ||
			    (take != NULL && take(arg, t.least, t.greatest, t.entries)))
				walk_parts_leave(w);
			else
				return WALK_ENTRY;
		} else if (part == PART_NONE) {
			if (w->options.forward && !w->at_end) {
				/* The range's end; the file may go on. */
				w->at_end = true;
				w->end = w->file.bytes;
			}
			f = walk_files_next(w);
			if (f != WALK_FILES_OPEN)
				return result_of(f);
		} else {
			return part == PART_LATER ? WALK_MORE : WALK_FAILED;
		}
		if (walk_step_is_over(step))
			return WALK_MORE;
	}
}
