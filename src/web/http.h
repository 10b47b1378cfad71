/* A request and its response, free of FastCGI. */
#ifndef PBU_HTTP_H
#define PBU_HTTP_H

#include "base/buf.h"

#include <stdbool.h>

/*
 * What nginx passes on: the field and the name of its FastCGI parameter. To add one is a line here
 * and one in nginx's files, for the server and for the reader; a test compares them.
 */
#define HTTP_PARAMS(X)                                                                             \
	X(method, "REQUEST_METHOD")                                                                \
	X(path, "DOCUMENT_URI")                                                                    \
	X(content_type, "CONTENT_TYPE")                                                            \
	X(content_length, "CONTENT_LENGTH")                                                        \
	X(remote_addr, "REMOTE_ADDR")                                                              \
	X(authorization, "HTTP_AUTHORIZATION")                                                     \
	X(authentication, "HTTP_AUTHENTICATION")

/* Those that only the server is passed beside these; not looked for where no app has submit(). */
#define HTTP_WRITE_PARAMS(X)                                                                       \
	X(content_encoding, "HTTP_CONTENT_ENCODING")                                               \
	X(idempotency_key, "HTTP_IDEMPOTENCY_KEY")

/* Those that only the reader is passed beside these; not looked for where no app has stream(). */
#define HTTP_READ_PARAMS(X)                                                                        \
	X(query, "QUERY_STRING")                                                                   \
	X(cookie, "HTTP_COOKIE")                                                                   \
	X(fetch_site, "HTTP_SEC_FETCH_SITE")                                                       \
	X(last_event_id, "HTTP_LAST_EVENT_ID")                                                     \
	X(https, "HTTPS")

/* The strings belong to the connection and last until the response is sent, or until stream_end().
 * A header that was not sent is NULL or empty; method and path are never NULL. */
struct http_request {
#define HTTP_FIELD(field, name) const char *field;
	HTTP_PARAMS(HTTP_FIELD)
	HTTP_WRITE_PARAMS(HTTP_FIELD)
	HTTP_READ_PARAMS(HTTP_FIELD)
#undef HTTP_FIELD
};

struct http_body {
	const char *data;
	size_t len;    /* bytes that came */
	size_t memory; /* bytes that it takes */
	bool kept;     /* else it was received and there is no data: it is too long, or there was no
			  memory for it */
};

struct http_response {
	int status;
	const char *content_type;
	const char *allow;    /* the Allow header of a 405, or NULL */
	unsigned retry_after; /* seconds; 0: no such header */
	bool authenticate;    /* send WWW-Authenticate */
	const char *headers;  /* further ones, whole lines that end with \r\n, or NULL; they must
				 last  until the response is sent */
	struct buf body;
};

/* Whether a Content-Type header, NULL or empty when it was not sent, is of that type, in lower
 * case; its parameters don't count (RFC 9110, 8.3.1). */
bool http_is_type(const char *content_type, const char *type);

/* Whether a header of one word, NULL or empty when it was not sent, is this one, in lower case. */
bool http_is_token(const char *header, const char *token);

/* Whether a resource that takes one method, or any (NULL), takes that of a request. HEAD is GET to
 * us; nginx leaves the body of the answer out (RFC 9110, 9.3.2). */
bool http_takes(const char *taken, const char *method);

#endif
