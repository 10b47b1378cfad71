/* The tokens: AUTH_TOKEN and those of AUTH_TOKEN_FILE, which is read again when it changes. */
#ifndef PBU_AUTH_H
#define PBU_AUTH_H

#include "options.h"

#include <stdbool.h>
#include <stddef.h>

struct auth;

/*
 * Copies the token of the options, and reads those of the file; the options must outlive it, but
 * for their token. NULL, and the reason in words in error (size bytes), when the file can't be read
 * or holds no token.
 */
struct auth *auth_open(const struct options *o, char *error, size_t size);
void auth_close(struct auth *a);

/*
 * Whether one of the two headers (NULL or empty: not sent) holds a token: `Authorization:
 * <token>`, `Authorization: Bearer <token>` or `Authentication: <token>`. Always true when no
 * token is configured. Takes the same time whichever byte differs. Any thread.
 */
bool auth_allows(struct auth *a, const char *authorization, const char *authentication);

/* Reads the file again if it changed; what can't be used leaves the old tokens, with a warning. */
void auth_refresh(struct auth *a);

#endif
