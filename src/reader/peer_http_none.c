/* In the place of peer_http.c, where the reader is built without libcurl. */
#include "reader/peer_http.h"

#include <stdio.h>

bool
peer_http_is_built(void)
{
	return false;
}

struct peer_http *
peer_http_start(const struct peer_http_settings *settings, char *error, size_t size)
{
	(void)settings;
	snprintf(error, size, "this program was built without peers (configure --with-peers)");
	return NULL;
}

void
peer_http_stop(struct peer_http *h)
{
	(void)h;
}

/* Where none can be started, none of the following is called. */

struct peer_http_group *
peer_http_group_new(struct peer_http *h)
{
	(void)h;
	return NULL;
}

void
peer_http_group_free(struct peer_http_group *g)
{
	(void)g;
}

void
peer_http_wait(struct peer_http_group *g, struct pollfd *others, unsigned count, int ms)
{
	(void)g;
	(void)others;
	(void)count;
	(void)ms;
}

struct peer_http_call *
peer_http_get(struct peer_http_group *g, const struct peer_http_ask *ask)
{
	(void)g;
	(void)ask;
	return NULL;
}

void
peer_http_close(struct peer_http_call *call)
{
	(void)call;
}

enum peer_http_state
peer_http_state(const struct peer_http_call *call)
{
	(void)call;
	return PEER_HTTP_FAILED;
}

int
peer_http_status(const struct peer_http_call *call)
{
	(void)call;
	return 0;
}

const char *
peer_http_why(const struct peer_http_call *call)
{
	(void)call;
	return "";
}

const char *
peer_http_bytes(const struct peer_http_call *call, size_t *len)
{
	(void)call;
	*len = 0;
	return "";
}

void
peer_http_take(struct peer_http_call *call, size_t n)
{
	(void)call;
	(void)n;
}

bool
peer_http_allow(struct peer_http_call *call, size_t bytes)
{
	(void)call;
	(void)bytes;
	return false;
}
