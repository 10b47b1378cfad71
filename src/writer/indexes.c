#include "writer/indexes.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_LEAST 4

void
indexes_free(struct indexes *set)
{
	free(set->range);
	*set = (struct indexes){0};
}

static struct indexes_range *
ranges_of(struct indexes *set)
{
	return set->room == 0 ? &set->first : set->range;
}

const struct indexes_range *
indexes_ranges(const struct indexes *set)
{
	return set->room == 0 ? &set->first : set->range;
}

/* The first range that ends at or after the index: most often the last one, or none. */
static uint32_t
find(const struct indexes *set, uint32_t index)
{
	const struct indexes_range *r = indexes_ranges(set);
	uint32_t low = 0, high = set->count;

	if (high > 0 && r[high - 1].to < index)
		return high;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (r[middle].to < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
indexes_have(const struct indexes *set, uint32_t index)
{
	uint32_t at = find(set, index);

	return at < set->count && indexes_ranges(set)[at].from <= index;
}

/* Room for one range more. `first` is the set's own, which may move. */
static bool
reserve(struct indexes *set)
{
	uint32_t room = set->room == 0 ? ROOM_LEAST : set->room * 2;
	struct indexes_range *more;

	if (set->count < set->room || set->count == 0)
		return true;
	more = realloc(set->range, room * sizeof(*more));
	if (more == NULL)
		return false;
	if (set->room == 0)
		more[0] = set->first;
	set->range = more;
	set->room = room;
	return true;
}

int
indexes_add(struct indexes *set, uint32_t from, uint32_t to)
{
	struct indexes_range *r = ranges_of(set);
	uint32_t at = find(set, from);
	bool joins_below = at > 0 && r[at - 1].to + 1 == from;
	bool joins_above = at < set->count && r[at].from == to + 1;

	if (joins_below && joins_above) {
		r[at - 1].to = r[at].to;
		memmove(r + at, r + at + 1, (set->count - at - 1) * sizeof(*r));
		set->count--;
		return -1;
	}
	if (joins_below || joins_above) {
		if (joins_below)
			r[at - 1].to = to;
		else
			r[at].from = from;
		return 0;
	}
	if (!reserve(set))
		return 0;
	r = ranges_of(set);
	memmove(r + at + 1, r + at, (set->count - at) * sizeof(*r));
	r[at] = (struct indexes_range){from, to};
	set->count++;
	return 1;
}

void
indexes_write(const struct indexes *set, struct buf *out)
{
	const struct indexes_range *r = indexes_ranges(set);

	for (uint32_t i = 0; i < set->count; i++) {
		if (i > 0)
			buf_putc(out, ',');
		buf_put_number(out, r[i].from);
		if (r[i].to > r[i].from) {
			buf_putc(out, '-');
			buf_put_number(out, r[i].to);
		}
	}
}

bool
indexes_read_number(const char **at, uint64_t most, uint64_t *number)
{
	const char *p = *at;
	uint64_t n = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (n > (most - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (p == *at)
		return false;
	*at = p;
	*number = n;
	return true;
}

bool
indexes_read_range(const char **at, uint32_t least, struct indexes_range *range)
{
	uint64_t from, to;

	if (!indexes_read_number(at, INDEXES_MAX, &from))
		return false;
	to = from;
	if (**at == '-') {
		++*at;
		if (!indexes_read_number(at, INDEXES_MAX, &to))
			return false;
	}
	*range = (struct indexes_range){(uint32_t)from, (uint32_t)to};
	return from >= least && to >= from;
}
