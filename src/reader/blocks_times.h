/*
 * Times of the entries of one open file. An entry that has none itself has that of the entry before
 * it; where there is none before, that of the first after it; where there is none at all,
 * TIMES_NONE. For one thread at a time.
 */
#ifndef PBU_BLOCKS_TIMES_H
#define PBU_BLOCKS_TIMES_H

#include "reader/blocks.h"
#include "reader/blocks_window.h"
#include "record/entry_parse.h"

#include <stdbool.h>
#include <stdint.h>

#define TIMES_NONE INT64_MIN

/* How long after its time an entry may come, as late ones do, and all in a night when clocks are
 * put back; and how far ahead of where it stands in the file its time may be, as where a client's
 * clock is fast. Milliseconds. */
#define TIMES_LATE  (INT64_C(2) * 3600 * 1000)
#define TIMES_EARLY (INT64_C(5) * 60 * 1000)

enum times_result {
	TIMES_FOUND,
	TIMES_LATER,  /* it was looked for so far; ask the same again */
	TIMES_FAILED, /* errno */
};

struct times {
	const struct entry_parser *parser;
	struct entry_parse parse;
	int fd;
	bool growing;	    /* the file is written to */
	struct window look; /* of its own */
	/* Entries without a time that start within this have that time. */
	struct {
		bool known;
		uint64_t from, to;
		int64_t ms;
	} inherited;
	/* The search for a time to inherit: for whom, and how far it is. */
	struct {
		enum { TIMES_IDLE, TIMES_BACK, TIMES_AHEAD } phase;
		uint64_t wanted, at;
	} search;
};

/* Begins with a file; memory stays for the next. A zeroed one needs the parser first. */
void times_open(struct times *t, int fd, bool growing);
/* Gives all memory back. */
void times_free(struct times *t);
/* The file has grown: what had no time at all may have one now. */
void times_grown(struct times *t);

/* Of the entry at [start, end) of the window. */
enum times_result times_of(
    struct times *t, const struct window *w, size_t start, size_t end, int64_t *ms);

/* Of all entries of the window; times->size is not set. The times lie from the least to the
 * greatest, which may be further apart where entries begin with a time and do not fit the format
 * otherwise. One without any time counts, but then times->least is TIMES_NONE. */
enum times_result times_scan(struct times *t, const struct window *w, struct block_times *times);

/* The time of the first entry that has one, not beyond that many bytes; of the last, not further
 * from the end. TIMES_NONE: none has. False, with errno. */
bool times_first(struct times *t, uint64_t bytes_max, int64_t *ms);
bool times_last(struct times *t, uint64_t bytes, uint64_t bytes_max, int64_t *ms);

/*
 * The part of a file of that many bytes in which the entries from `start`, before `end` begin, as
 * far as they stand at most TIMES_LATE after, or TIMES_EARLY before, where they would; *to is
 * UINT64_MAX where that is the file's end, wherever it will be. False, with errno.
 */
bool times_narrow(
    struct times *t, uint64_t bytes, int64_t start, int64_t end, uint64_t *from, uint64_t *to);

#endif
