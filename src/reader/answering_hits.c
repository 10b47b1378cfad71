#include "reader/answering_hits.h"

#include <inttypes.h>
#include <stdlib.h>

bool
answering_hits_new(struct answering_hits *h, const struct selection *s)
{
	*h = (struct answering_hits){.buckets = s->buckets};
	h->counts = calloc(h->buckets, sizeof(*h->counts));
	return h->counts != NULL;
}

void
answering_hits_free(struct answering_hits *h)
{
	free(h->counts);
}

bool
answering_hits_is_open(const struct selection *s)
{
	return s->start == INT64_MIN || s->end == INT64_MAX;
}

void
answering_hits_range(struct selection *s, const struct library_range *range)
{
	const bool some = range->first <= range->last;

	if (s->start == INT64_MIN)
		s->start = some ? range->first : 0;
	if (s->end == INT64_MAX)
		s->end = some && range->last >= s->start ? range->last + 1 : s->start;
	if (s->start > s->end)
		s->start = s->end;
}

bool
answering_hits_divide(struct answering_hits *h, const struct selection *s)
{
	const uint64_t span = (uint64_t)s->end - (uint64_t)s->start;

	h->width = span > 0 ? (int64_t)((span + h->buckets - 1) / h->buckets) : 1;
	/* As many as reach the end. */
	h->buckets = (size_t)((span + (uint64_t)h->width - 1) / (uint64_t)h->width);
	return span > 0;
}

void
answering_hits_append(struct answering *a, const struct answering_hits *h)
{
	const struct selection *s = a->selection;
	struct buf *out = &a->buf;
	char start[CIVIL_ISO_SIZE];
	bool first = true;

	civil_iso(&a->selection->zone, s->start, start);
	buf_printf(
	    out, "{\"start\": \"%s\", \"width\": %" PRId64 ", \"counts\": {", start, h->width);
	for (int level = 0; level < LEVEL_COUNT; level++) {
		if ((s->levels & LEVEL_BIT(level)) == 0)
			continue;
		buf_printf(out, "%s\"%s\": [", first ? "" : ", ", level_name((enum level)level));
		for (size_t i = 0; i < h->buckets; i++) {
			if (i > 0)
				buf_puts(out, ", ");
			buf_put_number(out, h->counts[i][level]);
		}
		buf_putc(out, ']');
		first = false;
	}
	buf_puts(out, "}, ");
}

uint64_t
answering_hits_sum(const struct answering_hits *h)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < h->buckets; i++) {
		for (int level = 0; level < LEVEL_COUNT; level++)
			sum += h->counts[i][level];
	}
	return sum;
}
