#include "files/health.h"

#include "base/clock.h"

#include <stdio.h>

/* Rounds come twice a second. One that takes longer waits for a disk. */
#define ROUND_MAX (5 * CLOCK_NS_PER_SECOND)

void
health_init(struct health *h)
{
	*h = (struct health){0};
	pthread_mutex_init(&h->mutex, NULL);
}

void
health_destroy(struct health *h)
{
	pthread_mutex_destroy(&h->mutex);
}

void
health_bad(struct health *h, unsigned bit, const char *why)
{
	pthread_mutex_lock(&h->mutex);
	h->failures++;
	for (int i = 0; i < HEALTH_PARTS; i++) {
		if ((bit & 1U << i) == 0)
			continue;
		h->part[i].failure = h->failures;
		snprintf(h->part[i].why, sizeof(h->part[i].why), "%s", why);
	}
	pthread_mutex_unlock(&h->mutex);
}

void
health_good(struct health *h, unsigned bits)
{
	health_good_since(h, bits, UINT64_MAX);
}

uint64_t
health_failures(struct health *h)
{
	uint64_t failures;

	pthread_mutex_lock(&h->mutex);
	failures = h->failures;
	pthread_mutex_unlock(&h->mutex);
	return failures;
}

void
health_good_since(struct health *h, unsigned bits, uint64_t failures)
{
	pthread_mutex_lock(&h->mutex);
	for (int i = 0; i < HEALTH_PARTS; i++) {
		if ((bits & 1U << i) != 0 && h->part[i].failure <= failures)
			h->part[i].failure = 0;
	}
	pthread_mutex_unlock(&h->mutex);
}

void
health_round(struct health *h)
{
	pthread_mutex_lock(&h->mutex);
	h->round = clock_monotonic_ns();
	pthread_mutex_unlock(&h->mutex);
}

bool
health_ask(struct health *h, char *why, size_t size)
{
	uint64_t last = 0;
	bool good = true;

	pthread_mutex_lock(&h->mutex);
	for (int i = 0; i < HEALTH_PARTS; i++) {
		if (h->part[i].failure <= last)
			continue;
		last = h->part[i].failure;
		snprintf(why, size, "%s", h->part[i].why);
		good = false;
	}
	if (good && h->round != 0 && clock_monotonic_ns() - h->round > ROUND_MAX) {
		snprintf(why, size, "the disk does not answer");
		good = false;
	}
	pthread_mutex_unlock(&h->mutex);
	return good;
}
