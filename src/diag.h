/*
 * The server's own messages, to stderr: one whole line a message, written at once, with a
 * priority prefix ("<4>") where stderr goes to the systemd journal (sd-daemon(3)).
 */
#ifndef PBU_DIAG_H
#define PBU_DIAG_H

#include <stdatomic.h>
#include <stdint.h>

#define DIAG_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* For a message that can come with every request: at most one a second is printed. */
struct diag_limit {
	_Atomic int64_t next;	   /* CLOCK_MONOTONIC nanoseconds of the next permission */
	_Atomic unsigned withheld; /* messages not printed since the last one */
};

/* What an errno means, in words. Any thread. */
const char *diag_reason(int error);

/* An error: something does not work. errno is kept. */
void diag_error(const char *format, ...) DIAG_PRINTF(1, 2);

/* A warning: something is odd, and the server goes on. */
void diag_warn(const char *format, ...) DIAG_PRINTF(1, 2);

/* A notice: the operator may want to know. */
void diag_info(const char *format, ...) DIAG_PRINTF(1, 2);

/* As diag_error, but through a limit; says how many were withheld since. */
void diag_error_limited(struct diag_limit *limit, const char *format, ...) DIAG_PRINTF(2, 3);

/* As diag_warn, likewise. */
void diag_warn_limited(struct diag_limit *limit, const char *format, ...) DIAG_PRINTF(2, 3);

#endif
