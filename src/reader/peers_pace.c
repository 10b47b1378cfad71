#include "reader/peers_pace.h"

#include "base/clock.h"

/* For a byte: 16 KiB a second, of the slowest line between servers. */
#define BYTE_NS (CLOCK_NS_PER_SECOND / (16 * 1024))

/* For an entry, however short: a peer that finds less than one in 200 ms says how far it is. */
#define ENTRY_NS (CLOCK_NS_PER_SECOND / 4)

/* For a byte that it looked through, as it says: 256 KiB a second, of the slowest expression on a
 * machine that is busy; and as that is but a word, six hours in all. */
#define SCANNED_NS  (CLOCK_NS_PER_SECOND / (256 * 1024))
#define SCANNED_MAX ((uint64_t)6 * 3600 * 256 * 1024)

/* Between two looks more than this was something else: a client that takes nothing. */
#define STEP_MAX (CLOCK_NS_PER_SECOND / 5)

void
peers_pace_init(struct peers_pace *p, int64_t allowed)
{
	*p = (struct peers_pace){.allowed = allowed};
}

void
peers_pace_rest(struct peers_pace *p)
{
	p->last = 0;
}

void
peers_pace_bytes(struct peers_pace *p, size_t bytes)
{
	p->allowed += (int64_t)bytes * BYTE_NS;
}

void
peers_pace_entry(struct peers_pace *p)
{
	p->allowed += ENTRY_NS;
}

void
peers_pace_scanned(struct peers_pace *p, uint64_t bytes)
{
	if (bytes > SCANNED_MAX - p->scanned)
		bytes = SCANNED_MAX - p->scanned;
	p->scanned += bytes;
	p->allowed += (int64_t)bytes * SCANNED_NS;
}

bool
peers_pace_wait(struct peers_pace *p, int64_t now, size_t bytes)
{
	const int64_t step = p->last != 0 ? now - p->last : 0;

	p->waited += step < STEP_MAX ? step : STEP_MAX;
	p->last = now;
	return p->waited < p->allowed + (int64_t)bytes * BYTE_NS;
}
