#include "reader/walk.h"

#include "base/clock.h"
#include "reader/library_folder.h"
#include "reader/walk_count.h"
#include "reader/walk_parts.h"
#include "reader/walk_state.h"

#include <errno.h>
#include <stdlib.h>

/* Entries between two looks at the clock. */
#define STEP_ENTRIES 32

/* --- begin and end --- */

static enum walk_open
begin(struct walk *w, const struct place *from)
{
	bool forward = w->options.forward;

	w->plan = listing_take(w->options.library, w->level);
	if (w->plan == NULL)
		return WALK_NOT_OPENED;
	w->ended = !forward && from != NULL && from->inode == 0;
	for (size_t i = 0; i < w->plan->count && !w->ended; i++)
		w->bytes_rest += w->plan->files[i].bytes;
	if (from != NULL && from->inode != 0)
		return walk_files_begin(w, from);
	if (!forward && !w->ended)
		walk_files_from_newest(w);
	/* The newest entry of this moment. */
	if (!forward && walk_files_open(w) == WALK_FILES_FAILED)
		return WALK_NOT_OPENED;
	return WALK_OPENED;
}

enum walk_open
walk_new(struct walk **walk, enum level level, const struct walk_options *options,
    const struct place *from)
{
	struct walk *w = calloc(1, sizeof(*w));
	enum walk_open r;
	int error;

	*walk = NULL;
	if (w == NULL)
		return WALK_NOT_OPENED;
	w->level = level;
	w->options = *options;
	w->fd = -1;
	w->ranged = options->start != INT64_MIN || options->end != INT64_MAX;
	w->searching = options->search != NULL && !search_is_empty(options->search);
	w->wants_logger = w->searching && search_wants_logger(options->search);
	w->finding_suffices = w->searching && search_find_suffices(options->search);
	w->times.parser = options->library->parser;
	r = begin(w, from);
	if (r == WALK_OPENED) {
		*walk = w;
		return r;
	}
	error = errno;
	walk_free(w);
	errno = error;
	return r;
}

/* Where it stands in its file. */
static uint64_t
position(const struct walk *w)
{
	if (!w->placed)
		return w->options.forward ? 0 : w->file.bytes;
	return w->loaded ? window_offset(&w->window, w->at) : w->position;
}

void
walk_rest(struct walk *w)
{
	if (w->placed)
		w->position = position(w);
	/* What it had read up to the end is read again. */
	w->at_end = w->at_end && !w->loaded;
	w->loaded = w->hit = false;
	walk_files_close(w);
	window_free(&w->window);
	times_free(&w->times);
	search_scratch_free(w->scratch);
	w->scratch = NULL;
}

void
walk_free(struct walk *w)
{
	if (w == NULL)
		return;
	walk_rest(w);
	listing_release(w->options.library, w->plan);
	free(w);
}

struct place
walk_place(const struct walk *w)
{
	if (w->file.id.inode == 0)
		return (struct place){0};
	return (struct place){w->file.id.inode, w->file.id.born, position(w)};
}

void
walk_progress(const struct walk *w, uint64_t *scanned, uint64_t *of)
{
	*scanned = w->bytes_done;
	*of = w->bytes_file + w->bytes_rest;
	if (*of < *scanned)
		*of = *scanned;
}

bool
walk_is_unsettled(const struct walk *w)
{
	return w->file.unsettled;
}

uint64_t
walk_given_up(const struct walk *w)
{
	return w->given_up;
}

/* --- entries --- */

/* The next entry that may match; false: there is none in the window. */
static bool
next_candidate(struct walk *w, size_t *start, size_t *end)
{
	const struct search *s = w->options.search;
	const struct window *win = &w->window;
	size_t p;

	if (w->options.forward) {
		*start = w->at;
		if (w->searching && w->at < win->to) {
			p = search_find(s, w->scratch, win->data, w->at, win->to);
			*start = p < win->to ? window_start(win, p) : win->to;
		}
		if (*start < win->to)
			*end = window_next(win, *start);
		return *start < win->to;
	}
	*end = w->at;
	if (w->searching && w->at > win->from) {
		p = search_find_last(s, w->scratch, win->data + win->from, w->at - win->from);
		*end =
		    p != SIZE_MAX ? window_next(win, window_start(win, win->from + p)) : win->from;
	}
	if (*end > win->from)
		*start = window_previous(win, *end);
	return *end > win->from;
}

