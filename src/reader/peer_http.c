#include "reader/peer_http.h"

#include "base/clock.h"
#include "base/diag.h"
#include "reader/peer_answer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* Groups whose connections are kept for the next: as many as queries run at a time. */
#define IDLE_MAX 32

struct peer_http {
	char *authorization; /* a header of every request; NULL: none */
	char *ca_file;
	char *self;
	int64_t patience; /* nanoseconds */
	_Atomic size_t extra;
	pthread_mutex_t lock; /* of those that follow */
	struct peer_curl *idle[IDLE_MAX];
	size_t idles;
};

LIST_HEAD(call_list, peer_http_call);

struct peer_http_group {
	struct peer_http *http;
	struct peer_curl *curl;
	struct call_list calls;
	int64_t left; /* when peer_http_wait() returned last, nanoseconds of CLOCK_MONOTONIC */
};

struct peer_http_call {
	LIST_ENTRY(peer_http_call) links;
	struct peer_http_group *group;
	struct peer_curl_request *request;
	char *content_type;	   /* that is expected, or NULL */
	struct peer_answer answer; /* heard: without the time between two waits */
};

bool
peer_http_is_built(void)
{
	return peer_curl_is_built();
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
		h->authorization = line.failed ? NULL : strdup(line.data);
		copied = h->authorization != NULL;
		if (line.data != NULL)
			explicit_bzero(line.data, line.len);
		buf_free(&line);
	}
	h->ca_file = s->ca_file != NULL ? strdup(s->ca_file) : NULL;
	h->self = strdup(s->self != NULL ? s->self : "");
	h->patience = s->patience * CLOCK_NS_PER_SECOND;
	return copied && h->self != NULL && (s->ca_file == NULL || h->ca_file != NULL);
}

