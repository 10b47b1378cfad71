/*
 * The bound on the memory that all requests take together.
 *
 * Counted are single pieces larger than BUDGET_LEAST: of smaller ones there are only so many for
 * each thread and connection. What the budget refuses, its owner treats as memory that ran out.
 * Any thread.
 */
#ifndef PBU_BUDGET_H
#define PBU_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes of a piece that is not counted. */
#define BUDGET_LEAST ((size_t)64 * 1024)

struct budget {
	size_t max; /* bytes */
	_Atomic size_t used;
};

/* A piece grows from `old` bytes to `new` (0: there is none yet). False when that is beyond the
 * budget: nothing is counted then. NULL is a budget without bounds. */
bool budget_grow(struct budget *b, size_t old, size_t new);

/* A piece shrinks from `old` bytes to `new`, or is freed (0). */
void budget_shrink(struct budget *b, size_t old, size_t new);

#endif
