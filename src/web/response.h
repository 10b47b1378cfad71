/* The head of a response, as CGI has it (RFC 3875): what nginx makes a status line and headers of.
 */
#ifndef PBU_RESPONSE_H
#define PBU_RESPONSE_H

#include "web/http.h"

#include <stdbool.h>

/* Appends it, with the empty line that ends it; `whole`: with the length of the body, which is all
 * that comes. */
void response_head(struct buf *out, const struct http_response *r, bool whole);

#endif
