/*
 * Who may read. Reading has tokens of its own, as a token that writes is in every program; a
 * browser has a session in the place of its token. Any thread.
 */
#ifndef PBU_ACCESS_H
#define PBU_ACCESS_H

#include "base/status.h"
#include "web/auth.h"

#include <stdint.h>

struct access {
	struct auth *read;  /* READ_TOKEN, READ_TOKEN_FILE */
	struct auth *write; /* AUTH_TOKEN, AUTH_TOKEN_FILE: known, to be told from a wrong one */
};

enum access_verdict {
	ACCESS_GRANTED,
	ACCESS_CLOSED,	  /* there are tokens for writing, but none for reading */
	ACCESS_NO_TOKEN,  /* no token, and no session */
	ACCESS_WRONG,	  /* what was sent is no token */
	ACCESS_WRITER,	  /* a token for writing, which is none for reading */
	ACCESS_ELSEWHERE, /* a page of another site asked */
};

/* Whether who sent this may read, by a token or a session; `now` is in seconds since the epoch. */
enum access_verdict access_check(const struct access *a, const struct http_request *q, int64_t now);

/* Whether this text, which was sent for a token, is one for reading. */
enum access_verdict access_check_token(const struct access *a, const char *token, size_t len);

/* Whether nobody needs a token: there are none, neither for reading nor for writing. */
bool access_is_open(const struct access *a);

/* Whether the request comes from this site's own page, from no page, or from a program. */
bool access_is_own_site(const struct http_request *q);

/* A refusal in words, and the status it is answered with. */
const char *access_words(enum access_verdict verdict);
enum status access_status(enum access_verdict verdict);

#endif
