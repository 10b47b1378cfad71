/*
 * One FastCGI connection, by libfcgi; the only user of fcgiapp.h.
 *
 * The server accepts and receives by itself, and hands libfcgi whole requests: it would keep a
 * thread in read(2) for every idle connection and every unfinished request, and go on to accept(2)
 * a connection that another thread waits for. libfcgi reads them from a file in memory (memfd), of
 * which each thread has one, as from a socket; what it answers goes to the socket.
 *
 * A connection is used by one thread at a time, whichever that is.
 */
#ifndef PBU_FCGI_H
#define PBU_FCGI_H

#include "web/app.h"

#include <stdbool.h>
#include <stddef.h>

struct fcgi_thread; /* what one thread needs, for any connection */
struct fcgi_connection;

/* Prepares libfcgi; once, before threads start. It installs signal handlers: set yours later. */
bool fcgi_init(void);

/* The app must outlive it. NULL on error, with the reason in words in error (size bytes). */
struct fcgi_thread *fcgi_thread_new(const struct app *app, char *error, size_t size);
void fcgi_thread_free(struct fcgi_thread *t);

/* The program's, for app->resume() and submit(). */
void *fcgi_thread_app(struct fcgi_thread *t);

/* A connection for an accepted, non-blocking socket, which it owns from then on; NULL when memory
 * ran out, and the socket stays the caller's. Its job is of `owner`. */
struct fcgi_connection *fcgi_connection_new(int fd, const struct app *app, void *owner);

/* Closes and frees. */
void fcgi_connection_free(struct fcgi_connection *c);

/* What became of a connection. */
enum fcgi_outcome {
	FCGI_IDLE,	 /* no request is under way, and the next can be waited for */
	FCGI_UNFINISHED, /* a part of a request came: the rest can be waited for */
	FCGI_LARGE,	 /* a part came of a large one: fcgi_receive() shall be called with `large`
			    when another of these may be under way */
	FCGI_WHOLE,	 /* a request came: next is fcgi_begin(), by the same thread */
	FCGI_SUBMIT,	 /* its job is to be submitted; once it is finished, fcgi_answer() */
	FCGI_STREAM,	 /* the app answers by itself: next is stream_new() (stream.h) */
	FCGI_OVER,	 /* closed by the peer, not to be kept, or spoilt: only
			    fcgi_connection_free() may follow */
	FCGI_NO_MEMORY,	 /* as FCGI_OVER: there is none for what came */
};

/* Receives what has come, without waiting. */
enum fcgi_outcome fcgi_receive(struct fcgi_connection *c, struct fcgi_thread *t, bool large);

/* After FCGI_LARGE, where there is no place: keeps what has come, which is in the thread's memory.
 * False: there is no memory for that. */
bool fcgi_keep(struct fcgi_connection *c, struct fcgi_thread *t);

/* Has the app look at a whole request: answers it, or its job is to be submitted. An answer that
 * the peer leaves no room for ends the connection. */
enum fcgi_outcome fcgi_begin(struct fcgi_connection *c, struct fcgi_thread *t);

/* Answers the request of a finished job; or it is to be submitted again. */
enum fcgi_outcome fcgi_answer(struct fcgi_connection *c, struct fcgi_thread *t);

struct app_job *fcgi_job(struct fcgi_connection *c);

/*
 * For stream.c, after FCGI_STREAM; by the one thread that has the stream, on a socket that blocks.
 * What is put stays in libfcgi's buffer, of 8 KiB, until that is full or flushed. False, now and
 * from then on: it could not be written.
 */
int fcgi_fd(const struct fcgi_connection *c);
bool fcgi_put_head(struct fcgi_connection *c, const struct http_response *head); /* no body */
bool fcgi_put(struct fcgi_connection *c, const void *data, size_t len);
bool fcgi_flush(struct fcgi_connection *c);

/* Sends what is left and the end of the request, which was answered whole; its strings are gone,
 * and only fcgi_connection_free() may follow. Without it the peer sees that the response was cut.
 */
void fcgi_finish(struct fcgi_connection *c);

#endif
