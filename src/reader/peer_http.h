/*
 * HTTP to the peers (by peer_curl): requests (GET) of which any number are under way in one thread,
 * whose answers are taken as they come.
 *
 * A peer is trusted with nothing but its own entries. An answer counts only where its status is
 * 200, it says that it comes from a reader of this version (peer_head.h), and is not packed. Heads
 * are bounded, and of a body no more is in memory than what the call allows: the peer is made to
 * wait for who takes it. One whose head is not whole after `patience`, or that then sends nothing
 * for as long while something is wanted of it, has failed. What its bytes mean is the caller's to
 * check, and whether they are enough.
 *
 * Built without libcurl, nothing of it can be started.
 */
#ifndef PBU_PEER_HTTP_H
#define PBU_PEER_HTTP_H

#include "reader/peer_buffer.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer_http_settings {
	const char *token; /* sent as `Authorization: <token>`; NULL: none */
	const char
	    *ca_file; /* of the authorities that peers' certificates are by; NULL: the system's */
	unsigned patience; /* seconds */
	const char *self;  /* this process's own word of the header */
};

/* What all threads share. */
struct peer_http;

bool peer_http_is_built(void);

/* Copies the settings. NULL, and the reason in words in error (size bytes). Main thread, before
 * there are others; peer_http_stop() when they are gone (NULL: nothing). */
struct peer_http *peer_http_start(
    const struct peer_http_settings *settings, char *error, size_t size);
void peer_http_stop(struct peer_http *h);

/* Calls of one thread. Making one is cheap; it has the connections of one that was freed before.
 * NULL: memory ran out. Freeing ends what calls are left, and frees them. */
struct peer_http_group;
struct peer_http_group *peer_http_group_new(struct peer_http *h);
void peer_http_group_free(struct peer_http_group *g);

/* The setting, in nanoseconds. */
int64_t peer_http_patience(const struct peer_http_group *g);

/*
 * Waits until something has come for a call (bytes, a head, its end or failure), or one of `others`
 * reports (their revents are set; POLLIN and POLLOUT only), or `ms` milliseconds have passed; with
 * 0 it only does what can be done at once. Nothing comes for a call but in here, and as room is
 * made for it (peer_http_take(), peer_http_allow()).
 */
void peer_http_wait(struct peer_http_group *g, struct pollfd *others, unsigned count, int ms);

/* One request, and its answer. */
struct peer_http_call;

enum peer_http_state {
	PEER_HTTP_ASKED,  /* no head yet */
	PEER_HTTP_FLOWS,  /* the head has come, and is good */
	PEER_HTTP_ENDED,  /* the answer is whole; its last bytes may be there to be taken */
	PEER_HTTP_FAILED, /* or it is of no use: peer_http_why(). What came before may be taken */
};

struct peer_http_ask {
	const char *url;	  /* all of it; copied */
	const char *content_type; /* that the answer must have, up to a semicolon; NULL: any */
};

/* Begins one. NULL: memory ran out. */
struct peer_http_call *peer_http_get(struct peer_http_group *g, const struct peer_http_ask *ask);

/* Ends it, whatever its state, and frees it: the peer sees its client go. NULL: nothing. */
void peer_http_close(struct peer_http_call *call);

enum peer_http_state peer_http_state(const struct peer_http_call *call);

/* The status that the peer answered with; 0: none yet. */
int peer_http_status(const struct peer_http_call *call);

/* Once it has failed: why, as a part of a sentence about the peer, such as "answered 403" or
 * "cannot be reached: Connection refused". Plain text, of which nothing is the peer's. */
const char *peer_http_why(const struct peer_http_call *call);

/* What has come and was not taken: `len` bytes, good until the next call of any function here but
 * the ones that only look. */
const char *peer_http_bytes(const struct peer_http_call *call, size_t *len);

/* Takes the first n of them away. */
void peer_http_take(struct peer_http_call *call, size_t n);

/* Allows that many bytes to wait to be taken (PEER_BUFFER_USUAL at first; the last 16 KiB may go
 * beyond it), for who needs something whole that is longer. When they are there, and not taken, the
 * peer waits; so who waits for more than it allows waits for ever. False: all calls together would
 * take more than their budget. */
bool peer_http_allow(struct peer_http_call *call, size_t bytes);

#endif
