/*
 * The bytes of a FastCGI request: checked as they come, and kept until all of them are there.
 *
 * Exactly one request of a responder is let through, in the order of the FastCGI specification 1.0,
 * 3.3 and 5, so that libfcgi never waits for the rest of one, nor sees a length or a record that no
 * orderly web server sends. doc/design.md ("libfcgi") says what it would do with those.
 *
 * A request is used by one thread at a time.
 */
#ifndef PBU_REQUEST_H
#define PBU_REQUEST_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From so many bytes on a connection needs a place to keep them; see connections.h. */
#define REQUEST_SMALL 8192

/* A buffer of the thread, in which a request is received as long as there is more to receive. Most
 * are whole then, a batch of a hundred records too, and are not copied. */
#define REQUEST_BUFFER (64 * 1024)

/* Where in the records of a request the bytes are that have come. */
struct request_position {
	enum { REQUEST_BEGIN, REQUEST_PARAMS, REQUEST_STDIN, REQUEST_OVER } phase;
	uint8_t header[8];  /* of a record */
	uint8_t lengths[8]; /* of a parameter's name and its value */
	unsigned header_len;
	unsigned lengths_len;
	unsigned id;	/* the request's */
	size_t content; /* bytes that are left of a record */
	size_t padding;
	size_t pair;   /* bytes that are left of a parameter */
	size_t params; /* bytes of parameters so far */
	size_t passed; /* bytes of everything so far */
	size_t head;   /* those up to the end of the parameters; 0: that has not come */
	size_t body;   /* bytes of the body so far */
};

struct request {
	size_t body_max; /* bytes of a body that are kept; of a longer one, none are */
	struct request_position at;
	size_t begun;	   /* bytes of it that are in the thread's buffer, and nowhere else */
	struct buf held;   /* what has come, unless it came at once */
	const char *bytes; /* a whole request, to be given to libfcgi; ... */
	size_t len;	   /* ... so many */
	bool dropped;	   /* its body was received and not kept */
};

enum request_state {
	REQUEST_NONE,	   /* nothing came */
	REQUEST_PART,	   /* a part came, and nothing more for now */
	REQUEST_LARGE,	   /* REQUEST_SMALL bytes came: next is, by the same thread, another call
			      with `large` set, or request_keep() */
	REQUEST_WHOLE,	   /* `bytes` are there until request_reset() */
	REQUEST_ENDED,	   /* by the peer, by an error, or by bytes that no web server sends */
	REQUEST_NO_MEMORY, /* not even for its parameters */
};

/*
 * Receives what has come on a non-blocking socket, without waiting, by a buffer of REQUEST_BUFFER
 * bytes: a request that came at once stays in there. A body that is longer than body_max, or that
 * memory or the budget of `held` is too little for, is received to its end and dropped.
 *
 * A request starts as all zeros, but for body_max and the budget.
 */
enum request_state request_receive(struct request *r, int fd, char *buffer, bool large);

/* Keeps what has come and is in the buffer, which can be used for others then. False: there is no
 * memory. */
bool request_keep(struct request *r, const char *buffer);

/* Leaves the body of a whole request out of `bytes`. False: there is no memory for the rest. */
bool request_drop_body(struct request *r);

/* Forgets it, to begin with the next; gives back what is kept. */
void request_reset(struct request *r);

/* What request_receive() does with n bytes that came. False: they are not for libfcgi, and the
 * connection is spoilt. */
bool request_check(struct request_position *at, const uint8_t *bytes, size_t n);

#endif
