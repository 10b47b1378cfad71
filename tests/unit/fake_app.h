/* An app that is only there, for tests of what is under it; and connections without a listener. */
#ifndef PBU_FAKE_APP_H
#define PBU_FAKE_APP_H

#include "fcgi_records.h"
#include "unit.h"
#include "web/fcgi.h"
#include "web/stream.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static atomic_uint fake_jobs; /* that are there */

static inline void *
fake_thread_new(void *self)
{
	return self;
}

static inline void
fake_thread_free(void *thread)
{
	(void)thread;
}

static inline struct app_job *
fake_job_new(void *self)
{
	(void)self;
	fake_jobs++;
	return calloc(1, sizeof(struct app_job));
}

static inline void
fake_job_free(struct app_job *job)
{
	fake_jobs--;
	free(job);
}

/* Each request is answered by a stream, ... */
static inline enum app_verdict
fake_head(void *thread, struct app_job *job, const struct http_request *q, struct http_response *r)
{
	(void)thread;
	(void)job;
	(void)q;
	(void)r;
	return APP_STREAM;
}

/* ... which threads.c would begin, and fake_stream() makes. */
static inline void
fake_no_stream(void *thread, struct app_job *job, struct stream *stream)
{
	(void)thread;
	(void)job;
	(void)stream;
}

static inline void
fake_sent(void *thread, struct app_job *job, const struct http_response *r)
{
	(void)thread;
	(void)job;
	(void)r;
}

/* The members that it takes at least; a test adds its own. */
#define FAKE_APP                                                                                   \
	.thread_new = fake_thread_new, .thread_free = fake_thread_free, .job_new = fake_job_new,   \
	.job_free = fake_job_free

/* pair[0] is for a connection, pair[1] its peer. */
static inline void
fake_connect(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
}

/* The stream by which the app answers a request of the peer for that path. */
static inline struct stream *
fake_stream(const struct app *app, struct fcgi_thread *thread, const char *path, int pair[2])
{
	struct buf bytes = BUF_INIT;
	struct fcgi_connection *c;
	struct stream *stream;

	fake_connect(pair);
	c = fcgi_connection_new(pair[0], app, NULL);
	assert_non_null(c);
	add_request(&bytes, path, 0, true);
	assert_int_equal(send(pair[1], bytes.data, bytes.len, 0), bytes.len);
	buf_free(&bytes);
	assert_int_equal(fcgi_receive(c, thread, true), FCGI_WHOLE);
	assert_int_equal(fcgi_begin(c, thread), FCGI_STREAM);
	app->metrics->connections++;
	stream = stream_new(c, app);
	assert_non_null(stream);
	return stream;
}

#endif
