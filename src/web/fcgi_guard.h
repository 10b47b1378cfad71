/*
 * Which bytes of a connection libfcgi may see: it believes every length and every record, and a
 * peer could end the whole process with one. What no orderly web server sends is kept from it:
 * exactly one request of a responder is let through, in the order of the FastCGI specification, 3.3
 * and 5.
 *
 * With a name or a value of 2 GB it asks malloc() for as much, and ends the process (assert) when
 * there is not so much; a FCGI_GET_VALUES record with four known names overflows a buffer on its
 * stack; after padded BEGIN records and padded ends it takes the padding for records.
 */
#ifndef PBU_FCGI_GUARD_H
#define PBU_FCGI_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fcgi_guard {
	enum { FCGI_GUARD_BEGIN, FCGI_GUARD_PARAMS, FCGI_GUARD_STDIN, FCGI_GUARD_OVER } phase;
	uint8_t header[8];
	uint8_t lengths[8]; /* of a parameter's name and its value */
	unsigned header_len;
	unsigned lengths_len;
	unsigned request;
	size_t content; /* what is left of a record */
	size_t padding;
	size_t pair;   /* what is left of a parameter */
	size_t params; /* bytes of parameters so far */
	size_t passed; /* bytes so far, of everything */
	size_t head;   /* those up to the end of the parameters; 0: that has not come */
	size_t body;   /* bytes of the body so far */
};

/* Before the first byte of a request. */
void fcgi_guard_begin(struct fcgi_guard *g);

/* The next bytes that came. False: they are not for libfcgi, and the connection is spoilt. */
bool fcgi_guard_pass(struct fcgi_guard *g, const uint8_t *bytes, size_t n);

/* Whether the end of the request has come. */
static inline bool
fcgi_guard_is_over(const struct fcgi_guard *g)
{
	return g->phase == FCGI_GUARD_OVER;
}

#endif
