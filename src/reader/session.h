/*
 * Sessions of the page: a cookie that stands for a token for half a day, so that a browser need not
 * keep the token. Its value is the time of its end and a keyed hash of that, whose key is the
 * token: nothing is stored, it counts after a restart and for every reader with the same token, and
 * it ends with the token. The only user of sodium.h.
 */
#ifndef PBU_SESSION_H
#define PBU_SESSION_H

#include "web/auth.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSION_COOKIE	"pbu_log_session"
#define SESSION_SECONDS (12 * 60 * 60)

/* Room for a value and a NUL: 12 digits, a dot, 64 hexadecimal digits. */
#define SESSION_SIZE (12 + 1 + 64 + 1)

/* Once, before there are threads. False: there is no source of randomness, or no memory. */
bool session_init(void);

/* Writes the value of a session that begins at `now` (seconds since the epoch) with a token. */
void session_begin(const char *token, size_t len, int64_t now, char value[SESSION_SIZE]);

/* Whether the Cookie header (NULL: none was sent) holds a session of one of the tokens which has
 * not ended. One that is there twice does not count. */
bool session_counts(struct auth *tokens, const char *cookie, int64_t now);

#endif
