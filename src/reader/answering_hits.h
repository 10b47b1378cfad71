/* What the histograms of one server and of several have in common. */
#ifndef PBU_ANSWERING_HITS_H
#define PBU_ANSWERING_HITS_H

#include "reader/answering.h"

struct answering_hits {
	uint64_t (*counts)[LEVEL_COUNT]; /* by bucket; zeroed, and owned */
	size_t buckets;
	int64_t width; /* milliseconds; 0: not known yet */
};

/* As many buckets as the selection says; false, with errno. */
bool answering_hits_new(struct answering_hits *h, const struct selection *s);
void answering_hits_free(struct answering_hits *h);

/* Whether the selection leaves its range open. */
bool answering_hits_is_open(const struct selection *s);

/* Sets what it leaves open to what the files hold; to an empty range when there is nothing. */
void answering_hits_range(struct selection *s, const struct library_range *range);

/* Sets the width to the range's part; false: the range is empty. */
bool answering_hits_divide(struct answering_hits *h, const struct selection *s);

/* Appends {"start": ..., "width": ..., "counts": {...}, without what ends it. */
void answering_hits_append(struct answering *a, const struct answering_hits *h);

/* How many all are. */
uint64_t answering_hits_sum(const struct answering_hits *h);

#endif
