/*
 * The order in which a peer may give its entries, as far as it can be told: in each level places
 * go one way, and an entry of one is not before those of others that came since its last one.
 * (Times in a file may go back.)
 */
#ifndef PBU_PEERS_ORDER_H
#define PBU_PEERS_ORDER_H

#include "reader/peer_frame.h"

struct peers_order {
	bool forward;
	struct {
		bool placed;
		struct place last; /* of its last entry */
		int64_t bound;	   /* of others' times since then: it is not before that */
	} level[LEVEL_COUNT];
};

void peers_order_init(struct peers_order *o, bool forward);

/* From here on a level's entries are bound by its own places alone. */
void peers_order_unbind(struct peers_order *o);

/* Takes the next entry; false: it can't come here. */
bool peers_order_take(struct peers_order *o, const struct peer_frame *f);

#endif
