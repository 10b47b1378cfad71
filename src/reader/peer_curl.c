#include "reader/peer_curl.h"

#include "base/diag.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the threads in which libcurl looks for names: many, while a name server is silent, and each of
 * the usual 8 MiB would count for the memory that this process may have. */
#define STACK_BYTES ((size_t)512 * 1024)

_Static_assert(CURL_MAX_WRITE_SIZE <= PEER_CURL_PIECE, "a piece is no larger");

struct peer_curl {
	CURLM *multi;
	struct curl_waitfd *waits; /* of the others, at the same time */
	unsigned room;
};

struct peer_curl_request {
	struct peer_curl *curl;
	CURL *easy;
	bool added; /* to the multi */
	struct curl_slist *headers;
	const struct peer_curl_sink *sink;
	void *context;
};

/* --- all --- */

bool
peer_curl_is_built(void)
{
	return true;
}

/* Of threads that nobody else says it of, as libcurl's. */
static void
limit_stacks(void)
{
	pthread_attr_t usual;

	if (pthread_attr_init(&usual) != 0)
		return;
	if (pthread_attr_setstacksize(&usual, STACK_BYTES) == 0)
		pthread_setattr_default_np(&usual);
	pthread_attr_destroy(&usual);
}

bool
peer_curl_start(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	limit_stacks();
	return true;
}

void
peer_curl_stop(void)
{
	curl_global_cleanup();
}

struct peer_curl *
peer_curl_new(void)
{
	struct peer_curl *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->multi = curl_multi_init();
	if (c->multi == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

void
peer_curl_free(struct peer_curl *c)
{
	if (c == NULL)
		return;
	curl_multi_cleanup(c->multi);
	free(c->waits);
	free(c);
}

/* --- what comes --- */

/* Of libcurl: a line of a head. Anything but its length ends the request. */
static size_t
take_header(char *line, size_t size, size_t n, void *context)
{
	struct peer_curl_request *r = context;
	long status = 0;

	(void)size; /* 1 */
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	return r->sink->header(r->context, line, n, (int)status) ? n : 0;
}

/* Of libcurl: bytes of a body; what is refused by pausing comes again. */
static size_t
take_body(char *bytes, size_t size, size_t n, void *context)
{
	struct peer_curl_request *r = context;

	(void)size; /* 1 */
	switch (r->sink->body(r->context, bytes, n)) {
	case PEER_CURL_TOOK: return n;
	case PEER_CURL_PAUSE: return CURL_WRITEFUNC_PAUSE;
	case PEER_CURL_END: break;
	}
	return 0;
}

/* --- the end of a request --- */

static void
put_reason(const struct peer_curl_request *r, CURLcode code, char *why, size_t size)
{
	long error = 0;
	const char *reason = curl_easy_strerror(code);

	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		snprintf(why, size, "cannot be reached: its name is not known");
		break;
	case CURLE_OPERATION_TIMEDOUT:
		snprintf(why, size, "cannot be reached: it does not answer");
		break;
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &error);
		snprintf(why, size, "cannot be reached: %s",
		    error != 0 ? diag_reason((int)error) : reason);
		break;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE: snprintf(why, size, "hung up in the middle of its answer"); break;
	case CURLE_OUT_OF_MEMORY: snprintf(why, size, "cannot be asked: out of memory"); break;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_PEER_FAILED_VERIFICATION:
		snprintf(why, size, "cannot be trusted: %s", reason);
		break;
	default: snprintf(why, size, "cannot be understood: %s", reason); break;
	}
}

static void
finish(struct peer_curl_request *r, CURLcode code)
{
	char why[160];

	if (code != CURLE_OK)
		put_reason(r, code, why, sizeof(why));
	peer_curl_cut(r);
	r->sink->end(r->context, code != CURLE_OK ? why : NULL);
}

void
peer_curl_perform(struct peer_curl *c)
{
	struct CURLMsg *message;
	char *private = NULL;
	int count;

	curl_multi_perform(c->multi, &count);
	while ((message = curl_multi_info_read(c->multi, &count)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		finish((struct peer_curl_request *)(void *)private, message->data.result);
	}
}

/* --- waiting --- */

/* Room for so many of the descriptors that are waited for beside libcurl's; false: no memory. */
static bool
make_room(struct peer_curl *c, unsigned count)
{
	struct curl_waitfd *waits;

	if (count <= c->room)
		return true;
	waits = realloc(c->waits, count * sizeof(*waits));
	if (waits == NULL)
		return false;
	c->waits = waits;
	c->room = count;
	return true;
}

void
peer_curl_poll(struct peer_curl *c, struct pollfd *others, unsigned count, int ms)
{
	struct curl_waitfd *waits;
	int ready;

	if (!make_room(c, count))
		count = c->room;
	waits = c->waits;
	for (unsigned i = 0; i < count; i++)
		waits[i] = (struct curl_waitfd){.fd = others[i].fd,
		    .events = (short)((others[i].events & POLLIN ? CURL_WAIT_POLLIN : 0) |
				      (others[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0))};
	curl_multi_poll(c->multi, waits, count, ms, &ready);
	for (unsigned i = 0; i < count; i++)
		others[i].revents = (short)((waits[i].revents & CURL_WAIT_POLLIN ? POLLIN : 0) |
					    (waits[i].revents & CURL_WAIT_POLLOUT ? POLLOUT : 0));
}

/* --- a request --- */

static bool
set_headers(struct peer_curl_request *r, const char *const *lines)
{
	struct curl_slist *more;

	for (; *lines != NULL; lines++) {
		more = curl_slist_append(r->headers, *lines);
		if (more == NULL)
			return false;
		r->headers = more;
	}
	return true;
}

static bool
set_options(struct peer_curl_request *r, const struct peer_curl_ask *ask)
{
	CURL *e = r->easy;

#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A name server that is silent holds nobody up who ends a request. */
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, r->headers);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "pbu-log-reader");
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, ask->connect_ms);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(e, CURLOPT_PRIVATE, r);
	if (ask->ca_file != NULL) {
		if (curl_easy_setopt(e, CURLOPT_CAINFO, ask->ca_file) != CURLE_OK)
			return false;
		/* Of these authorities alone, and none of the folder that libcurl was built with.
		 * It fails where there can't be one. */
		curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
	}
	return curl_easy_setopt(e, CURLOPT_URL, ask->url) == CURLE_OK;
}

struct peer_curl_request *
peer_curl_get(struct peer_curl *c, const struct peer_curl_ask *ask)
{
	struct peer_curl_request *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->curl = c;
	r->sink = ask->sink;
	r->context = ask->context;
	r->easy = curl_easy_init();
	r->added = r->easy != NULL && set_headers(r, ask->headers) && set_options(r, ask) &&
		   curl_multi_add_handle(c->multi, r->easy) == CURLM_OK;
	if (r->added)
		return r;
	peer_curl_close(r);
	return NULL;
}

void
peer_curl_cut(struct peer_curl_request *r)
{
	if (r->added)
		curl_multi_remove_handle(r->curl->multi, r->easy);
	r->added = false;
}

void
peer_curl_close(struct peer_curl_request *r)
{
	if (r == NULL)
		return;
	peer_curl_cut(r);
	if (r->easy != NULL)
		curl_easy_cleanup(r->easy);
	/* The token is in them. */
	for (struct curl_slist *l = r->headers; l != NULL; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(r->headers);
	free(r);
}

void
peer_curl_resume(struct peer_curl_request *r)
{
	if (r->added)
		curl_easy_pause(r->easy, CURLPAUSE_CONT);
}
