#include "reader/tail_newcomer.h"

#include <stdlib.h>
#include <string.h>

void
newcomer_answer(struct stream *stream, int status, const char *why)
{
	struct http_response r = {.status = status,
	    .content_type = "application/json",
	    .retry_after = status == STATUS_503 ? 1 : 0};

	buf_printf(&r.body, "{\"status\": false, \"error\": \"%s\"}\n", why);
	stream_begin(stream, &r);
	buf_free(&r.body);
}

static void
refuse(struct selection *s, struct stream *stream, int status, const char *why)
{
	newcomer_answer(stream, status, why);
	stream_end(stream);
	selection_free(s);
}

void
newcomer_free(struct newcomer *n)
{
	free(n->servers);
	free(n);
}

void
newcomer_refuse(struct newcomer *n, int status, const char *why)
{
	refuse(&n->selection, n->stream, status, why);
	newcomer_free(n);
}

/* False: that is no cursor, or there is no memory for it. */
static bool
find_start(struct newcomer *n, const char *last_event_id)
{
	if (last_event_id == NULL || last_event_id[0] == '\0') {
		n->resumes = n->selection.has_cursor;
		n->from = n->selection.cursor;
		n->servers = n->selection.cursors;
		n->selection.cursors = NULL;
		return true;
	}
	n->resumes = true;
	if (strchr(last_event_id, '~') == NULL)
		return cursor_parse(last_event_id, &n->from);
	n->servers = malloc(sizeof(*n->servers));
	return n->servers != NULL && cursor_servers_parse(last_event_id, n->servers);
}

struct newcomer *
newcomer_new(struct selection *s, const char *last_event_id, struct stream *stream,
    const struct peers *peers)
{
	struct newcomer *n = calloc(1, sizeof(*n));

	if (n == NULL) {
		refuse(s, stream, STATUS_503, "there is no memory");
		return NULL;
	}
	n->selection = *s;
	n->stream = stream;
	n->along = peers != NULL && !s->only_own && !s->framed;
	if (!find_start(n, last_event_id)) {
		newcomer_refuse(n, STATUS_400, "Last-Event-ID is no cursor");
		return NULL;
	}
	if (n->servers != NULL && peers == NULL) {
		newcomer_refuse(n, STATUS_410,
		    "the cursor is one of several servers, which are not read here any more; begin "
		    "without it");
		return NULL;
	}
	return n;
}

const struct cursor *
newcomer_own(const struct newcomer *n, const struct peers *peers)
{
	if (n->servers != NULL)
		return cursor_servers_of(n->servers, peers->at[peers->self].id);
	return n->resumes ? &n->from : NULL;
}
