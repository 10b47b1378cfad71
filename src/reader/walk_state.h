/* A walk's own inside, for its parts. */
#ifndef PBU_WALK_STATE_H
#define PBU_WALK_STATE_H

#include "reader/blocks_times.h"
#include "reader/blocks_window.h"
#include "reader/library_listing.h"
#include "reader/walk.h"

#define WALK_HEAD 64

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): there are few of them
struct walk {
	enum level level;
	struct walk_options options;
	bool ranged, searching, wants_logger;
	bool finding_suffices; /* what was found in a block need not be matched as an entry */
	struct search_scratch *scratch;
	struct times times;

	/* The files, as they were listed last, and in it what comes after this one. */
	struct listing *plan;
	size_t next;
	bool has_file; /* else there is none yet; or the one it was in is gone */
	bool ended;    /* backward: there is no more */

	/* The file that it is in; fd is -1 while it rests. */
	int fd;
	struct listed_file file; /* as it was looked at last; its name is not set */
	char head[WALK_HEAD];	 /* how it begins: a file that is written anew begins otherwise */
	size_t head_len;
	bool placed;	   /* position is set */
	uint64_t position; /* what is before (backward: after) it was given or passed */
	bool narrowed;
	uint64_t from, to; /* where entries of the range begin */
	bool final;   /* forward: nothing is written to it any more, as a later one has entries */
	bool at_end;  /* forward: it was read to its end, */
	uint64_t end; /* which was there */

	/* A part of it. */
	bool loaded;
	bool scanned; /* its times were looked at */
	bool check;   /* not all of its entries are in the range */
	struct window window;
	uint64_t beyond; /* the position after it */
	size_t at;	 /* in the window: the next entry begins, backward ends, there */
	bool hit;	 /* an entry was found whose time is not known yet */
	size_t hit_start, hit_end;

	uint64_t bytes_done; /* looked through */
	uint64_t bytes_file; /* to be looked through in this file and those before, in all */
	uint64_t bytes_rest; /* in files that it did not come to yet */
	uint64_t given_up;   /* entries */
};

/* Whether a last line without a newline may get one. */
static inline bool
walk_is_growing(const struct walk *w)
{
	return w->options.forward ? !w->final : w->file.current;
}

enum walk_files {
	WALK_FILES_OPEN,
	WALK_FILES_END,
	WALK_FILES_LATER,  /* a later step tells */
	WALK_FILES_FAILED, /* errno */
};

/* Opens the file that the walk is in, or comes to next, unless it is open. */
enum walk_files walk_files_open(struct walk *w);

/* Forward at a file's end, backward at its begin: to what there is next. WALK_FILES_OPEN: there may
 * be something, though the file may not be open. */
enum walk_files walk_files_next(struct walk *w);

/*
 * Backward: begins at the newest file whose entries are there for good. A batch that rolls over
 * several times has its first file and its last held until it is whole, and none of those that it
 * has made in between (files/journal.h): what comes after a file that is held, and has not the name
 * any more that is written to, may be taken back.
 */
void walk_files_from_newest(struct walk *w);

/* Opens the file of a place. */
enum walk_open walk_files_begin(struct walk *w, const struct place *from);

void walk_files_close(struct walk *w);

#endif
