#include "reader/library.h"

#include <stdlib.h>

void
library_range_add(struct library_range *range, const struct library_file *f)
{
	int64_t last = f->last;

	if (f->first != INT64_MIN && f->first < range->first)
		range->first = f->first;
	/* Its end is far from any time. */
	if (f->last == INT64_MIN && f->first != INT64_MIN)
		last = f->first > f->modified ? f->first : f->modified;
	if (last != INT64_MIN && last > range->last)
		range->last = last;
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
