/* A clock that is the test's own: `now`, in nanoseconds, stands in for all three. */
#ifndef PBU_FAKE_CLOCK_H
#define PBU_FAKE_CLOCK_H

#include "base/clock.h"

static int64_t now = CLOCK_NS_PER_SECOND;

int64_t
clock_now_ns(void)
{
	return now;
}

int64_t
clock_monotonic_ns(void)
{
	return now;
}

int64_t
clock_coarse_ns(void)
{
	return now;
}

#endif
