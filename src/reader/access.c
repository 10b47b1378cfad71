#include "reader/access.h"

#include "reader/session.h"

#include <string.h>

bool
access_is_open(const struct access *a)
{
	return !auth_is_configured(a->read) && !auth_is_configured(a->write);
}

bool
access_is_own_site(const struct http_request *q)
{
	/* Browsers say it since 2020 to 2023; those before keep to SameSite=Strict. "none": typed,
	 * or a bookmark. */
	return q->fetch_site == NULL || *q->fetch_site == '\0' ||
	       strcmp(q->fetch_site, "same-origin") == 0 || strcmp(q->fetch_site, "none") == 0;
}

/* A page of another site can set no header; but what it asks for, a browser may send a password
 * with that it was given for this site (by a proxy before us, say: we never ask for one). */
static bool
is_asked_for(const struct http_request *q)
{
	return !auth_is_basic(q) || access_is_own_site(q);
}

static bool
is_sent(const char *header)
{
	return header != NULL && *header != '\0';
}

enum access_verdict
access_check(const struct access *a, const struct http_request *q, int64_t now)
{
	if (access_is_open(a))
		return access_is_own_site(q) ? ACCESS_GRANTED : ACCESS_ELSEWHERE;
	if (!auth_is_configured(a->read))
		return ACCESS_CLOSED;
	if (auth_token_of(a->read, q, NULL))
		return is_asked_for(q) ? ACCESS_GRANTED : ACCESS_ELSEWHERE;
	if (session_counts(a->read, q->cookie, now))
		return access_is_own_site(q) ? ACCESS_GRANTED : ACCESS_ELSEWHERE;
	if (auth_token_of(a->write, q, NULL))
		return ACCESS_WRITER;
	return is_sent(q->authorization) || is_sent(q->authentication) ? ACCESS_WRONG
								       : ACCESS_NO_TOKEN;
}

enum access_verdict
access_check_token(const struct access *a, const char *token, size_t len)
{
	if (!auth_is_configured(a->read))
		return access_is_open(a) ? ACCESS_GRANTED : ACCESS_CLOSED;
	if (auth_holds(a->read, token, len))
		return ACCESS_GRANTED;
	return auth_holds(a->write, token, len) ? ACCESS_WRITER : ACCESS_WRONG;
}

const char *
access_words(enum access_verdict verdict)
{
	switch (verdict) {
	case ACCESS_GRANTED: break;
	case ACCESS_CLOSED:
		return "nobody may read here yet: set READ_TOKEN or READ_TOKEN_FILE, the tokens "
		       "for reading";
	case ACCESS_NO_TOKEN:
		return "a token for reading is needed: log in, or send it as \"Authorization: "
		       "<token>\"";
	case ACCESS_WRONG: return "this is not a valid token for reading";
	case ACCESS_WRITER: return "this token is for writing; reading needs another (READ_TOKEN)";
	case ACCESS_ELSEWHERE: return "a page of another site may not ask here";
	}
	return "";
}

enum status
access_status(enum access_verdict verdict)
{
	switch (verdict) {
	case ACCESS_GRANTED: return STATUS_200;
	case ACCESS_NO_TOKEN:
	case ACCESS_WRONG: return STATUS_401;
	case ACCESS_CLOSED:
	case ACCESS_WRITER:
	case ACCESS_ELSEWHERE: break;
	}
	return STATUS_403;
}
