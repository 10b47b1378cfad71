/* Tokens: a setting's, and those of a file, which is read again when it changes. */
#ifndef PBU_AUTH_H
#define PBU_AUTH_H

#include "base/setting.h"
#include "web/http.h"

#include <stdbool.h>
#include <stddef.h>

struct auth_settings {
	const char *token;	/* NULL: none */
	const char *token_file; /* NULL: none */
};

extern const struct setting_group auth_settings_group;	    /* AUTH_TOKEN, AUTH_TOKEN_FILE */
extern const struct setting_group auth_read_settings_group; /* READ_TOKEN, READ_TOKEN_FILE */

struct auth;

/*
 * Copies the token, and reads those of the file, whose name must outlive it. NULL, and the reason
 * in words in error (size bytes), when the file can't be read or holds no token. `name` is that of
 * the token's setting, for messages; the file's is the same with _FILE.
 */
struct auth *auth_open(
    const struct auth_settings *settings, const char *name, char *error, size_t size);
void auth_close(struct auth *a);

/*
 * Whether one of the request's headers holds a token: `Authorization: <token>`, `Authorization:
 * Bearer <token>`, `Authorization: Basic <base64 of name:password>` whose password or name is one,
 * or `Authentication: <token>`. Always true when no token is configured. Takes the same time
 * whichever byte differs. Any thread.
 */
bool auth_allows(struct auth *a, const struct http_request *request);

/* Whether a token is configured. */
bool auth_is_configured(const struct auth *a);

/* Whether a text of len bytes is a token; it is none when none is configured. Any thread, in the
 * same time whichever byte differs. */
bool auth_holds(struct auth *a, const char *text, size_t len);

/* Whether one of the request's headers holds a token, as auth_allows() finds it; false when none is
 * configured. It is appended to *token, which is empty, unless that is NULL: auth_forget() it. */
bool auth_token_of(struct auth *a, const struct http_request *request, struct buf *token);

/* Whether the request comes with `Authorization: Basic`, the one scheme that a browser sends by
 * itself once it has a password for the site, whichever page asks. */
bool auth_is_basic(const struct http_request *request);

/* Frees a text that may hold a token, and leaves nothing of it in memory. */
void auth_forget(struct buf *text);

/* Whether `is` says so of a token; it is asked about each, under a lock: it must not call auth.
 * Any thread. */
bool auth_any(struct auth *a, bool (*is)(const void *context, const char *token, size_t len),
    const void *context);

/* Reads the file again if it changed, and returns whether that was done; what can't be used leaves
 * the old tokens, with a warning. For one thread, the main one, which waits for the file's disk
 * meanwhile. */
bool auth_refresh(struct auth *a);

#endif
