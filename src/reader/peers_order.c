#include "reader/peers_order.h"

void
peers_order_init(struct peers_order *o, bool forward)
{
	*o = (struct peers_order){.forward = forward};
	peers_order_unbind(o);
}

void
peers_order_unbind(struct peers_order *o)
{
	for (int level = 0; level < LEVEL_COUNT; level++)
		o->level[level].bound = o->forward ? INT64_MIN : INT64_MAX;
}

/* Whether a place is further on, as far as can be told: not of another file. */
static bool
goes_on(const struct place *last, const struct place *at, bool forward)
{
	if (at->inode != last->inode || at->born != last->born)
		return true;
	return forward ? at->offset > last->offset : at->offset < last->offset;
}

bool
peers_order_take(struct peers_order *o, const struct peer_frame *f)
{
	const bool forward = o->forward;

	if (o->level[f->level].placed && !goes_on(&o->level[f->level].last, &f->at, forward))
		return false;
	if (forward ? f->ms < o->level[f->level].bound : f->ms > o->level[f->level].bound)
		return false;
	o->level[f->level].placed = true;
	o->level[f->level].last = f->at;
	o->level[f->level].bound = forward ? INT64_MIN : INT64_MAX;
	for (int level = 0; level < LEVEL_COUNT; level++) {
		int64_t *bound = &o->level[level].bound;

		if (level != (int)f->level && (forward ? f->ms > *bound : f->ms < *bound))
			*bound = f->ms;
	}
	return true;
}
