/* In the place of peer_curl.c, where the reader is built without libcurl. */
#include "reader/peer_curl.h"

bool
peer_curl_is_built(void)
{
	return false;
}

bool
peer_curl_start(void)
{
	return false;
}

/* Where it can't be started, none of the following is called. */

void
peer_curl_stop(void)
{
}

struct peer_curl *
peer_curl_new(void)
{
	return NULL;
}

void
peer_curl_free(struct peer_curl *c)
{
	(void)c;
}

struct peer_curl_request *
peer_curl_get(struct peer_curl *c, const struct peer_curl_ask *ask)
{
	(void)c;
	(void)ask;
	return NULL;
}

void
peer_curl_cut(struct peer_curl_request *r)
{
	(void)r;
}

void
peer_curl_close(struct peer_curl_request *r)
{
	(void)r;
}

void
peer_curl_resume(struct peer_curl_request *r)
{
	(void)r;
}

void
peer_curl_perform(struct peer_curl *c)
{
	(void)c;
}

void
peer_curl_poll(struct peer_curl *c, struct pollfd *others, unsigned count, int ms)
{
	(void)c;
	(void)others;
	(void)count;
	(void)ms;
}
