#include "json/arena.h"

#include <stdlib.h>

/* Enough for an ordinary record, so that one is decoded without malloc. */
#define ARENA_FIRST_BLOCK (16 * 1024)

void
arena_init(struct arena *a, size_t limit, struct budget *budget)
{
	*a = (struct arena){.limit = limit, .budget = budget};
}

static void
free_blocks(struct arena *a, struct arena_block *block)
{
	while (block != NULL) {
		struct arena_block *next = block->next;

		budget_shrink(a->budget, block->size, 0);
		free(block);
		block = next;
	}
}

void
arena_free(struct arena *a)
{
	free_blocks(a, a->first);
	arena_init(a, a->limit, a->budget);
}

static struct arena_block *
add_block(struct arena *a, size_t n)
{
	/* Doubling keeps the number of blocks small whatever the record's size. */
	size_t size = a->last == NULL ? ARENA_FIRST_BLOCK : a->last->size * 2;
	struct arena_block *block;

	while (size < n)
		size *= 2;
	if (size > a->limit - a->used)
		size = a->limit - a->used;
	if (size < n) {
		a->over_limit = true;
		return NULL;
	}
	if (!budget_grow(a->budget, 0, size))
		return NULL;
	block = malloc(sizeof(*block) + size);
	if (block == NULL) {
		budget_shrink(a->budget, size, 0);
		return NULL;
	}
	block->next = NULL;
	block->size = size;
	block->at = 0;
	if (a->last == NULL)
		a->first = block;
	else
		a->last->next = block;
	a->last = block;
	a->used += size;
	return block;
}

void *
arena_alloc_block(struct arena *a, size_t n)
{
	struct arena_block *block = NULL;

	if (n > a->limit)
		a->over_limit = true;
	else if (!a->failed)
		block = add_block(a, arena_aligned(n));
	if (block == NULL) {
		a->failed = true;
		return NULL;
	}
	block->at = arena_aligned(n);
	return block->data;
}

void
arena_reset(struct arena *a)
{
	a->failed = a->over_limit = false;
	if (a->first == NULL)
		return;
	free_blocks(a, a->first->next);
	a->first->next = NULL;
	a->first->at = 0;
	a->last = a->first;
	a->used = a->first->size;
}
