#include "reader/peer_answer.h"

#include "base/clock.h"

#include <stdio.h>

_Static_assert(PEER_CURL_PIECE <= PEER_BUFFER_PIECE, "a buffer has room for a piece");

void
peer_answer_fail(struct peer_answer *a, const char *why)
{
	if (a->why[0] == '\0')
		snprintf(a->why, sizeof(a->why), "%s", why);
	a->state = PEER_HTTP_FAILED;
}

/* The head is whole. */
static void
check_head(struct peer_answer *a, int status)
{
	if (!peer_head_end(&a->head, status))
		return;
	a->status = status;
	a->heard = clock_monotonic_ns();
	a->state = PEER_HTTP_FLOWS;
	if (a->head.why[0] != '\0')
		peer_answer_fail(a, a->head.why);
}

static bool
take_header(void *context, const char *line, size_t n, int status)
{
	struct peer_answer *a = context;

	if (!peer_head_line(&a->head, line, n)) {
		peer_answer_fail(a, "answers with a head that is too large");
		return false;
	}
	/* Trailers come when the head is known to be good. */
	if (a->state == PEER_HTTP_ASKED && (n == 0 || line[0] == '\r' || line[0] == '\n'))
		check_head(a, status);
	return a->state != PEER_HTTP_FAILED;
}

static enum peer_curl_took
take_body(void *context, const char *bytes, size_t n)
{
	struct peer_answer *a = context;

	a->heard = clock_monotonic_ns();
	if (a->state != PEER_HTTP_FLOWS)
		return PEER_CURL_END;
	if (!peer_buffer_has_room(&a->buffer)) {
		a->paused = true;
		return PEER_CURL_PAUSE;
	}
	if (peer_buffer_put(&a->buffer, bytes, n))
		return PEER_CURL_TOOK;
	peer_answer_fail(a, "sends more than there is memory for");
	return PEER_CURL_END;
}

static void
take_end(void *context, const char *why)
{
	struct peer_answer *a = context;

	a->over = true;
	if (a->state == PEER_HTTP_FAILED)
		return;
	if (why == NULL && a->state == PEER_HTTP_FLOWS)
		a->state = PEER_HTTP_ENDED;
	else
		peer_answer_fail(a, why != NULL ? why : "hung up in the middle of its answer");
}

const struct peer_curl_sink peer_answer_sink = {take_header, take_body, take_end};

bool
peer_answer_unpause(struct peer_answer *a)
{
	if (!a->paused || !peer_buffer_has_room(&a->buffer))
		return false;
	a->paused = false;
	a->heard = clock_monotonic_ns();
	return true;
}
