/*
 * A response that is sent while it is made: a program that answers APP_STREAM has the connection to
 * itself from then on, in a thread of its own, until it ends it. For one thread at a time.
 *
 * libfcgi's writer takes EAGAIN for an error, so the socket blocks here, for a bounded time;
 * whoever must not wait asks stream_writable() first.
 */
#ifndef PBU_STREAM_H
#define PBU_STREAM_H

#include "web/app.h"
#include "web/http.h"

#include <stdbool.h>
#include <stddef.h>

struct fcgi_connection;
struct stream;

/* Bytes that can be written after stream_writable() without waiting. */
#define STREAM_STEP ((size_t)32 * 1024)

/* Begins the response: status, content type and headers of `head`; its body is sent as the first
 * part. False, now and from then on: the peer has gone, or took nothing for so long (seconds). */
bool stream_begin(struct stream *s, const struct http_response *head);

/* Adds to the response; what is small stays in a buffer until stream_flush(). */
bool stream_write(struct stream *s, const void *data, size_t len);
bool stream_flush(struct stream *s);

/* Whether STREAM_STEP bytes can be written and flushed now. Does not wait. */
bool stream_writable(const struct stream *s);

/* Whether the peer has hung up. Does not wait. */
bool stream_gone(const struct stream *s);

/* The socket, for poll(2): POLLOUT says the same as stream_writable(), POLLRDHUP as stream_gone().
 */
int stream_fd(const struct stream *s);

/* What was written is not all that there should be: stream_end() will cut the response short, so
 * that the peer can tell. Nothing more can be written. */
void stream_cut(struct stream *s);

/* Ends the response, the connection and the stream: cut short when something could not be written,
 * or it was never begun. The request's strings and its job are gone after that. */
void stream_end(struct stream *s);

/* For threads_serve.c: takes a connection after FCGI_STREAM. NULL: there is no memory, and it stays
 * the caller's. */
struct stream *stream_new(struct fcgi_connection *c, const struct app *app);

#endif