struct peer_http *
peer_http_start(const struct peer_http_settings *settings, char *error, size_t size)
{
	struct peer_http *h;

	if (!peer_curl_is_built()) {
		snprintf(
		    error, size, "this program was built without peers (configure --with-peers)");
		return NULL;
	}
	h = calloc(1, sizeof(*h));
	if (h == NULL || !peer_curl_start()) {
		snprintf(error, size, "libcurl cannot be started");
		free(h);
		return NULL;
	}
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
		peer_curl_free(h->idle[--h->idles]);
	if (h->authorization != NULL)
		explicit_bzero(h->authorization, strlen(h->authorization));
	pthread_mutex_destroy(&h->lock);
	free(h->authorization);
	free(h->ca_file);
	free(h->self);
	free(h);
	peer_curl_stop();
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
		g->curl = h->idle[--h->idles];
	pthread_mutex_unlock(&h->lock);
	if (g->curl == NULL)
		g->curl = peer_curl_new();
	if (g->curl == NULL) {
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
		peer_http_close(call); // NOLINT(clang-analyzer-unix.Malloc): takes it out
	pthread_mutex_lock(&h->lock);
	if (h->idles < IDLE_MAX) {
		h->idle[h->idles++] = g->curl;
		g->curl = NULL;
	}
	pthread_mutex_unlock(&h->lock);
	peer_curl_free(g->curl);
	free(g);
}

int64_t
peer_http_patience(const struct peer_http_group *g)
{
	return g->http->patience;
}

/* --- waiting --- */

/* What was not waited for does not count as silence. */
static void
excuse(struct peer_http_group *g)
{
	const int64_t between = clock_monotonic_ns() - g->left;
	struct peer_http_call *call;

	for (call = LIST_FIRST(&g->calls); call != NULL; call = LIST_NEXT(call, links))
		call->answer.heard += between;
}

static void
look_for_silence(struct peer_http_group *g)
{
	const int64_t now = g->left = clock_monotonic_ns();
	struct peer_http_call *call;

	for (call = LIST_FIRST(&g->calls); call != NULL; call = LIST_NEXT(call, links)) {
		if (call->answer.over || call->answer.paused ||
		    now - call->answer.heard < g->http->patience)
			continue;
		peer_answer_fail(&call->answer, call->answer.state == PEER_HTTP_ASKED
						    ? "does not answer"
						    : "has fallen silent");
		peer_curl_cut(call->request);
		call->answer.over = true;
	}
}

/* Whether a call has news since `state`s were counted: see peer_http_wait(). */
static size_t
sum_of(const struct peer_http_group *g)
{
	const struct peer_http_call *call;
	size_t sum = 0, len;

	for (call = LIST_FIRST(&g->calls); call != NULL; call = LIST_NEXT(call, links)) {
		peer_buffer_bytes(&call->answer.buffer, &len);
		sum += len + (size_t)call->answer.state;
	}
	return sum;
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

	excuse(g);
	for (unsigned i = 0; i < count; i++)
		others[i].revents = 0;
	peer_curl_perform(g->curl);
	while (sum_of(g) == before && left > 0 && !is_reported(others, count)) {
		peer_curl_poll(g->curl, others, count, left < 100 ? (int)left : 100);
		peer_curl_perform(g->curl);
		look_for_silence(g);
		left = (end - clock_monotonic_ns()) / 1000000;
	}
	look_for_silence(g);
}

/* --- a call --- */

/* Puts the request together, and begins it. */
static struct peer_curl_request *
begin(struct peer_http_call *call, const struct peer_http_ask *ask)
{
	const struct peer_http *h = call->group->http;
	const char *const headers[] = {h->authorization, NULL};
	const struct peer_curl_ask whole = {.url = ask->url,
	    .headers = headers,
	    .ca_file = h->ca_file,
	    .connect_ms = (long)(h->patience / 1000000),
	    .sink = &peer_answer_sink,
	    .context = &call->answer};

	return peer_curl_get(call->group->curl, &whole);
}

struct peer_http_call *
peer_http_get(struct peer_http_group *g, const struct peer_http_ask *ask)
{
	struct peer_http_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	LIST_INSERT_HEAD(&g->calls, call, links);
	call->group = g;
	peer_buffer_init(&call->answer.buffer, &g->http->extra);
	call->answer.heard = g->left;
	call->content_type = ask->content_type != NULL ? strdup(ask->content_type) : NULL;
	call->answer.head = (struct peer_head){.type = call->content_type, .self = g->http->self};
	if (ask->content_type == NULL || call->content_type != NULL)
		call->request = begin(call, ask);
	if (call->request == NULL) {
		peer_http_close(call);
		return NULL;
	}
	return call;
}

void
peer_http_close(struct peer_http_call *call)
{
	if (call == NULL)
		return;
	LIST_REMOVE(call, links);
	peer_curl_close(call->request);
	peer_buffer_free(&call->answer.buffer);
	free(call->content_type);
	free(call);
}

enum peer_http_state
peer_http_state(const struct peer_http_call *call)
{
	return call->answer.state;
}

int
peer_http_status(const struct peer_http_call *call)
{
	return call->answer.status;
}

const char *
peer_http_why(const struct peer_http_call *call)
{
	return call->answer.why;
}

const char *
peer_http_bytes(const struct peer_http_call *call, size_t *len)
{
	return peer_buffer_bytes(&call->answer.buffer, len);
}

/* Lets the peer go on, where it was made to wait and there is room again. */
static void
unpause(struct peer_http_call *call)
{
	/* What libcurl holds comes in here, so it is given room by the answer alone. */
	if (peer_answer_unpause(&call->answer))
		peer_curl_resume(call->request);
}

void
peer_http_take(struct peer_http_call *call, size_t n)
{
	peer_buffer_take(&call->answer.buffer, n);
	/* Halfway, so that it isn't stopped and started for each entry. */
	if (peer_buffer_is_half_empty(&call->answer.buffer))
		unpause(call);
}

bool
peer_http_allow(struct peer_http_call *call, size_t bytes)
{
	if (!peer_buffer_allow(&call->answer.buffer, bytes))
		return false;
	unpause(call);
	return true;
}
