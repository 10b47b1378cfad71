/*
 * A file in memory (memfd), from which libfcgi reads a request as from a socket. A thread has one,
 * and receives into its first bytes; nothing of it is for another thread.
 */
#ifndef PBU_FCGI_FEED_H
#define PBU_FCGI_FEED_H

#include "base/budget.h"
#include "web/request.h"

#include <stdbool.h>
#include <stddef.h>

struct fcgi_feed {
	int fd;	      /* a memfd of REQUEST_BUFFER bytes, or more while it holds a larger request */
	int reading;  /* the same for libfcgi, which may close it; -1: there is none now */
	char *buffer; /* the feed's first REQUEST_BUFFER bytes */
	size_t fed;   /* bytes of a request that was written to it; 0: it was received there */
	struct budget *budget;
};

/* False, with errno. Either way fcgi_feed_close() is due. The budget (NULL: none), against which
 * larger requests count, must outlive it. */
bool fcgi_feed_open(struct fcgi_feed *f, struct budget *budget);
void fcgi_feed_close(struct fcgi_feed *f);

/* Has it hold a whole request, which is mostly there: it was received into the feed's own memory.
 * (What an earlier one left after its end, libfcgi does not come to.) False: there is no memory. */
bool fcgi_feed_fill(struct fcgi_feed *f, const struct request *r);

/* Gives back what a large request took of it. */
void fcgi_feed_empty(struct fcgi_feed *f);

#endif
