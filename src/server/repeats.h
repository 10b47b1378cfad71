/*
 * What was taken already, by Idempotency-Key: a request that is sent again is not written again.
 *
 * A key is "<id>-<number>": the id is one client's, from its start to its end, and it counts its
 * requests. Of each client the greatest number taken is remembered, and which of the REPEATS_WINDOW
 * numbers up to it were: one that was refused, and comes again after greater ones, is written. What
 * is not known to be taken is written, too: a number below the window, one of a client that was
 * forgotten, all after a restart. Twice is better than never.
 *
 * The key alone is compared: a client that gives another request the same key loses it.
 *
 * Of several requests with one key at once the first is written; the others wait for what becomes
 * of it, and no thread waits with them. They are refused when it is: what kept the first from being
 * written would keep the next, and who was told to come again does so after a pause. While the
 * disk hangs its clients come again and again, and so do those of a proxy that gave up: what all
 * that wait hold is bounded, and the next is refused.
 *
 * Any thread. The lock is a leaf, held for a look-up.
 */
#ifndef PBU_REPEATS_H
#define PBU_REPEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* Characters of an id. */
#define REPEATS_ID_MAX 64

/* Numbers of a client, from the greatest downwards, of which it is known whether they were taken.
 */
#define REPEATS_WINDOW 64

/* Clients that a server remembers: 1.3 MiB. */
#define REPEATS_CLIENTS 10000

/* What a key must look like, in words. */
#define REPEATS_FORM                                                                               \
	"<id>-<number>: 1 to 64 of A-Z, a-z, 0-9, \".\", \"_\" and \"-\", then a decimal up to "   \
	"9223372036854775807"

struct repeats_key {
	const char *id; /* not terminated; where it was parsed from */
	size_t len;
	uint64_t number;
	uint32_t hash; /* of the id */
};

/* One request's; it stays where it is until it is settled, and its key's text with it. */
struct repeats_claim {
	struct repeats_key key;
	void *owner;		       /* the claimant's own */
	size_t bytes;		       /* of memory that it holds while it waits */
	struct repeats_claim *next;    /* of those that waited */
	struct repeats_claim *waiting; /* those that wait for it */
	size_t waiting_bytes;	       /* and what they hold */
	LIST_ENTRY(repeats_claim) links;
};

enum repeats_verdict {
	REPEATS_FIRST, /* to be written, and settled then */
	REPEATS_TAKEN, /* it was written before */
	REPEATS_WAITS, /* another is under way: repeats_settle() of that returns this one. It is not
			  the caller's any more. */
	REPEATS_FULL,  /* it would have to wait, and too much waits already: nothing is claimed */
};

struct repeats;

/* It remembers so many clients at most; claims that wait hold so many bytes, and one more. NULL
 * when memory ran out. */
struct repeats *repeats_new(size_t clients, size_t waiting_max);

/* No claim may be unsettled. */
void repeats_free(struct repeats *r);

/* Takes a header's text apart. False: it is no key. */
bool repeats_parse(const char *text, struct repeats_key *key);

/* Claims a key for one request: key, owner and bytes are set. */
enum repeats_verdict repeats_claim(struct repeats *r, struct repeats_claim *c);

/* What became of a claim that was REPEATS_FIRST: `taken` for good, or nothing is remembered and the
 * key may come again. Returns those that waited for it, a list: the caller has to take them on,
 * with the same result. */
struct repeats_claim *repeats_settle(struct repeats *r, struct repeats_claim *c, bool taken);

#endif
