#include "web/web_settings.h"

#include <sched.h>

#define THREADS_MAX 1024

/*
 * No thread waits for a client or for another, so one keeps a processor busy, and one more is there
 * while one waits for the disk. Measured on two processors, 64 serve a fifth less.
 */
static uint64_t
default_threads(const void *settings)
{
	cpu_set_t set;
	int processors = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	(void)settings;
	return processors < 2		  ? 3
	       : processors < THREADS_MAX ? (uint64_t)processors + 1
					  : THREADS_MAX;
}

static const struct setting rows[] = {
    {.name = "PORT",
	.help = "where nginx listens; checked here, used by start.sh",
	.fallback = "4999",
	.kind = SETTING_NUMBER,
	.low = 1,
	.high = 65535,
	SETTING_INTO(struct web_settings, port)},
    {.name = "MAX_BODY_BYTES",
	.help = "the largest request body",
	.fallback = "16777216",
	.kind = SETTING_NUMBER,
	.low = 1024,
	.high = 1024 * 1024 * 1024,
	SETTING_INTO(struct web_settings, max_body)},
    {.name = "THREADS",
	.help = "requests handled at a time",
	.fallback = "processors + 1, at least 3",
	.computed = default_threads,
	.kind = SETTING_NUMBER,
	.low = 1,
	.high = THREADS_MAX,
	SETTING_INTO(struct web_settings, threads)},
};

const struct setting_group web_settings_group = SETTING_GROUP(rows, NULL);
