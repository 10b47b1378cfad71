#include "reader/library.h"

#include <stdlib.h>

static void
add(struct library_range *range, int64_t ms)
{
	if (ms == INT64_MIN)
		return;
	if (ms < range->first)
		range->first = ms;
	if (ms > range->last)
		range->last = ms;
}

void
library_range_add(struct library_range *range, const struct library_file *f)
{
	/* The last may be before the first, as clocks are set back. */
	add(range, f->first);
	add(range, f->last);
	/* Its end is far from any time. */
	if (f->last == INT64_MIN && f->first != INT64_MIN)
		add(range, f->first > f->modified ? f->first : f->modified);
}

bool
library_range(struct library *l, unsigned levels, struct library_range *range)
{
	for (int level = 0; level < LEVEL_COUNT; level++) {
		struct library_file *files;
		size_t count;

		if ((levels & LEVEL_BIT(level)) == 0)
			continue;
		files = library_list(l, (enum level)level, &count);
		if (files == NULL)
			return false;
		for (size_t i = 0; i < count; i++)
			library_range_add(range, &files[i]);
		free(files);
	}
	return true;
}
