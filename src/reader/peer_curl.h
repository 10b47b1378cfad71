/*
 * libcurl, which this module alone knows: GET requests, any number of which are under way in one
 * thread. What their answers are worth, and how much of them is taken, is peer_http's to say.
 *
 * No redirect is followed, no proxy and no .netrc is looked for, and nothing but http and https is
 * spoken. Built without libcurl, nothing of it can be started (peer_curl_none.c).
 */
#ifndef PBU_PEER_CURL_H
#define PBU_PEER_CURL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

/* Of a body libcurl hands on so much at once, at most. */
#define PEER_CURL_PIECE ((size_t)16 * 1024)

bool peer_curl_is_built(void);

/* Once in a process, in the main thread, before there are others, and when they are gone. False: it
 * cannot be started. */
bool peer_curl_start(void);
void peer_curl_stop(void);

/* The requests of one thread at a time, and the connections that are kept of those that were. NULL:
 * memory ran out. None may be left when it is freed (NULL: nothing). */
struct peer_curl;
struct peer_curl *peer_curl_new(void);
void peer_curl_free(struct peer_curl *c);

enum peer_curl_took {
	PEER_CURL_TOOK,
	PEER_CURL_PAUSE, /* nothing: it comes again after peer_curl_resume() */
	PEER_CURL_END,	 /* of no use: the request ends, as a failure */
};

/* What comes of a request, from peer_curl_perform() and peer_curl_resume(). */
struct peer_curl_sink {
	/* A line of a head, as it came; the last is empty. `status` is the head's, at that one.
	 * False ends the request. */
	bool (*header)(void *context, const char *line, size_t len, int status);
	enum peer_curl_took (*body)(void *context, const char *bytes, size_t len);
	/* It is over: whole (NULL), or why not, as a part of a sentence about the peer. */
	void (*end)(void *context, const char *why);
};

struct peer_curl_ask {
	const char *url;
	const char *const *headers; /* whole lines, NULL after the last; copied */
	const char *ca_file;	    /* or NULL: the system's authorities */
	long connect_ms;	    /* that connecting may take */
	const struct peer_curl_sink *sink;
	void *context;
};

/* Begins one. NULL: memory ran out. */
struct peer_curl_request;
struct peer_curl_request *peer_curl_get(struct peer_curl *c, const struct peer_curl_ask *ask);

/* Ends it, where it is not over: the peer sees its client go, and nothing comes any more. */
void peer_curl_cut(struct peer_curl_request *r);

/* Does that, and frees it. NULL: nothing. Not from a sink. */
void peer_curl_close(struct peer_curl_request *r);

/* What was refused by pausing comes again, if it is not over. */
void peer_curl_resume(struct peer_curl_request *r);

/* Does what can be done at once. */
void peer_curl_perform(struct peer_curl *c);

/* Waits until there is something to do, or one of `others` reports (their revents are set; POLLIN
 * and POLLOUT only), or `ms` milliseconds have passed. */
void peer_curl_poll(struct peer_curl *c, struct pollfd *others, unsigned count, int ms);

#endif
