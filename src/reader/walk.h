/*
 * Entries of one level, over all its files (the current one and those rolled over), in one
 * direction, from a place on: those within a range of time which match a search. Files may be
 * appended to, rolled over, renamed, truncated and deleted meanwhile.
 *
 * What an entry is, blocks_window.h says; which time one has that has none itself, blocks_times.h;
 * which files there are, in which order, library_names.h. An entry without any time is in no range:
 * it is given where neither start nor end is set.
 *
 * With a range, an entry is found that came up to two hours after its time, or five minutes before
 * it (blocks_times.h).
 *
 * A step takes a few milliseconds at most, so that whoever walks can look at the clock and its peer
 * in between. For one thread at a time.
 */
#ifndef PBU_WALK_H
#define PBU_WALK_H

#include "base/level.h"
#include "reader/cursor.h"
#include "reader/library.h"
#include "reader/search.h"
#include "record/entry_parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is looked for; the pointers must outlive the walk. */
struct walk_options {
	struct library *library;
	const struct search *search; /* NULL: everything */
	bool forward;		     /* oldest first */
	bool untimed;		     /* entries are only counted: their times need not be known */
	int64_t start, end;	     /* milliseconds since the epoch: from start, before end */
	int64_t deadline; /* nanoseconds of CLOCK_MONOTONIC, for a single entry's search */
};

struct walk_entry {
	enum level level; /* whose file it is in */
	const char *text; /* without the newline that ends it; good until the next step */
	size_t len;
	int64_t ms;	 /* its time, or that of its neighbours where it has none; INT64_MIN: nor
			    have they, or it was not needed */
	struct place at; /* its start */
	uint64_t after;	 /* offset of what follows it in its file */
};

enum walk_result {
	WALK_ENTRY,
	WALK_MORE,   /* nothing found in this step; there is more to look through */
	WALK_END,    /* no more entries (forward: for now; a later step looks again) */
	WALK_FAILED, /* errno says why: memory, EIO, ... */
};

enum walk_open { WALK_OPENED, WALK_GONE /* the place's file */, WALK_NOT_OPENED /* errno */ };

struct walk;

/* Begins at a place; NULL: at the newest entry, or forward at the oldest. */
enum walk_open walk_new(struct walk **walk, enum level level, const struct walk_options *options,
    const struct place *from);
void walk_free(struct walk *w);

enum walk_result walk_next(struct walk *w, struct walk_entry *entry);

/* Where it stands: a new walk from there in the same direction gives what this one has not given.
 */
struct place walk_place(const struct walk *w);

/* Bytes that were looked through, and that there are to look through in all (those of files and
 * blocks that lie outside the range do not count once that is known). */
void walk_progress(const struct walk *w, uint64_t *scanned, uint64_t *of);

/* Entries on which the search took too long (SEARCH_TOO_LONG): they may match, and were not given.
 */
uint64_t walk_given_up(const struct walk *w);

/* Forward, after WALK_END: whether there is more in its file that may still be taken back. Nothing
 * tells when it is there for good. */
bool walk_is_unsettled(const struct walk *w);

/* Gives its buffers and descriptors back until the next step; for who waits for more entries. */
void walk_rest(struct walk *w);

#endif
