#include "reader/tail_viewer.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

/* Bytes of an event beside the JSON: the names of its fields, a cursor, a number. */
#define FRAME_MAX 512

/* For a web server that is set up otherwise: each event is sent on at once (nginx). A browser that
 * lost the connection comes again after `retry` milliseconds. */
#define HEADERS "X-Accel-Buffering: no\r\n"
#define RETRY	"retry: 1000\n"

struct viewer *
viewer_new(struct stream *stream, struct selection *s)
{
	struct viewer *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->stream = stream;
	v->selection = *s;
	return v;
}

void
viewer_free(struct viewer *v)
{
	/* The end would wait for room; and half an event must not look whole. */
	if (v->sent > 0 || !stream_writable(v->stream))
		stream_cut(v->stream);
	stream_end(v->stream);
	merge_free(v->merge);
	selection_free(&v->selection);
	free(v);
}

static void
put(struct viewer *v, const void *data, size_t len)
{
	v->room -= len < v->room ? len : v->room;
	v->unflushed = true;
	if (!stream_write(v->stream, data, len))
		v->over = true;
}

void
viewer_flush(struct viewer *v)
{
	if (v->unflushed && !stream_flush(v->stream))
		v->over = true;
	v->unflushed = false;
	/* What is written from here on has to ask again: others may take long. */
	v->room = 0;
}

bool
viewer_has_room(struct viewer *v, size_t bytes)
{
	if (bytes <= v->room)
		return true;
	viewer_flush(v);
	if (v->over)
		return false;
	if (!stream_writable(v->stream)) {
		if (v->stuck == 0)
			v->stuck = clock_monotonic_ns();
		return false;
	}
	v->stuck = 0;
	v->room = STREAM_STEP;
	return true;
}

/* Ends an event with where to resume, over the levels that the viewer selects. */
static void
put_end(struct viewer *v, const struct cursor *at)
{
	struct cursor own = *at;
	struct buf line = BUF_INIT;

	own.levels &= v->selection.levels;
	buf_puts(&line, "id: ");
	cursor_print(&line, &own);
	buf_puts(&line, "\n\n");
	if (line.failed)
		v->over = true;
	else
		put(v, line.data, line.len);
	buf_free(&line);
}

static void
put_text(struct viewer *v, const char *text)
{
	put(v, text, strlen(text));
}

void
viewer_begin(struct viewer *v, const struct cursor *at)
{
	const struct http_response head = {
	    .status = 200, .content_type = "text/event-stream", .headers = HEADERS};

	if (!stream_begin(v->stream, &head))
		v->over = true;
	put_text(v, RETRY);
	put_end(v, at);
	v->spoken = clock_monotonic_ns();
	viewer_flush(v);
}

bool
viewer_send(struct viewer *v, const struct buf *json, const struct cursor *after)
{
	if (json->len > VIEWER_EVENT_MAX || !viewer_has_room(v, json->len + FRAME_MAX))
		return false;
	put_text(v, "data: ");
	put(v, json->data, json->len);
	put_text(v, "\n");
	put_end(v, after);
	return true;
}

bool
viewer_send_parcel(struct viewer *v)
{
	const struct parcel *p = v->parcel;

	if (p == NULL)
		return true;
	while (v->sent < p->json.len) {
		size_t n = p->json.len - v->sent;

		n = n < VIEWER_EVENT_MAX ? n : VIEWER_EVENT_MAX;
		if (!viewer_has_room(v, n + FRAME_MAX))
			return false;
		if (v->sent == 0)
			put_text(v, "data: ");
		put(v, p->json.data + v->sent, n);
		v->sent += n;
	}
	if (!viewer_has_room(v, FRAME_MAX))
		return false;
	put_text(v, "\n");
	put_end(v, &v->at);
	v->sent = 0;
	return true;
}

bool
viewer_tell_dropped(struct viewer *v, const struct cursor *at)
{
	char text[64];

	if (v->dropped == 0)
		return true;
	if (!viewer_has_room(v, FRAME_MAX))
		return false;
	snprintf(text, sizeof(text), "event: dropped\ndata: {\"dropped\": %llu}\n",
	    (unsigned long long)v->dropped);
	put_text(v, text);
	put_end(v, at);
	v->dropped = 0;
	return true;
}

void
viewer_comment(struct viewer *v, const struct cursor *at)
{
	if (!viewer_has_room(v, FRAME_MAX))
		return;
	put_text(v, ": still here\n");
	put_end(v, at);
	v->spoken = clock_monotonic_ns();
	viewer_flush(v);
}
