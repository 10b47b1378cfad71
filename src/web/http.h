/* A request and its response, free of FastCGI. */
#ifndef PBU_HTTP_H
#define PBU_HTTP_H

#include "buf.h"

/* What nginx passes on; strings belong to the connection and last until the response is sent. A
 * header that was not sent is NULL or empty. */
struct http_request {
	const char *method;
	const char *path;
	const char *content_type;
	const char *content_length;
	const char *authorization;
	const char *authentication;
	const char *remote_addr;
};

struct http_response {
	int status;
	const char *content_type;
	const char *allow;    /* the Allow header of a 405, or NULL */
	unsigned retry_after; /* seconds; 0: no such header */
	bool authenticate;    /* send WWW-Authenticate */
	struct buf body;
};

#endif
