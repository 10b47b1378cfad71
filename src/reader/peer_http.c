#include "reader/peer_http.h"

#include "base/clock.h"
#include "base/diag.h"
#include "reader/peer_buffer.h"
#include "reader/peer_head.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* Groups whose connections are kept for the next: as many as queries run at a time. */
#define IDLE_MAX 32

/* Of the threads in which libcurl looks for names: many, while a name server is silent, and each of
 * the usual 8 MiB would count for the memory that this process may have. */
#define STACK_BYTES ((size_t)512 * 1024)

/* libcurl hands on so much at once, at most. */
_Static_assert(CURL_MAX_WRITE_SIZE <= PEER_BUFFER_PIECE, "a buffer has room for a piece");

struct peer_http {
	struct curl_slist *headers; /* of every request; the token is in them */
	char *ca_file;
	char *self;
	int64_t patience; /* nanoseconds */
	_Atomic size_t extra;
	pthread_mutex_t lock; /* of those that follow */
	CURLM *idle[IDLE_MAX];
	size_t idles;
};

LIST_HEAD(call_list, peer_http_call);

struct peer_http_group {
	struct peer_http *http;
	CURLM *multi;
	struct call_list calls;
	struct curl_waitfd *waits; /* of the others, at the same time */
	unsigned room;
	int64_t left; /* when peer_http_wait() returned last, nanoseconds of CLOCK_MONOTONIC */
};

struct peer_http_call {
	LIST_ENTRY(peer_http_call) links;
	struct peer_http_group *group;
	CURL *easy;
	bool added; /* to the group's multi */
	struct curl_slist *headers;
	char *content_type; /* that is expected, or NULL */
	struct peer_head head;
	enum peer_http_state state;
	int status;
	struct peer_buffer buffer;
	bool paused;
	int64_t heard; /* when something came last, likewise, without the time between two waits */
	char why[160];
};

bool
peer_http_is_built(void)
{
	return true;
}

/* --- all --- */

