/*
 * The least that decoding a record can cost with cJSON as it comes: cJSON_ParseWithLength() and
 * cJSON_Delete(), again and again.
 *
 *   cjson_baseline FILE RUNS      prints the processor's nanoseconds per run
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double
cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

int
main(int argc, char **argv)
{
	static char record[1024 * 1024];
	FILE *f = argc == 3 ? fopen(argv[1], "r") : NULL;
	long runs = argc == 3 ? atol(argv[2]) : 0;
	size_t len;
	double start;

	if (f == NULL || runs < 1) {
		fprintf(stderr, "usage: cjson_baseline FILE RUNS\n");
		return 2;
	}
	len = fread(record, 1, sizeof(record), f);
	fclose(f);
	start = cpu_ns();
	for (long i = 0; i < runs; i++) {
		cJSON *item = cJSON_ParseWithLength(record, len);

		if (item == NULL)
			return 1;
		cJSON_Delete(item);
	}
	printf("%.1f\n", (cpu_ns() - start) / (double)runs);
	return 0;
}
