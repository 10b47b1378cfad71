#include "reader/tail_viewer.h"

#include "base/clock.h"
#include "reader/peer_frame.h"
#include "reader/tail_source.h"

#include <stdio.h>
#include <stdlib.h>

/* And of each peer's place. */
#define PLACE_MAX 272

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
	v->form = (struct tail_form){.zone = &v->selection.zone, .framed = s->framed};
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
	buf_free(&v->line);
	buf_free(&v->missing);
	free(v->peer);
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

static size_t
frame_max(const struct viewer *v)
{
	return VIEWER_FRAME + (v->peers != NULL ? v->peers->count * PLACE_MAX : 0);
}

size_t
viewer_event_max(const struct viewer *v)
{
	return STREAM_STEP - frame_max(v) - VIEWER_FRAME;
}

/* Writes a line that was made, and frees it. */
static void
put_line(struct viewer *v, struct buf *line)
{
	if (line->failed)
		v->over = true;
	else
		put(v, line->data, line->len);
	buf_free(line);
}

static struct cursor
own_place(const struct viewer *v, const struct cursor *at)
{
	struct cursor own = *at;

	own.levels &= v->selection.levels;
	return own;
}

/* Where it stands with all servers of which that is known. */
static void
print_places(const struct viewer *v, struct buf *line, const struct cursor *own)
{
	const struct peers *p = v->peers;

	cursor_servers_print(line, p->at[p->self].id, own);
	for (size_t i = 0; i < p->count; i++) {
		const struct viewer_peer *at = &v->peer[i];
		const struct tail_source *source = at->source;

		if (i == p->self || !(source != NULL ? source->known : at->known))
			continue;
		cursor_servers_separate(line);
		cursor_servers_print(line, p->at[i].id, source != NULL ? &source->at : &at->at);
	}
}

/* Ends an event with where to resume, over the levels that the viewer selects. */
static void
put_end(struct viewer *v, const struct cursor *at)
{
	const struct cursor own = own_place(v, at);
	struct buf line = BUF_INIT;

	buf_puts(&line, "id: ");
	if (v->peers == NULL)
		cursor_print(&line, &own);
	else
		print_places(v, &line, &own);
	buf_puts(&line, "\n\n");
	put_line(v, &line);
}

static void
put_text(struct viewer *v, const char *text)
{
	put(v, text, strlen(text));
}

void
viewer_begin(struct viewer *v, const struct cursor *at, const char *header)
{
	const struct cursor own = own_place(v, at);
	struct http_response head = {.status = 200, .content_type = "text/event-stream"};
	struct buf headers = BUF_INIT;

	buf_puts(&headers, HEADERS);
	if (header != NULL)
		buf_puts(&headers, header);
	buf_putc(&headers, '\0');
	head.headers = headers.data;
	if (v->form.framed) {
		head.content_type = PEER_FRAME_TYPE;
		peer_frame_begin(&head.body, &own);
	}
	if (headers.failed || !stream_begin(v->stream, &head))
		v->over = true;
	buf_free(&headers);
	buf_free(&head.body);
	if (!v->form.framed) {
		put_text(v, RETRY);
		put_end(v, at);
	}
	v->spoken = clock_monotonic_ns();
	viewer_flush(v);
}

void
viewer_frame(
    struct viewer *v, struct tail_render *r, struct tail_entry *e, const struct cursor *after)
{
	const struct cursor own = own_place(v, after);

	buf_clear(&v->line, VIEWER_FRAME);
	tail_render_line(r, e, &own, &v->line);
	v->over = v->over || v->line.failed;
}

/* What goes before an entry's JSON, or its payload, and after it. */
static void
put_before(struct viewer *v)
{
	if (v->form.framed)
		put(v, v->line.data, v->line.len);
	else
		put_text(v, "data: ");
}

static void
put_after(struct viewer *v, const struct cursor *after)
{
	put_text(v, "\n");
	if (!v->form.framed)
		put_end(v, after);
}

bool
viewer_send(struct viewer *v, const struct buf *body, const struct cursor *after)
{
	if (body->len > viewer_event_max(v) || !viewer_has_room(v, body->len + frame_max(v)))
		return false;
	put_before(v);
	put(v, body->data, body->len);
	put_after(v, after);
	return true;
}

bool
viewer_send_parcel(struct viewer *v)
{
	const struct parcel *p = v->parcel;

	if (p == NULL)
		return true;
	while (v->sent < p->body.len) {
		const size_t most = viewer_event_max(v), left = p->body.len - v->sent;
		const size_t n = left < most ? left : most;

		if (!viewer_has_room(v, n + frame_max(v)))
			return false;
		if (v->sent == 0)
			put_before(v);
		put(v, p->body.data + v->sent, n);
		v->sent += n;
	}
	if (!viewer_has_room(v, frame_max(v)))
		return false;
	put_after(v, &v->at);
	v->sent = 0;
	return true;
}

bool
viewer_tell_dropped(struct viewer *v, const struct cursor *at)
{
	const struct cursor own = own_place(v, at);
	struct buf line = BUF_INIT;

	if (v->dropped == 0)
		return true;
	if (!viewer_has_room(v, frame_max(v)))
		return false;
	if (v->form.framed)
		peer_frame_dropped(&line, v->dropped, &own);
	else
		buf_printf(&line, "event: dropped\ndata: {\"dropped\": %llu}\n",
		    (unsigned long long)v->dropped);
	put_line(v, &line);
	if (!v->form.framed)
		put_end(v, at);
	v->dropped = 0;
	return true;
}

bool
viewer_tell(struct viewer *v, const char *event, const struct buf *data, const struct cursor *at)
{
	struct buf line = BUF_INIT;

	if (!viewer_has_room(v, data->len + frame_max(v)))
		return false;
	buf_printf(&line, "event: %s\ndata: ", event);
	buf_append(&line, data->data, data->len);
	buf_putc(&line, '\n');
	put_line(v, &line);
	put_end(v, at);
	return true;
}

void
viewer_comment(struct viewer *v, const struct cursor *at)
{
	const struct cursor own = own_place(v, at);
	struct buf line = BUF_INIT;

	if (!viewer_has_room(v, frame_max(v)))
		return;
	if (v->form.framed) {
		/* The two numbers are the same for one that has all there is. */
		peer_frame_progress(&line, 0, v->behind ? 1 : 0, &own);
		put_line(v, &line);
	} else {
		put_text(v, ": still here\n");
		put_end(v, at);
	}
	v->spoken = clock_monotonic_ns();
	viewer_flush(v);
}
