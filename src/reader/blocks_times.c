#include "reader/blocks_times.h"

/* Blocks that are looked through in a step for a time to inherit: a few milliseconds. */
#define STEP_BLOCKS 32

/* Read first at a place, for one entry. */
#define PROBE 4096

/* The bytes of a sample, and of how many times it is, where it is one. */
#define SAMPLE	     16384
#define SAMPLE_MOST  16
#define SAMPLE_LEAST 8

/*
 * Blocks between two samples, and such as are looked through before the place of a time, whatever
 * they hold. Where clocks are put back by an hour, the first of the two places may lie between two
 * samples only where STRIDE blocks take longer than TIMES_EARLY; the second is not further then
 * than NEAR_BLOCKS.
 */
#define STRIDE	    2
#define NEAR_BLOCKS (STRIDE * (3600 * 1000 / TIMES_EARLY + 2))

void
times_open(struct times *t, int fd, bool growing)
{
	t->fd = fd;
	t->growing = growing;
	t->inherited.known = false;
	t->search.phase = TIMES_IDLE;
}

void
times_free(struct times *t)
{
	window_free(&t->look);
	entry_parse_free(&t->parse);
	t->parse = (struct entry_parse){0};
}

void
times_grown(struct times *t)
{
	if (t->inherited.ms == TIMES_NONE)
		t->inherited.known = false;
	t->search.phase = TIMES_IDLE;
}

static bool
own_time(struct times *t, const struct window *w, size_t start, size_t end, int64_t *ms)
{
	int64_t time;

	if (!entry_parse_time(
		t->parser, &t->parse, w->data + start, window_text(w, start, end), &time))
		return false;
	*ms = time;
	return true;
}

/* --- what is inherited --- */

static enum times_result
inherit(struct times *t, uint64_t from, uint64_t to, int64_t time, int64_t *ms)
{
	t->inherited.known = true;
	t->inherited.from = from;
	t->inherited.to = to;
	t->inherited.ms = *ms = time;
	t->search.phase = TIMES_IDLE;
	return TIMES_FOUND;
}

/* Looks through the entries of a window that end at `end` or before. */
static bool
look_back(struct times *t, const struct window *w, size_t end, int64_t *ms)
{
	uint64_t wanted = t->search.wanted, offset;
	size_t start;
	int64_t time;

	for (; end > w->from; end = start) {
		start = window_previous(w, end);
		offset = window_offset(w, start);
		if (own_time(t, w, start, end, &time)) {
			inherit(t, offset, wanted, time, ms);
			return true;
		}
		if (t->inherited.known && offset >= t->inherited.from &&
		    offset <= t->inherited.to) {
			inherit(t, t->inherited.from, wanted, t->inherited.ms, ms);
			return true;
		}
	}
	return false;
}

static enum times_result
search_back(struct times *t, int64_t *ms)
{
	uint64_t from;

	for (int i = 0; i < STEP_BLOCKS; i++) {
		if (t->search.at == 0) {
			t->search.phase = TIMES_AHEAD;
			t->search.at = t->search.wanted;
			return TIMES_LATER;
		}
		from = (t->search.at - 1) / BLOCK_SIZE * BLOCK_SIZE;
		if (!window_load(&t->look, t->fd, from, t->search.at, t->growing))
			return TIMES_FAILED;
		if (look_back(t, &t->look, t->look.to, ms))
			return TIMES_FOUND;
		t->search.at = from;
	}
	return TIMES_LATER;
}

/* All before it have none. */
static enum times_result
search_ahead(struct times *t, int64_t *ms)
{
	const struct window *w = &t->look;
	uint64_t to;
	size_t end;
	int64_t time;

	for (int i = 0; i < STEP_BLOCKS; i++) {
		to = (t->search.at / BLOCK_SIZE + 1) * BLOCK_SIZE;
		if (!window_load(&t->look, t->fd, t->search.at, to, t->growing))
			return TIMES_FAILED;
		for (size_t start = w->from; start < w->to; start = end) {
			end = window_next(w, start);
			if (own_time(t, w, start, end, &time))
				return inherit(t, 0, t->search.wanted, time, ms);
		}
		if (w->at_end)
			return inherit(t, 0, t->search.wanted, TIMES_NONE, ms);
		t->search.at = to;
	}
	return TIMES_LATER;
}

