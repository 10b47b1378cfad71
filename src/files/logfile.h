/*
 * One log file: opened for appending, and appended to as a transaction that can be cut back.
 *
 * A transaction is everything between logfile_begin() and the next one: logfile_undo() takes it
 * back, or logfile_commit() shows it to readers (committed.h). Errors are left in errno;
 * logfile_error() puts them into words.
 */
#ifndef PBU_LOGFILE_H
#define PBU_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

struct logfile {
	const char *name; /* in its folder; the caller's */
	int fd;		  /* -1: closed */
	dev_t dev;	  /* which file it is; kept when it is closed */
	ino_t ino;
	uint64_t size;	  /* bytes, as far as known: the kernel is not asked at each append */
	uint64_t pending; /* bytes appended in this transaction */
	uint64_t owed;	  /* bytes at its end that could not be cut back yet */
	uint64_t
	    held; /* where the bytes begin that readers are not shown; LOGFILE_HELD_NONE: all are */
	uint64_t nuls; /* NUL bytes cut off when it was opened */
	int64_t mtime; /* seconds, when it was opened */
	bool mid_line; /* its last line has no newline */
	bool began_mid_line;
	bool dirty; /* written since the last sync */
};

#define LOGFILE_HELD_NONE UINT64_MAX

#define LOGFILE_CLOSED(file_name)                                                                  \
	{                                                                                          \
		.name = (file_name), .fd = -1, .held = LOGFILE_HELD_NONE                           \
	}

/*
 * Opens the closed file in that folder, creating it. NUL bytes at its end, which a crash of the
 * file system may leave where bytes were lost, are cut off. When it is the file that was open
 * before, what was left to be cut from it still is. False: still closed.
 */
bool logfile_open(struct logfile *f, int folder);

/* Closes it; unsynced bytes stay with the kernel. */
void logfile_close(struct logfile *f);

/* Whether `st` is of the file that is open (or was, when closed). */
bool logfile_is(const struct logfile *f, const struct stat *st);

/* Takes the size that fstat(2) gave for it: others may have truncated it. */
void logfile_set_size(struct logfile *f, uint64_t size);

/* Begins a transaction. */
void logfile_begin(struct logfile *f);

/*
 * Appends all the bytes of n iovecs, none of them empty; uses the iovecs up. A newline goes first
 * when the file ends mid-line. False: any part may be written, and logfile_undo() is due.
 */
bool logfile_append(struct logfile *f, struct iovec *iov, size_t n);

/* The transaction is whole: readers are shown it. */
void logfile_commit(struct logfile *f);

/* Nothing more is written to it: readers are shown all of it, and go on to the next file. */
void logfile_let_go(struct logfile *f);

/* Has readers not be shown what is appended from here on; for a descriptor that is new. */
void logfile_hold(struct logfile *f);

/* Cuts back the transaction. When that fails it is tried again by logfile_settle(). */
bool logfile_undo(struct logfile *f);

/* Cuts off what an earlier undo could not; the file takes nothing before that. */
bool logfile_settle(struct logfile *f);

/* What an errno of these functions means. */
const char *logfile_error(int error);

#endif
