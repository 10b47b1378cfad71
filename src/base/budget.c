#include "base/budget.h"

static size_t
counted(size_t bytes)
{
	return bytes > BUDGET_LEAST ? bytes : 0;
}

bool
budget_grow(struct budget *b, size_t old, size_t new)
{
	size_t more, used;

	if (b == NULL || counted(new) == 0)
		return true;
	more = new - counted(old);
	used = atomic_load_explicit(&b->used, memory_order_relaxed);
	do {
		if (used > b->max || more > b->max - used)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
	    &b->used, &used, used + more, memory_order_relaxed, memory_order_relaxed));
	return true;
}

void
budget_shrink(struct budget *b, size_t old, size_t new)
{
	size_t less = counted(old) - counted(new);

	if (b != NULL && less > 0)
		atomic_fetch_sub_explicit(&b->used, less, memory_order_relaxed);
}
