#include "web/auth.h"

#include <ctype.h>
#include <string.h>

/* What no client could send is a mistake: HTTP takes the white space around a value away, and
 * allows no control characters within (RFC 9110, 5.5). */
static bool
can_be_sent(const char *token)
{
	size_t len = strlen(token);

	for (size_t i = 0; i < len; i++) {
		if (token[i] != '\t' && iscntrl((unsigned char)token[i]))
			return false;
	}
	return len == 0 ||
	       (strchr(" \t", token[0]) == NULL && strchr(" \t", token[len - 1]) == NULL);
}

/* Whether the tokens of the file can be read is part of the configuration. */
static void
check_named(const char *name, const struct auth_settings *s, struct buf *mistakes)
{
	char error[512];
	struct auth *auth = auth_open(s, name, error, sizeof(error));

	if (auth == NULL)
		buf_printf(mistakes, "%s\n", error);
	auth_close(auth);
	if (s->token != NULL && !can_be_sent(s->token))
		buf_printf(mistakes,
		    "%s: has white space around it or a control character in it; no client can "
		    "send that\n",
		    name);
}

static void
check(const void *settings, struct buf *mistakes)
{
	check_named("AUTH_TOKEN", settings, mistakes);
}

static void
check_read(const void *settings, struct buf *mistakes)
{
	check_named("READ_TOKEN", settings, mistakes);
}

static const struct setting rows[] = {
    {.name = "AUTH_TOKEN",
	.help = "the token that clients must send (none: no authentication)",
	.kind = SETTING_SECRET,
	SETTING_INTO(struct auth_settings, token)},
    {.name = "AUTH_TOKEN_FILE",
	.help = "a file of tokens, one a line, read again when it changes",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct auth_settings, token_file)},
};

static const struct setting read_rows[] = {
    {.name = "READ_TOKEN",
	.help = "the token for reading (none: see the manual)",
	.kind = SETTING_SECRET,
	SETTING_INTO(struct auth_settings, token)},
    {.name = "READ_TOKEN_FILE",
	.help = "a file of tokens for reading, read again when it changes",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct auth_settings, token_file)},
};

const struct setting_group auth_settings_group = SETTING_GROUP(rows, check);
const struct setting_group auth_read_settings_group = SETTING_GROUP(read_rows, check_read);
