#include "reader/answering.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

/* Memory of what is to be sent that is kept, and at which it is sent. */
#define SEND_BYTES (32 * 1024)

/* A peer is given up that takes nothing for so long: where the answer has a deadline, after it, and
 * in a download, which has none. Between two looks at whether others need the thread. */
#define QUERY_PATIENCE_NS    (10 * INT64_C(1000000000))
#define DOWNLOAD_PATIENCE_NS (60 * INT64_C(1000000000))
#define REST_POLL_MS	     200

/* What was found is not held back for longer than this. */
#define SEND_NS (20 * INT64_C(1000000))

/* A long entry is sent while it is written. */
static bool
drain(void *context, struct buf *out)
{
	struct answering *a = context;

	if (out == &a->buf && out->len >= SEND_BYTES)
		answering_flush(a);
	return !a->lost && !out->failed;
}

void
answering_init(
    struct answering *a, const struct reading *r, struct selection *s, struct stream *out)
{
	*a = (struct answering){.reading = r,
	    .selection = s,
	    .out = out,
	    .json = {.parser = r->parser},
	    .began = clock_monotonic_ns()};
	a->json.drain = drain;
	a->json.context = a;
	civil_zone_open(&a->json.parse.zone, NULL);
	a->sent = a->began;
	a->deadline = a->began + r->timeout * CLOCK_NS_PER_SECOND;
	metrics_add(&r->metrics->running, 1);
}

void
answering_shorten(struct answering *a)
{
	const int64_t asked = a->began + (int64_t)a->selection->timeout * 1000000;

	if (a->selection->timeout > 0 && asked < a->deadline)
		a->deadline = asked;
}

struct walk_options
answering_options(const struct answering *a, bool forward)
{
	return (struct walk_options){.library = a->reading->library,
	    .search = search_is_empty(a->selection->search) ? NULL : a->selection->search,
	    .forward = forward,
	    .start = a->selection->start,
	    .end = a->selection->end,
	    .deadline = a->deadline};
}

void
answering_begin(struct answering *a, const char *content_type, const char *headers)
{
	const struct http_response head = {
	    .status = 200, .content_type = content_type, .headers = headers};

	a->lost = !stream_begin(a->out, &head);
}

void
answering_refuse(struct answering *a, int status, const char *sentence)
{
	struct http_response head = {.status = status,
	    .content_type = "application/json",
	    .retry_after = status == 503 ? 1 : 0};

	buf_puts(&head.body, "{\"status\": false, \"error\": ");
	entry_json_string(&a->json, &head.body, sentence, strlen(sentence));
	buf_puts(&head.body, "}\n");
	a->lost = head.body.failed || !stream_begin(a->out, &head);
	buf_free(&head.body);
}

void
answering_refuse_walk(struct answering *a, enum walk_open opened)
{
	char sentence[256];

	if (opened == WALK_GONE) {
		answering_refuse(
		    a, 410, "the file that the cursor is of is gone; begin without it");
		return;
	}
	snprintf(
	    sentence, sizeof(sentence), "the log folder can't be read: %s", diag_reason(errno));
	answering_refuse(a, 503, sentence);
}

/* When a peer is given up that takes no further STREAM_STEP. */
static int64_t
patience_end(const struct answering *a)
{
	const int64_t now = clock_monotonic_ns();

	if (a->deadline == INT64_MAX)
		return now + DOWNLOAD_PATIENCE_NS;
	return (a->deadline > now ? a->deadline : now) + QUERY_PATIENCE_NS;
}

/* Waits until the peer can take STREAM_STEP. False: it does not, or has gone, or others need the
 * thread. */
static bool
await_peer(struct answering *a)
{
	struct pool_task *task = a->reading->task;
	struct pollfd p = {.fd = stream_fd(a->out), .events = POLLOUT | POLLRDHUP};
	int64_t end;
	bool ready;

	if (stream_writable(a->out))
		return true;
	end = patience_end(a);
	if (task != NULL)
		pool_rest(task);
	do
		ready = poll(&p, 1, REST_POLL_MS) > 0;
	while (!ready && clock_monotonic_ns() < end && (task == NULL || !pool_is_wanted(task)));
	if (task != NULL)
		pool_resume(task);
	return ready && stream_writable(a->out);
}

/* Sends bytes, as the peer takes them. */
static void
send(struct answering *a, const char *bytes, size_t len)
{
	while (!a->lost && len > 0) {
		size_t n = len < STREAM_STEP ? len : STREAM_STEP;

		if (!await_peer(a))
			stream_cut(a->out);
		a->lost = !stream_write(a->out, bytes, n) || !stream_flush(a->out);
		bytes += n;
		len -= n;
	}
}

