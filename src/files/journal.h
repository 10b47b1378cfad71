/*
 * What a transaction of one level did to names: the roll-overs that it made, so that it can be
 * taken back as a whole. A transaction without a roll-over has nothing here, and costs nothing.
 *
 * For the one thread that has the writer's role.
 */
#ifndef PBU_JOURNAL_H
#define PBU_JOURNAL_H

#include "files/logfile.h"
#include "files/rollover.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file that the transaction made, and rolled over itself. */
struct journal_file {
	struct rollover_name name;
	dev_t dev;
	ino_t ino;
};

struct journal {
	struct logfile first;	     /* in which it began, kept open; closed: nothing rolled over */
	struct rollover_name rolled; /* what that one was rolled over to */
	int64_t since;		     /* the start of its period */
	struct journal_file *file;   /* those it made, in their order; owned */
	size_t n, room;
};

#define JOURNAL_EMPTY                                                                              \
	{                                                                                          \
		.first = LOGFILE_CLOSED(NULL)                                                      \
	}

/* Whether the transaction rolled anything over. */
static inline bool
journal_is_empty(const struct journal *j)
{
	return j->first.fd < 0;
}

/* Makes room for one roll-over more, before it. False, with errno. */
bool journal_reserve(struct journal *j);

/* Notes that f, whose period began at `since`, was rolled over. True: f is the file in which the
 * transaction began, and its descriptor is the journal's now. */
bool journal_rolled(
    struct journal *j, const struct logfile *f, const struct rollover_name *name, int64_t since);

/*
 * Takes everything back, in reverse: deletes what the transaction made, gives the first file its
 * name again, in place of *f, and cuts off what was appended to it. *f is that file then, and
 * *since the start of its period. What others have renamed or replaced meanwhile stays where it is;
 * of the first file and of *f, which are open, the transaction's bytes are cut off there.
 *
 * False, with errno: not all of it could be done. It is to be called again, and nothing may be
 * appended before it succeeds.
 */
bool journal_undo(struct journal *j, int folder, struct logfile *f, int64_t *since);

/* Forgets what was done; the first file, when there is one, goes to the caller. */
struct logfile journal_clear(struct journal *j);

/* Frees the memory. */
void journal_free(struct journal *j);

#endif