static enum search_result
match(struct walk *w, size_t start, size_t end)
{
	const char *text = w->window.data + start;
	size_t len = window_text(&w->window, start, end);
	struct entry_fields fields = {.fits = false};

	if (!w->searching || (w->finding_suffices && len < WINDOW_ENTRY_MAX))
		return SEARCH_YES;
	if (w->wants_logger)
		entry_parse(w->times.parser, &w->times.parse, text, len, &fields);
	return search_entry(w->options.search, w->scratch, text, len,
	    fields.fits ? fields.logger : (struct entry_span){0}, w->options.deadline);
}

static void
pass_entry(struct walk *w, size_t start, size_t end)
{
	w->at = w->options.forward ? end : start;
	w->hit = false;
}

/* Looks for the next entry that matches; it is the hit. WALK_END: there is none in the window. */
static enum walk_result
find_hit(struct walk *w, struct walk_step *step)
{
	enum search_result r;
	size_t start = 0, end = 0;

	for (;;) {
		if (!next_candidate(w, &start, &end))
			return WALK_END;
		r = match(w, start, end);
		if (r == SEARCH_YES)
			break;
		/* At the end of its time it stays before the entry, for whoever goes on from there.
		 */
		if (r == SEARCH_TOO_LONG && clock_monotonic_ns() >= w->options.deadline)
			return WALK_MORE;
		w->given_up += r == SEARCH_TOO_LONG;
		pass_entry(w, start, end);
		if (walk_step_is_over(step))
			return WALK_MORE;
	}
	w->hit = true;
	w->hit_start = start;
	w->hit_end = end;
	return WALK_ENTRY;
}

/* The next entry of the window that is in the range and matches. WALK_END: there is none. */
static enum walk_result
find_entry(struct walk *w, struct walk_step *step, struct walk_entry *entry)
{
	const struct window *win = &w->window;
	enum walk_result found;
	enum times_result r;
	int64_t ms = TIMES_NONE;

	for (unsigned n = 1;; n++) {
		if (n % STEP_ENTRIES == 0 && walk_step_is_over(step))
			return WALK_MORE;
		found = w->hit ? WALK_ENTRY : find_hit(w, step);
		if (found != WALK_ENTRY)
			return found;
		r = TIMES_FOUND;
		if (w->check || !w->options.untimed)
			r = times_of(&w->times, win, w->hit_start, w->hit_end, &ms);
		if (r != TIMES_FOUND)
			return r == TIMES_LATER ? WALK_MORE : WALK_FAILED;
		pass_entry(w, w->hit_start, w->hit_end);
		if (!w->check || walk_parts_in_range(w, ms, ms))
			break;
	}
	*entry = (struct walk_entry){
	    .level = w->level,
	    .text = win->data + w->hit_start,
	    .len = window_text(win, w->hit_start, w->hit_end),
	    .ms = ms,
	    .at = {w->file.id.inode, w->file.id.born, window_offset(win, w->hit_start)},
	    .after = window_offset(win, w->hit_end),
	};
	return WALK_ENTRY;
}

/* --- steps --- */

enum walk_result
walk_next(struct walk *w, struct walk_entry *entry)
{
	struct walk_step step = {0};
	enum walk_result r;

	if (w->searching && w->scratch == NULL) {
		w->scratch = search_scratch_new();
		if (w->scratch == NULL)
			return WALK_FAILED;
	}
	for (;;) {
		r = walk_parts_find(w, &step, NULL, NULL);
		if (r != WALK_ENTRY)
			return r;
		r = find_entry(w, &step, entry);
		if (r != WALK_END)
			return r;
		walk_parts_leave(w);
		if (walk_step_is_over(&step))
			return WALK_MORE;
	}
}

/* --- counting --- */

/* One by one; in the order of the file, where a time that is inherited is known already. */
static enum walk_result
count_entries(struct walk *w, walk_counter *take, void *arg)
{
	const struct window *win = &w->window;
	enum times_result r;
	int64_t ms;
	size_t end;

	for (size_t start = win->from; start < win->to; start = end) {
		end = window_next(win, start);
		r = times_of(&w->times, win, start, end, &ms);
		/* The first is the only one that has to look far. */
		if (r != TIMES_FOUND)
			return r == TIMES_LATER ? WALK_MORE : WALK_FAILED;
		if (ms != TIMES_NONE)
			take(arg, ms, ms, 1);
	}
	return WALK_ENTRY;
}

enum walk_result
walk_count(struct walk *w, walk_counter *take, void *arg)
{
	struct walk_step step = {0};
	enum walk_result r;

	for (;;) {
		r = walk_parts_find(w, &step, take, arg);
		if (r != WALK_ENTRY)
			return r;
		r = count_entries(w, take, arg);
		if (r != WALK_ENTRY)
			return r;
		walk_parts_leave(w);
		if (walk_step_is_over(&step))
			return WALK_MORE;
	}
}
