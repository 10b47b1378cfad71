#include "reader/handler_query.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <sys/socket.h>

/* The same answer for peers, which ask for this server's own, and over them. */
static const struct {
	answer *own, *framed, *along;
} ways[] = {
    {answer_query, answer_framed, answer_peers_query},
    {answer_raw, answer_framed, answer_raw},
    {answer_context, answer_framed_context, answer_peers_context},
    {answer_hits, answer_hits, answer_peers_hits},
    {answer_files, answer_files, answer_peers_files},
};

static void
choose_answer(const struct reader_handler *h, struct handler_job *job)
{
	const struct selection *s = &job->selection;

	job->along = reading_is_along(&h->reading, s);
	job->download = job->answer == answer_raw || (s->framed && s->timeout == 0);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (job->answer != ways[i].own)
			continue;
		if (s->framed)
			job->answer = ways[i].framed;
		else if (job->along)
			job->answer = ways[i].along;
		return;
	}
}

enum app_verdict
handler_query_head(struct handler_thread *t, struct handler_job *job, const struct http_request *q,
    struct http_response *r)
{
	struct buf why = BUF_INIT;
	const int64_t now = clock_now_ns() / 1000000;

	job->last_event_id = q->last_event_id;
	if (selection_parse(&job->selection, q->query, t->handler->reading.levels, now, &why)) {
		choose_answer(t->handler, job);
		if (job->selection.cursors == NULL || job->along)
			return APP_STREAM;
		buf_puts(&why, "cursor: is one of several servers, which are not read here");
	}
	if (job->selection.no_memory || why.failed)
		reply_error(r, STATUS_503, "%s", diag_reason(ENOMEM));
	else
		reply_error(r, STATUS_400, "%.*s", (int)why.len, why.data);
	if (r->status == STATUS_400 && job->selection.wrong_at >= 0 && !r->body.failed) {
		r->body.len--; /* the brace */
		buf_printf(&r->body, ", \"at\": %" PRId64 "}", job->selection.wrong_at);
	}
	buf_free(&why);
	selection_free(&job->selection);
	return APP_ANSWER;
}

static struct handler_job *
job_of_task(struct pool_task *task)
{
	return (struct handler_job *)((char *)task - offsetof(struct handler_job, task));
}

/* Ends the job, too. */
static void
end_query(struct handler_job *job)
{
	selection_free(&job->selection);
	stream_end(job->stream);
}

static void
refuse_query(struct handler_job *job, const char *words)
{
	struct http_response response = {0};

	reply_error(&response, STATUS_503, "%s", words);
	stream_begin(job->stream, &response);
	metrics_count_status(job->handler->metrics, response.status);
	reply_log_refused(job->handler->refused, &response, job->remote_addr);
	buf_free(&response.body);
	end_query(job);
}

static void
run_query(struct pool_task *task)
{
	struct handler_job *job = job_of_task(task);
	struct reading reading = job->handler->reading;

	reading.task = task;
	job->answer(&reading, &job->selection, job->stream);
}

/* It finds its peer gone. */
static void
cancel_query(struct pool_task *task)
{
	shutdown(stream_fd(job_of_task(task)->stream), SHUT_RDWR);
}

static void
query_done(struct pool_task *task, bool ran)
{
	if (ran)
		end_query(job_of_task(task));
	else
		refuse_query(job_of_task(task), "the reader is busy; try again");
}

static struct pool *
pool_of(const struct reader_handler *h, const struct handler_job *job)
{
	if (job->along || h->asked_queries == NULL)
		return job->download ? h->downloads : h->queries;
	return job->download ? h->asked_downloads : h->asked_queries;
}

static void
begin_query(struct reader_handler *h, struct handler_job *job)
{
	struct pool *pool = pool_of(h, job);
	const int64_t patience = h->reading.timeout * CLOCK_NS_PER_SECOND;

	job->task = (struct pool_task){.deadline = clock_monotonic_ns() + patience,
	    .run = run_query,
	    .cancel = cancel_query,
	    .done = query_done};
	if (!pool_submit(pool, &job->task))
		refuse_query(job, "too many queries at a time; try again");
}

void
handler_query_stream(void *thread, struct app_job *app, struct stream *stream)
{
	struct handler_thread *t = thread;
	struct handler_job *job = handler_job_of(app);
	struct selection selection = job->selection;

	job->handler = t->handler;
	job->stream = stream;
	if (job->answer != NULL) {
		begin_query(t->handler, job);
		return;
	}
	/* It is the tail's from here on, and the job may be gone as this returns. */
	job->selection.search = NULL;
	job->selection.cursors = NULL;
	job->selection.q = NULL;
	tail_add(t->handler->tail, &selection, job->last_event_id, stream);
}

void
handler_query_forget(struct handler_job *job)
{
	selection_free(&job->selection);
}