enum times_result
times_of(struct times *t, const struct window *w, size_t start, size_t end, int64_t *ms)
{
	uint64_t offset = window_offset(w, start);
	enum times_result r;

	if (own_time(t, w, start, end, ms))
		return TIMES_FOUND;
	if (t->inherited.known && offset >= t->inherited.from && offset <= t->inherited.to) {
		*ms = t->inherited.ms;
		return TIMES_FOUND;
	}
	if (t->search.phase == TIMES_IDLE || t->search.wanted != offset) {
		t->search.phase = TIMES_BACK;
		t->search.wanted = offset;
		if (look_back(t, w, start, ms))
			return TIMES_FOUND;
		t->search.at = window_offset(w, w->from);
	}
	r = t->search.phase == TIMES_BACK ? search_back(t, ms) : TIMES_LATER;
	if (r == TIMES_LATER && t->search.phase == TIMES_AHEAD)
		r = search_ahead(t, ms);
	return r;
}

/* --- a window --- */

enum times_result
times_scan(struct times *t, const struct window *w, struct block_times *times)
{
	bool known = false, own;
	enum times_result r;
	int64_t ms = 0, time;
	size_t end, len;

	*times = (struct block_times){.least = INT64_MAX, .greatest = INT64_MIN};
	for (size_t start = w->from; start < w->to; start = end) {
		end = window_next(w, start);
		len = window_text(w, start, end);
		/* The rest of one may not fit, as hardly ever; then it has a time of another. */
		if (known)
			own =
			    entry_parse_time_if(t->parser, &t->parse, w->data + start, len, &time);
		else
			own = own_time(t, w, start, end, &time);
		if (own) {
			ms = time;
		} else if (!known) {
			r = times_of(t, w, start, end, &ms);
			if (r != TIMES_FOUND)
				return r;
		}
		known = true;
		times->entries++;
		if (ms < times->least)
			times->least = ms;
		if (ms > times->greatest)
			times->greatest = ms;
	}
	return TIMES_FOUND;
}

/* --- the place of a time --- */

/* The first entry with a time of its own that begins in that block: its time and offset. One that
 * is not found is no failure. */
static bool
probe(struct times *t, uint64_t block, bool *found, int64_t *ms, uint64_t *offset)
{
	const struct window *w = &t->look;
	uint64_t from = block * BLOCK_SIZE, to = from + PROBE, last = from + BLOCK_SIZE;
	size_t end;

	*found = false;
	for (; from < last; from = to, to = last) {
		if (!window_load(&t->look, t->fd, from, to, t->growing))
			return false;
		for (size_t start = w->from; start < w->to; start = end) {
			end = window_next(w, start);
			if (own_time(t, w, start, end, ms)) {
				*found = true;
				*offset = window_offset(w, start);
				return true;
			}
		}
	}
	return true;
}

bool
times_first(struct times *t, uint64_t bytes_max, int64_t *ms)
{
	uint64_t offset;
	bool found;

	*ms = TIMES_NONE;
	for (uint64_t block = 0; block < bytes_max / BLOCK_SIZE; block++) {
		if (!probe(t, block, &found, ms, &offset))
			return false;
		if (found || t->look.at_end)
			return true;
	}
	return true;
}

bool
times_last(struct times *t, uint64_t bytes, uint64_t bytes_max, int64_t *ms)
{
	const struct window *w = &t->look;
	uint64_t to = bytes, from;
	size_t start;

	*ms = TIMES_NONE;
	for (; to > 0 && bytes - to < bytes_max; to = from) {
		/* A little first, which does most often. */
		from = to == bytes && to > PROBE ? to - PROBE : (to - 1) / BLOCK_SIZE * BLOCK_SIZE;
		if (!window_load(&t->look, t->fd, from, to, t->growing))
			return false;
		for (size_t end = w->to; end > w->from; end = start) {
			start = window_previous(w, end);
			if (own_time(t, w, start, end, ms))
				return true;
		}
	}
	return true;
}