static bool
copy_settings(struct peer_http *h, const struct peer_http_settings *s)
{
	struct buf line = BUF_INIT;
	bool copied = true;

	if (s->token != NULL) {
		buf_printf(&line, "Authorization: %s", s->token);
		buf_putc(&line, '\0');
		h->headers = line.failed ? NULL : curl_slist_append(NULL, line.data);
		copied = h->headers != NULL;
		if (line.data != NULL)
			explicit_bzero(line.data, line.len);
		buf_free(&line);
	}
	h->ca_file = s->ca_file != NULL ? strdup(s->ca_file) : NULL;
	h->self = strdup(s->self != NULL ? s->self : "");
	h->patience = s->patience * CLOCK_NS_PER_SECOND;
	return copied && h->self != NULL && (s->ca_file == NULL || h->ca_file != NULL);
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

struct peer_http *
peer_http_start(const struct peer_http_settings *settings, char *error, size_t size)
{
	struct peer_http *h = calloc(1, sizeof(*h));

	if (h == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		snprintf(error, size, "libcurl cannot be started");
		free(h);
		return NULL;
	}
	limit_stacks();
	pthread_mutex_init(&h->lock, NULL);
	if (!copy_settings(h, settings)) {
		snprintf(error, size, "%s", diag_reason(ENOMEM));
		peer_http_stop(h);
		return NULL;
	}
	return h;
}

void
peer_http_stop(struct peer_http *h)
{
	if (h == NULL)
		return;
	while (h->idles > 0)
		curl_multi_cleanup(h->idle[--h->idles]);
	for (struct curl_slist *l = h->headers; l != NULL; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(h->headers);
	pthread_mutex_destroy(&h->lock);
	free(h->ca_file);
	free(h->self);
	free(h);
	curl_global_cleanup();
}

/* --- groups --- */

struct peer_http_group *
peer_http_group_new(struct peer_http *h)
{
	struct peer_http_group *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->http = h;
	LIST_INIT(&g->calls);
	pthread_mutex_lock(&h->lock);
	if (h->idles > 0)
		g->multi = h->idle[--h->idles];
	pthread_mutex_unlock(&h->lock);
	if (g->multi == NULL)
		g->multi = curl_multi_init();
	if (g->multi == NULL) {
		free(g);
		return NULL;
	}
	g->left = clock_monotonic_ns();
	return g;
}

void
peer_http_group_free(struct peer_http_group *g)
{
	struct peer_http *h;
	struct peer_http_call *call;

	if (g == NULL)
		return;
	h = g->http;
	while ((call = LIST_FIRST(&g->calls)) != NULL)
		peer_http_close(call);
	pthread_mutex_lock(&h->lock);
	if (h->idles < IDLE_MAX) {
		h->idle[h->idles++] = g->multi;
		g->multi = NULL;
	}
	pthread_mutex_unlock(&h->lock);
	if (g->multi != NULL)
		curl_multi_cleanup(g->multi);
	free(g->waits);
	free(g);
}

/* --- what comes --- */

static void
fail(struct peer_http_call *call, const char *why)
{
	if (call->why[0] == '\0')
		snprintf(call->why, sizeof(call->why), "%s", why);
	call->state = PEER_HTTP_FAILED;
}

/* The head is whole. */
static void
check_head(struct peer_http_call *call)
{
	long status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (!peer_head_end(&call->head, (int)status))
		return;
	call->status = (int)status;
	call->state = PEER_HTTP_FLOWS;
	if (call->head.why[0] != '\0')
		fail(call, call->head.why);
}

/* Of libcurl: a line of a head. Anything but its length ends the call. */
static size_t
take_header(char *line, size_t size, size_t n, void *context)
{
	struct peer_http_call *call = context;

	(void)size; /* 1 */
	call->heard = clock_monotonic_ns();
	if (!peer_head_line(&call->head, line, n)) {
		fail(call, "answers with a head that is too large");
		return 0;
	}
	/* Trailers come when the head is known to be good. */
	if (call->state == PEER_HTTP_ASKED && (n == 0 || line[0] == '\r' || line[0] == '\n'))
		check_head(call);
	return call->state == PEER_HTTP_FAILED ? 0 : n;
}

/* Of libcurl: bytes of a body; what is refused by pausing comes again. */
static size_t
take_body(char *bytes, size_t size, size_t n, void *context)
{
	struct peer_http_call *call = context;

	(void)size; /* 1 */
	call->heard = clock_monotonic_ns();
	if (call->state != PEER_HTTP_FLOWS)
		return 0;
	if (!peer_buffer_has_room(&call->buffer)) {
		call->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (!peer_buffer_put(&call->buffer, bytes, n)) {
		fail(call, "sends more than there is memory for");
		return 0;
	}
	return n;
}

/* --- the end of a call --- */

static void
put_reason(struct peer_http_call *call, CURLcode code)
{
	long error = 0;
	const char *reason = curl_easy_strerror(code);

	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST: reason = "cannot be reached: its name is not known"; break;
	case CURLE_OPERATION_TIMEDOUT: reason = "cannot be reached: it does not answer"; break;
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &error);
		snprintf(call->why, sizeof(call->why), "cannot be reached: %s",
		    error != 0 ? diag_reason((int)error) : reason);
		break;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE: reason = "hung up in the middle of its answer"; break;
	case CURLE_OUT_OF_MEMORY: reason = "cannot be asked: out of memory"; break;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_PEER_FAILED_VERIFICATION:
		snprintf(call->why, sizeof(call->why), "cannot be trusted: %s", reason);
		break;
	default: snprintf(call->why, sizeof(call->why), "cannot be understood: %s", reason); break;
	}
	fail(call, reason);
}

static void
let_go(struct peer_http_call *call)
{
	if (call->added)
		curl_multi_remove_handle(call->group->multi, call->easy);
	call->added = false;
}

static void
finish(struct peer_http_call *call, CURLcode code)
{
	if (call->state != PEER_HTTP_FAILED) {
		if (code == CURLE_OK && call->state == PEER_HTTP_FLOWS)
			call->state = PEER_HTTP_ENDED;
		else
			put_reason(call, code == CURLE_OK ? CURLE_GOT_NOTHING : code);
	}
	let_go(call);
}

static void
collect_ends(struct peer_http_group *g)
{
	struct CURLMsg *message;
	char *private = NULL;
	int left;

	while ((message = curl_multi_info_read(g->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		finish((struct peer_http_call *)(void *)private, message->data.result);
	}
}

/* --- waiting --- */

static void
perform(struct peer_http_group *g)
{
	int running;

	curl_multi_perform(g->multi, &running);
	collect_ends(g);
}

/* What was not waited for does not count as silence. */
static void
excuse(struct peer_http_group *g)
{
	const int64_t between = clock_monotonic_ns() - g->left;
	struct peer_http_call *call;

	for (call = LIST_FIRST(&g->calls); call != NULL; call = LIST_NEXT(call, links))
		call->heard += between;
}

static void
look_for_silence(struct peer_http_group *g)
{
	const int64_t now = g->left = clock_monotonic_ns();
	struct peer_http_call *call;

	for (call = LIST_FIRST(&g->calls); call != NULL; call = LIST_NEXT(call, links)) {
		if (!call->added || call->paused || now - call->heard < g->http->patience)
			continue;
		fail(
		    call, call->state == PEER_HTTP_ASKED ? "does not answer" : "has fallen silent");
		let_go(call);
	}
}

/* Whether a call has news since `state`s were counted: see peer_http_wait(). */
static size_t
sum_of(const struct peer_http_group *g)
{
	const struct peer_http_call *call;
	size_t sum = 0, len;

	for (call = LIST_FIRST(&g->calls); call != NULL; call = LIST_NEXT(call, links)) {
		peer_buffer_bytes(&call->buffer, &len);
		sum += len + (size_t)call->state;
	}
	return sum;
}

/* Room for so many of the descriptors that are waited for beside libcurl's; false: no memory. */
static bool
make_room(struct peer_http_group *g, unsigned count)
{
	struct curl_waitfd *waits;

	if (count <= g->room)
		return true;
	waits = realloc(g->waits, count * sizeof(*waits));
	if (waits == NULL)
		return false;
	g->waits = waits;
	g->room = count;
	return true;
}

static void
poll_once(struct peer_http_group *g, struct pollfd *others, unsigned count, int ms)
{
	struct curl_waitfd *waits = g->waits;
	int ready;

	for (unsigned i = 0; i < count; i++)
		waits[i] = (struct curl_waitfd){.fd = others[i].fd,
		    .events = (short)((others[i].events & POLLIN ? CURL_WAIT_POLLIN : 0) |
				      (others[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0))};
	curl_multi_poll(g->multi, waits, count, ms, &ready);
	for (unsigned i = 0; i < count; i++)
		others[i].revents = (short)((waits[i].revents & CURL_WAIT_POLLIN ? POLLIN : 0) |
					    (waits[i].revents & CURL_WAIT_POLLOUT ? POLLOUT : 0));
}

static bool
is_reported(const struct pollfd *others, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (others[i].revents != 0)
			return true;
	}
	return false;
}

void
peer_http_wait(struct peer_http_group *g, struct pollfd *others, unsigned count, int ms)
{
	const int64_t end = clock_monotonic_ns() + (int64_t)ms * 1000000;
	size_t before = sum_of(g);
	int64_t left = ms;

	if (!make_room(g, count))
		count = g->room;
	excuse(g);
	for (unsigned i = 0; i < count; i++)
		others[i].revents = 0;
	perform(g);
	while (sum_of(g) == before && left > 0 && !is_reported(others, count)) {
		poll_once(g, others, count, left < 100 ? (int)left : 100);
		perform(g);
		look_for_silence(g);
		left = (end - clock_monotonic_ns()) / 1000000;
	}
	look_for_silence(g);
}

/* --- a call --- */

static bool
set_request(struct peer_http_call *call, const struct peer_http_ask *ask)
{
	const struct peer_http *h = call->group->http;
	const struct curl_slist *l;
	struct curl_slist *more;
	const long patience = (long)(h->patience / 1000000);
	CURL *e = call->easy;
	char line[512];

	for (l = h->headers; l != NULL; l = l->next) {
		more = curl_slist_append(call->headers, l->data);
		if (more == NULL)
			return false;
		call->headers = more;
	}
	if (ask->last_event_id != NULL && ask->last_event_id[0] != '\0') {
		snprintf(line, sizeof(line), "Last-Event-ID: %s", ask->last_event_id);
		more = curl_slist_append(call->headers, line);
		if (more == NULL)
			return false;
		call->headers = more;
	}
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A name server that is silent holds nobody up who ends a call. */
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->headers);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "pbu-log-reader");
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, patience);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(e, CURLOPT_PRIVATE, call);
	if (h->ca_file != NULL && curl_easy_setopt(e, CURLOPT_CAINFO, h->ca_file) != CURLE_OK)
		return false;
	return curl_easy_setopt(e, CURLOPT_URL, ask->url) == CURLE_OK;
}

