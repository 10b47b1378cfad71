#include "reader/session.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is hashed is this and the end: of nothing else under the same token, ever. */
#define PURPOSE	   "pbu-log-reader session "

#define DIGITS_MAX 12
#define HASH_TEXT  ((size_t)2 * crypto_auth_hmacsha256_BYTES)

/* A cookie's value, and what it says. */
struct claim {
	const char *text;
	size_t len;
	int64_t end;
};

bool
session_init(void)
{
	return sodium_init() >= 0;
}

void
session_begin(const char *token, size_t len, int64_t now, char value[SESSION_SIZE])
{
	unsigned char hash[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;
	int n = snprintf(value, SESSION_SIZE - HASH_TEXT, "%" PRId64 ".", now + SESSION_SECONDS);

	crypto_auth_hmacsha256_init(&state, (const unsigned char *)token, len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)PURPOSE, sizeof(PURPOSE) - 1);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)value, (size_t)n);
	crypto_auth_hmacsha256_final(&state, hash);
	sodium_bin2hex(value + n, HASH_TEXT + 1, hash, sizeof(hash));
	sodium_memzero(&state, sizeof(state));
}

/* Whether the claim is what session_begin() wrote with this token. */
static bool
is_of_token(const void *context, const char *token, size_t len)
{
	const struct claim *claim = context;
	char value[SESSION_SIZE];

	session_begin(token, len, claim->end - SESSION_SECONDS, value);
	return strlen(value) == claim->len && sodium_memcmp(value, claim->text, claim->len) == 0;
}

/* Finds the one session in a Cookie header; false: there is none, or more than one. */
static bool
find(const char *cookie, struct claim *claim)
{
	static const char name[] = SESSION_COOKIE "=";
	unsigned found = 0;

	while (*cookie != '\0') {
		size_t len = strcspn(cookie, ";");

		if (len >= sizeof(name) - 1 && memcmp(cookie, name, sizeof(name) - 1) == 0) {
			claim->text = cookie + sizeof(name) - 1;
			claim->len = len - (sizeof(name) - 1);
			found++;
		}
		cookie += len;
		cookie += strspn(cookie, "; ");
	}
	return found == 1;
}

bool
session_counts(struct auth *tokens, const char *cookie, int64_t now)
{
	struct claim claim;
	size_t digits;

	if (cookie == NULL || !find(cookie + strspn(cookie, " "), &claim))
		return false;
	digits = strspn(claim.text, "0123456789");
	if (digits == 0 || digits > DIGITS_MAX || claim.len != digits + 1 + HASH_TEXT)
		return false;
	claim.end = strtoll(claim.text, NULL, 10);
	/* One that ends later than any begun now was begun while the clock was wrong. */
	if (claim.end <= now || claim.end > now + SESSION_SECONDS)
		return false;
	return auth_any(tokens, is_of_token, &claim);
}
