/*
 * For test_civil_times.py: reads lines of a zone, a letter and a number, and answers each with a
 * number. U: the offset at an instant, in seconds; L: the instant of a local time as if it were
 * UTC.
 */
#include "base/civil.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int
main(void)
{
	struct civil_zone z = {.name = "-"};
	char name[CIVIL_NAME_SIZE], letter;
	int64_t second;

	civil_start();
	while (scanf("%63s %c %" SCNd64, name, &letter, &second) == 3) {
		struct civil c;

		if (strcmp(name, z.name) != 0 && !civil_zone_open(&z, name)) {
			fprintf(stderr, "%s: no zone\n", name);
			return 1;
		}
		if (letter == 'U') {
			printf("%" PRId32 "\n", civil_offset(&z, second * 1000));
			continue;
		}
		/* The calendar is tested by the unit tests. */
		c = (struct civil){.year = 1970, .month = 1, .day = 1};
		c.day += (int)(second / 86400);
		c.second = (int)(second % 86400);
		printf("%" PRId64 "\n", civil_to_ms(&z, &c) / 1000);
	}
	return 0;
}