void
answering_flush(struct answering *a)
{
	if (a->buf.failed) {
		snprintf(a->why, sizeof(a->why), "failed: %s", diag_reason(ENOMEM));
		stream_cut(a->out); /* what was to be sent is not whole */
		a->lost = true;
	}
	send(a, a->buf.data, a->buf.len);
	buf_clear(&a->buf, 2 * SEND_BYTES);
	a->sent = clock_monotonic_ns();
}

void
answering_append(struct answering *a, const char *bytes, size_t len)
{
	if (len < SEND_BYTES) {
		buf_append(&a->buf, bytes, len);
		return;
	}
	answering_flush(a);
	send(a, bytes, len);
}

bool
answering_goes_on(struct answering *a, enum walk_result result)
{
	int64_t now = clock_coarse_ns();

	if (a->buf.len >= SEND_BYTES || a->buf.failed ||
	    (a->buf.len > 0 && (result == WALK_MORE || now - a->sent >= SEND_NS)))
		answering_flush(a);
	if (!a->lost && (result == WALK_MORE || now - a->looked >= SEND_NS)) {
		a->lost = stream_gone(a->out);
		a->looked = now;
	}
	if (!a->lost && now >= a->deadline)
		snprintf(a->why, sizeof(a->why), "deadline");
	if (a->reading->task != NULL)
		pool_yield(a->reading->task, now);
	return !a->lost && a->why[0] == '\0';
}

void
answering_failed(struct answering *a)
{
	snprintf(a->why, sizeof(a->why), "failed: %s", diag_reason(errno));
}

void
answering_given_up(struct answering *a, uint64_t entries)
{
	/* What ended it before tells more. */
	if (entries == 0 || a->why[0] != '\0')
		return;
	snprintf(a->why, sizeof(a->why),
	    "failed: the expression takes too long on %" PRIu64 " %s, left out here", entries,
	    entries == 1 ? "entry" : "entries");
}

void
answering_append_worth(struct answering *a)
{
	buf_printf(&a->buf,
	    "\"end\": true, \"complete\": %s, \"why\": ", a->why[0] == '\0' ? "true" : "false");
	if (a->why[0] == '\0')
		buf_puts(&a->buf, "null");
	else
		entry_json_string(&a->json, &a->buf, a->why, strlen(a->why));
	buf_printf(&a->buf,
	    ", \"scanned\": %" PRIu64 ", \"of\": %" PRIu64 ", \"matched\": %" PRIu64
	    ", \"ms\": %" PRId64,
	    a->scanned, a->of, a->matched, (clock_monotonic_ns() - a->began) / 1000000);
}

/* False: it is not complete. */
static bool
send_whole(struct answering *a, const struct answering_whole *w, struct merge *m)
{
	enum walk_result result = WALK_MORE;
	struct walk_entry entry;

	buf_puts(&a->buf, w->before);
	while (a->matched < w->limit && result != WALK_END) {
		if (!answering_goes_on(a, result))
			return false;
		result = merge_next(m, &entry);
		merge_progress(m, &a->scanned, &a->of);
		/* One that may match and is left out counts as one that could not be read. */
		if (result == WALK_FAILED || merge_given_up(m) > 0)
			return false;
		if (result == WALK_ENTRY) {
			w->append(a, &entry, NULL);
			a->matched++;
		}
	}
	buf_puts(&a->buf, w->after);
	answering_flush(a);
	return !a->lost;
}

void
answering_whole(struct answering *a, const struct answering_whole *w)
{
	struct walk_options options;
	enum walk_open opened;
	struct merge *m;

	a->deadline = INT64_MAX;
	options = answering_options(a, w->forward);
	opened = merge_new(&m, a->selection->levels, &options, w->from);
	if (opened != WALK_OPENED) {
		answering_refuse_walk(a, opened);
		return;
	}
	answering_begin(a, w->content_type, w->headers);
	if (!a->lost && !send_whole(a, w, m))
		stream_cut(a->out);
	merge_free(m);
}

void
answering_end(struct answering *a)
{
	struct reader_metrics *m = a->reading->metrics;

	metrics_add(&m->queries, 1);
	if (a->lost || strcmp(a->why, "deadline") == 0)
		metrics_add(&m->queries_cut, 1);
	metrics_add(&m->scanned_bytes, a->scanned);
	metrics_add(&m->entries, a->matched);
	metrics_add(&m->query_ms, (uint64_t)(clock_monotonic_ns() - a->began) / 1000000);
	metrics_subtract(&m->running, 1);
	entry_json_free(&a->json);
	buf_free(&a->buf);
}
