/*
 * What comes on a FastCGI connection, kept until a request is whole.
 *
 * libfcgi reads until it has what it wants, and a thread with it. So it is given whole requests
 * only, from memory: a peer that stops within one holds no thread.
 */
#ifndef PBU_FCGI_INPUT_H
#define PBU_FCGI_INPUT_H

#include "buf.h"
#include "web/fcgi_guard.h"

/* Bytes that a connection may hold by itself; more take a place among the large ones. */
#define FCGI_INPUT_SMALL 8192

struct fcgi_input {
	size_t body_max; /* bytes of a body that are kept; of a longer one, none are */
	struct fcgi_guard guard;
	struct buf held;  /* a request, unless it came at once */
	const char *next; /* what libfcgi has not read of a whole one */
	size_t left;
	bool cut; /* its body is too long, and was not kept */
};

enum fcgi_input_state {
	FCGI_INPUT_NONE,  /* nothing came */
	FCGI_INPUT_PART,  /* a part of a request came, and nothing more for now */
	FCGI_INPUT_LARGE, /* so far FCGI_INPUT_SMALL bytes, and the next call must have `large` */
	FCGI_INPUT_WHOLE, /* then comes fcgi_input_read() */
	FCGI_INPUT_ENDED, /* by the peer, by an error, or by bytes that no web server sends */
	FCGI_INPUT_NO_MEMORY, /* to keep it in */
};

/* An input starts as all zeros, but for body_max; this gives its memory back. */
void fcgi_input_free(struct fcgi_input *in);

/*
 * Receives what has come on the socket, without waiting. Until it is whole, a request is of the
 * connection; but one that came at once stays in this thread's memory until its next call.
 */
enum fcgi_input_state fcgi_input_receive(struct fcgi_input *in, int fd, bool large);

/* Bytes of the body of a whole request. */
static inline size_t
fcgi_input_body(const struct fcgi_input *in)
{
	return in->guard.body;
}

/* Copies the next bytes of a whole request, at most `size`, to buf; returns how many, 0 at its end.
 */
size_t fcgi_input_read(struct fcgi_input *in, char *buf, size_t size);

/* The request was read as far as it is wanted: forgets it and gives its memory back. */
void fcgi_input_done(struct fcgi_input *in);

#endif