struct peer_http_call *
peer_http_get(struct peer_http_group *g, const struct peer_http_ask *ask)
{
	struct peer_http_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	LIST_INSERT_HEAD(&g->calls, call, links);
	call->group = g;
	peer_buffer_init(&call->buffer, &g->http->extra);
	call->heard = g->left;
	call->easy = curl_easy_init();
	call->content_type = ask->content_type != NULL ? strdup(ask->content_type) : NULL;
	call->head = (struct peer_head){.type = call->content_type, .self = g->http->self};
	if (call->easy == NULL || (ask->content_type != NULL && call->content_type == NULL) ||
	    !set_request(call, ask) || curl_multi_add_handle(g->multi, call->easy) != CURLM_OK) {
		peer_http_close(call);
		return NULL;
	}
	call->added = true;
	return call;
}

void
peer_http_close(struct peer_http_call *call)
{
	if (call == NULL)
		return;
	LIST_REMOVE(call, links);
	let_go(call);
	if (call->easy != NULL)
		curl_easy_cleanup(call->easy);
	for (struct curl_slist *l = call->headers; l != NULL; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(call->headers);
	peer_buffer_free(&call->buffer);
	free(call->content_type);
	free(call);
}

enum peer_http_state
peer_http_state(const struct peer_http_call *call)
{
	return call->state;
}

int
peer_http_status(const struct peer_http_call *call)
{
	return call->status;
}

const char *
peer_http_why(const struct peer_http_call *call)
{
	return call->why;
}

const char *
peer_http_bytes(const struct peer_http_call *call, size_t *len)
{
	return peer_buffer_bytes(&call->buffer, len);
}

/* Lets the peer go on, where it was made to wait and there is room again. */
static void
unpause(struct peer_http_call *call)
{
	if (!call->paused || !peer_buffer_has_room(&call->buffer))
		return;
	call->paused = false;
	call->heard = clock_monotonic_ns();
	/* What libcurl holds comes in here, so it is given room by take_body() alone. */
	if (call->added)
		curl_easy_pause(call->easy, CURLPAUSE_CONT);
}

void
peer_http_take(struct peer_http_call *call, size_t n)
{
	peer_buffer_take(&call->buffer, n);
	/* Halfway, so that it isn't stopped and started for each entry. */
	if (peer_buffer_is_half_empty(&call->buffer))
		unpause(call);
}

bool
peer_http_allow(struct peer_http_call *call, size_t bytes)
{
	if (!peer_buffer_allow(&call->buffer, bytes))
		return false;
	unpause(call);
	return true;
}
