/* What every fuzz target includes. A target is for libFuzzer, or for replay.c with files. */
#ifndef PBU_FUZZ_H
#define PBU_FUZZ_H

#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops the run: the input is kept. */
#define require(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Takes the text up to the next newline off the front of an input. */
static inline struct buf
fuzz_line(const uint8_t **data, size_t *size)
{
	const uint8_t *end = *size > 0 ? memchr(*data, '\n', *size) : NULL;
	size_t n = end != NULL ? (size_t)(end - *data) : *size;
	struct buf line = BUF_INIT;

	buf_append(&line, *data, n);
	n += end != NULL;
	*data += n;
	*size -= n;
	return line;
}

/*
 * What the server puts into a file: valid UTF-8, no control characters but tab and newline, whole
 * entries, continuation lines that begin with a tab. Returns how many entries it is.
 */
size_t fuzz_check_entries(const struct buf *out);

/*
 * What GET /metrics answers: Prometheus' text format, version 0.0.4. Returns the sum of all samples
 * of one family.
 */
double fuzz_check_metrics(const struct buf *out, const char *summed);

#endif
