/*
 * Faults for tests/fault, by LD_PRELOAD: calls that the server makes fail, write less, or see
 * another clock, while a test says so.
 *
 * FAULT_CONTROL names a file that the test and this library both map: a struct point for each kind
 * of call. A test fills one in, `count` last (see control.py). Without the variable nothing fails,
 * nor in other programs than server and reader: start.sh and nginx pass the library on.
 */
#ifndef PBU_FAULT_H
#define PBU_FAULT_H

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The order is control.py's. */
enum {
	WRITEV,
	FDATASYNC,
	FSYNC,
	RENAME,	     /* without replacing: a roll-over */
	RENAME_BACK, /* a roll-over that is taken back */
	UNLINK,
	FTRUNCATE,
	ACCEPT,
	OPENAT,
	READDIR,
	EPOLL_WAIT,
	CLOCK,
	MALLOC,
	MALLOC_FCGI,
	MALLOC_MAIN,
	PREAD, /* these are the reader's */
	OPEN,
	OPENDIR,
	STATX,
	INOTIFY,
	POINTS
};

struct point {
	_Atomic int64_t skip;	/* calls to let pass first */
	_Atomic int64_t count;	/* calls to fail then; negative: all, 0: none */
	_Atomic int64_t error;	/* the errno; 0: only slow, or writing less */
	_Atomic int64_t bytes;	/* writes: at most so many, and with an error, every other time */
	_Atomic int64_t delay;	/* writes and fdatasync(2): nanoseconds that they take longer;
				   negative: until it is not any more */
	_Atomic int64_t period; /* fail each so many'th call only; 0 and 1: each */
	_Atomic int64_t shift;	/* of the clock, nanoseconds */
	_Atomic int64_t seen;	/* calls since the test set it to 0 */
	_Atomic int64_t hits;	/* of them, those that were made to fail */
};

/* Whether the program is one to fail: no call is otherwise. */
extern bool fault_active;

/* Whether this call is one to fail; *error is the errno then. `count` counts what was made to fail,
 * and not calls: under load some pass between a test's `seen = 0` and its `count`, which would use
 * it up. */
bool fault_fails(int which, int *error);

/* The function that one of this library's stands before. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#endif
