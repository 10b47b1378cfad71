/*
 * Memory for one decoded record: handed out in order, given back all at once, bounded. That some of
 * it was refused stays known until the next record (`failed`): one that lacks something is not to
 * be used. Owned by one thread at a time.
 */
#ifndef PBU_ARENA_H
#define PBU_ARENA_H

#include "base/budget.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

struct arena_block {
	struct arena_block *next;
	size_t size; /* bytes of data */
	size_t at;   /* bytes handed out */
	alignas(max_align_t) char data[];
};

struct arena {
	struct arena_block *first; /* kept from record to record */
	struct arena_block *last;  /* the one in use */
	size_t used;		   /* bytes of all blocks, the first included */
	size_t limit;		   /* bytes that `used` may reach */
	bool failed;		   /* an allocation was refused since the last reset */
	bool over_limit;	   /* it was because of the limit */
	struct budget *budget;	   /* that the blocks count against; NULL: none */
};

/* An arena of up to `limit` bytes; it allocates when first used. */
void arena_init(struct arena *a, size_t limit, struct budget *budget);
void arena_free(struct arena *a);

/* What arena_alloc() does when the block in use is full, or there is none. */
void *arena_alloc_block(struct arena *a, size_t n);

static inline size_t
arena_aligned(size_t n)
{
	return (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

/* n bytes, aligned for anything; NULL beyond the limit (over_limit says so) or without memory. */
static inline void *
arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *block = a->last;
	size_t aligned = arena_aligned(n);
	void *p;

	if (block == NULL || aligned > block->size - block->at || aligned < n)
		return arena_alloc_block(a, n);
	p = block->data + block->at;
	block->at += aligned;
	return p;
}

/* Takes everything back; keeps the first block for the next record. */
void arena_reset(struct arena *a);

#endif
