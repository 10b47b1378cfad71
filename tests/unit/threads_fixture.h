/* Threads that serve an app whose answers the test lets go, and clients of theirs. */
#ifndef PBU_THREADS_FIXTURE_H
#define PBU_THREADS_FIXTURE_H

#include "fake_app.h"
#include "tmpdir.h"
#include "web/threads.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/un.h>

#define THREADS 2

/* An app whose answers the test lets go. */
struct held {
	struct app app;
	struct metrics metrics;
	struct listener listener;
	struct threads *threads;
	struct tmpdir *dir;
	app_wake *wake;
	void *context;
	sem_t in_body; /* posted when a request is there */
	sem_t go_on;   /* waited for by "/wait" */
	sem_t resumed; /* posted by each resume() */
	pthread_mutex_t lock;
	struct app_job *submitted; /* the one that waits for resume() */
	sem_t in_stream;	   /* posted for each stream */
	struct stream *streams[8]; /* that were begun */
	unsigned begun;
};

struct job {
	struct app_job app;
	char path[64];
	unsigned late; /* how often it begins again */
};

static inline struct app_job *
job_new(void *self)
{
	(void)self;
	fake_jobs++;
	return calloc(1, sizeof(struct job));
}

static inline void
wake_by(void *self, app_wake *wake, void *context)
{
	struct held *h = self;

	h->wake = wake;
	h->context = context;
}

static inline enum app_verdict
head(void *thread, struct app_job *app, const struct http_request *q, struct http_response *r)
{
	struct job *job = (struct job *)app;

	(void)thread;
	(void)r;
	snprintf(job->path, sizeof(job->path), "%s", q->path);
	job->late = strcmp(q->path, "/late") == 0 ? 3 : 0;
	return strcmp(q->path, "/stream") == 0 ? APP_STREAM : APP_BODY;
}

static inline void
stream(void *thread, struct app_job *app, struct stream *s)
{
	const struct job *job = (struct job *)app;
	struct held *h = thread;

	assert_string_equal(job->path, "/stream");
	pthread_mutex_lock(&h->lock);
	h->streams[h->begun++] = s;
	pthread_mutex_unlock(&h->lock);
	sem_post(&h->in_stream);
}

static inline enum app_verdict
body(void *thread, struct app_job *app, const struct http_body *b, struct http_response *r)
{
	const struct job *job = (struct job *)app;
	struct held *h = thread;

	sem_post(&h->in_body);
	if (strcmp(job->path, "/wait") == 0)
		sem_wait(&h->go_on);
	if (strcmp(job->path, "/later") == 0 || strcmp(job->path, "/late") == 0)
		return APP_LATER;
	r->status = 200;
	r->content_type = "text/plain";
	buf_printf(&r->body, "%s %zu", job->path, b->len);
	return APP_ANSWER;
}

/* "/late" is finished at once, "/later" by the next resume(). */
static inline struct app_job *
submit(void *thread, struct app_job *app)
{
	const struct job *job = (struct job *)app;
	struct held *h = thread;

	app->next = NULL;
	if (strcmp(job->path, "/late") == 0)
		return app;
	pthread_mutex_lock(&h->lock);
	app->next = h->submitted;
	h->submitted = app;
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static inline struct app_job *
resume(void *thread, bool last)
{
	(void)last;
	struct held *h = thread;
	struct app_job *finished;

	pthread_mutex_lock(&h->lock);
	finished = h->submitted;
	h->submitted = NULL;
	pthread_mutex_unlock(&h->lock);
	sem_post(&h->resumed);
	return finished;
}

static inline enum app_verdict
answer(void *thread, struct app_job *app, struct http_response *r)
{
	struct job *job = (struct job *)app;

	(void)thread;
	if (job->late > 0) {
		job->late--;
		return APP_BODY;
	}
	r->status = 200;
	r->content_type = "text/plain";
	buf_printf(&r->body, "%s", job->path);
	return APP_ANSWER;
}

static inline int
threads_setup(void **state)
{
	struct held *h = calloc(1, sizeof(*h));
	char error[512];

	if (tmpdir_setup(state) != 0)
		return -1;
	h->dir = *state;
	h->app = (struct app){.self = h,
	    .max_body = 1 << 20,
	    .metrics = &h->metrics,
	    .thread_new = fake_thread_new,
	    .thread_free = fake_thread_free,
	    .job_new = job_new,
	    .job_free = fake_job_free,
	    .wake_by = wake_by,
	    .head = head,
	    .body = body,
	    .submit = submit,
	    .resume = resume,
	    .answer = answer,
	    .stream = stream,
	    .sent = fake_sent};
	sem_init(&h->in_stream, 0, 0);
	sem_init(&h->in_body, 0, 0);
	sem_init(&h->go_on, 0, 0);
	sem_init(&h->resumed, 0, 0);
	pthread_mutex_init(&h->lock, NULL);
	if (listener_open(&h->listener, strdup(tmpdir_path(h->dir, "s")), error, sizeof(error)) < 0)
		return -1;
	h->threads = threads_start(&h->listener, THREADS, &h->app, error, sizeof(error));
	*state = h;
	return h->threads != NULL ? 0 : -1;
}

static inline int
threads_teardown(void **state)
{
	struct held *h = *state;
	char *path = (char *)h->listener.path;
	void *dir = h->dir;

	if (h->threads != NULL)
		threads_stop(h->threads);
	listener_close(&h->listener);
	free(path);
	free(h);
	return tmpdir_teardown(&dir);
}

static inline int
connect_to(const struct held *h)
{
	const struct timeval patience = {.tv_sec = 20};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", h->listener.path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static inline void
ask(int fd, const char *path, size_t len)
{
	struct buf bytes = BUF_INIT;

	add_request(&bytes, path, len, true);
	for (size_t at = 0; at < bytes.len;) {
		ssize_t n = send(fd, bytes.data + at, bytes.len - at, MSG_NOSIGNAL);

		assert_true(n > 0);
		at += (size_t)n;
	}
	buf_free(&bytes);
}

/* The next response, and nothing of what comes after it; it ends with a NUL. */
static inline void
receive(int fd, struct buf *text)
{
	char content[65536 + 256];
	struct buf bytes = BUF_INIT;
	FCGI_Header h;
	size_t n;

	do {
		assert_int_equal(recv(fd, &h, sizeof(h), MSG_WAITALL), sizeof(h));
		n = ((size_t)h.contentLengthB1 << 8 | h.contentLengthB0) + h.paddingLength;
		assert_int_equal(n == 0 ? 0 : recv(fd, content, n, MSG_WAITALL), n);
		buf_append(&bytes, &h, sizeof(h));
		buf_append(&bytes, content, n);
	} while (!take_records(&bytes, text));
	buf_free(&bytes);
	buf_putc(text, '\0');
	text->len--;
}

/* The text of the next answer begins with this. */
static inline void
assert_answered(int fd, const char *expected)
{
	struct buf text = BUF_INIT;
	const char *at;

	receive(fd, &text);
	at = strstr(text.data, "\r\n\r\n");
	assert_non_null(at);
	assert_memory_equal(at + 4, expected, strlen(expected));
	buf_free(&text);
}

#define threads_test(f) cmocka_unit_test_setup_teardown(f, threads_setup, threads_teardown)

#endif
