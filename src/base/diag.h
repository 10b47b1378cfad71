/*
 * The server's own messages, to stderr: one whole line a message, written at once, with a
 * priority prefix ("<4>") where stderr goes to the systemd journal (sd-daemon(3)).
 *
 * No message waits for whoever reads stderr: one that a full pipe, a full socket or a stopped
 * terminal does not take is lost, and the next that can be written says how many were. (A file is
 * always written, so a disk that hangs is waited for.)
 */
#ifndef PBU_DIAG_H
#define PBU_DIAG_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define DIAG_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* For a message that can come with every request: at most one a second is printed. */
struct diag_limit {
	_Atomic int64_t next;	   /* CLOCK_MONOTONIC nanoseconds of the next permission */
	_Atomic unsigned withheld; /* messages not printed since the last one */
};

/* What an errno means, in words. Any thread. */
const char *diag_reason(int error);

/* Priorities of syslog(3), which sd-daemon(3) takes as a prefix. An error: something does not work;
 * a warning: something is odd, and the server goes on; a notice: the operator may want to know. */
enum diag_priority { DIAG_ERROR = 3, DIAG_WARNING = 4, DIAG_INFO = 6 };

/* Makes stderr, a pipe or a terminal, non-blocking for this process alone. Before there are
 * threads; without /proc, or the right to open it again, each message only asks poll(2). */
void diag_never_wait(void);

/* Logs a message. With a limit (else NULL) it may be withheld; the next one that is not tells how
 * many were. errno is kept. */
void diag(enum diag_priority priority, struct diag_limit *limit, const char *format, ...)
    DIAG_PRINTF(3, 4);

#define diag_error(...)		       diag(DIAG_ERROR, NULL, __VA_ARGS__)
#define diag_warn(...)		       diag(DIAG_WARNING, NULL, __VA_ARGS__)
#define diag_info(...)		       diag(DIAG_INFO, NULL, __VA_ARGS__)
#define diag_error_limited(limit, ...) diag(DIAG_ERROR, limit, __VA_ARGS__)
#define diag_warn_limited(limit, ...)  diag(DIAG_WARNING, limit, __VA_ARGS__)

#endif