static int64_t
add_bounded(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

/* The last block whose first entry is before a time: what is in range is not before it. */
static bool
find_last_before(struct times *t, uint64_t blocks, int64_t time, uint64_t *block)
{
	uint64_t lo = 0, hi = blocks, middle = blocks - 1, offset;
	int64_t ms;
	bool found;

	/* The last first: most files are older than what is asked for. */
	for (; hi - lo > 1; middle = lo + (hi - lo) / 2) {
		if (!probe(t, middle, &found, &ms, &offset))
			return false;
		if (found && ms < time)
			lo = middle;
		else
			hi = middle;
	}
	*block = lo;
	return true;
}

/* The greatest of some times at the begin of a block, as any may be late; *enough: they were as
 * many as that tells where one is. */
static bool
sample(struct times *t, uint64_t block, int64_t *greatest, bool *enough)
{
	const struct window *w = &t->look;
	uint64_t from = block * BLOCK_SIZE;
	int n = 0;
	int64_t ms;
	size_t end;

	*greatest = TIMES_NONE;
	if (!window_load(&t->look, t->fd, from, from + SAMPLE, t->growing))
		return false;
	for (size_t start = w->from; start < w->to && n < SAMPLE_MOST; start = end) {
		end = window_next(w, start);
		if (!own_time(t, w, start, end, &ms))
			continue;
		n++;
		if (ms > *greatest)
			*greatest = ms;
	}
	*enough = n >= SAMPLE_LEAST;
	return true;
}

/*
 * The block before which no entry is from `start` on. Bisection alone finds one of the places of a
 * time; where clocks were put back there are two, and an entry that is late may mislead it. So it
 * is asked for the place TIMES_LATE before, which there is one of, and from there samples are taken
 * until times come near, or are too few to tell.
 */
static bool
find_from(struct times *t, uint64_t blocks, int64_t start, uint64_t *from)
{
	const int64_t near = add_bounded(start, -TIMES_EARLY);
	int64_t greatest;
	uint64_t first, block;
	bool enough;

	if (!find_last_before(t, blocks, add_bounded(start, -TIMES_LATE), &first))
		return false;
	for (block = first; block + STRIDE < blocks; block += STRIDE) {
		if (!sample(t, block + STRIDE, &greatest, &enough))
			return false;
		if (!enough || greatest >= near)
			break;
	}
	*from = (block - first > NEAR_BLOCKS ? block - NEAR_BLOCKS : first) * BLOCK_SIZE;
	return true;
}

/* The first entry at a block's begin which is at a time or after it: what is in range is before it.
 */
static bool
find_to(struct times *t, uint64_t blocks, int64_t time, uint64_t *to)
{
	uint64_t lo = 0, hi = blocks, middle = 0, offset;
	int64_t ms;
	bool found;

	for (; lo < hi; middle = lo + (hi - lo) / 2) {
		if (!probe(t, middle, &found, &ms, &offset))
			return false;
		if (found && ms >= time) {
			hi = middle;
			*to = offset;
		} else {
			lo = middle + 1;
		}
	}
	return true;
}

bool
times_narrow(
    struct times *t, uint64_t bytes, int64_t start, int64_t end, uint64_t *from, uint64_t *to)
{
	uint64_t blocks = (bytes + BLOCK_SIZE - 1) / BLOCK_SIZE;

	*from = 0;
	*to = UINT64_MAX;
	if (blocks == 0)
		return true;
	if (start != INT64_MIN && !find_from(t, blocks, start, from))
		return false;
	return end == INT64_MAX || find_to(t, blocks, add_bounded(end, TIMES_LATE), to);
}
