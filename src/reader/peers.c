#include "reader/peers.h"

#include "base/diag.h"
#include "base/network.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* Of a host's name, with its port; DNS allows 253. */
#define NAME_MAX_LEN 260

/* FNV-1a: a name of its own for each name, short enough for a cursor. */
static uint32_t
id_of(const char *name)
{
	uint32_t id = 2166136261U;

	for (; *name != '\0'; name++)
		id = (id ^ (unsigned char)*name) * 16777619U;
	return id;
}

/* Host and port of an address; false: it is none that can be asked. */
static bool
name_of(const char *url, size_t len, char name[NAME_MAX_LEN])
{
	size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : 7, end;

	if (scheme == 7 && strncmp(url, "http://", 7) != 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		/* A name and a password would be in messages; the rest has no place in a base. */
		if (!isgraph((unsigned char)url[i]) || strchr("@?#\\\"<>^`{|}", url[i]) != NULL)
			return false;
	}
	end = scheme + strcspn(url + scheme, "/,");
	if (end > len)
		end = len;
	if (end == scheme || url[scheme] == ':' || end - scheme >= NAME_MAX_LEN)
		return false;
	for (size_t i = scheme; i < end; i++) {
		if (!isalnum((unsigned char)url[i]) && strchr("-._:[]", url[i]) == NULL)
			return false;
		*name++ = (char)tolower((unsigned char)url[i]);
	}
	*name = '\0';
	return true;
}

/* The next address of a list, without the slash at its end: its length, or 0 at the list's end. */
static size_t
next_url(const char **list)
{
	size_t len;

	*list += strspn(*list, ", \t");
	len = strcspn(*list, ", \t");
	return len;
}

static size_t
without_slash(const char *url, size_t len)
{
	while (len > 0 && url[len - 1] == '/')
		len--;
	return len;
}

static void
own_name(const struct peers_settings *s, char name[NAME_MAX_LEN])
{
	size_t i;

	if (s->name == NULL) {
		if (gethostname(name, NAME_MAX_LEN - 1) < 0 || *name == '\0')
			snprintf(name, NAME_MAX_LEN, "localhost");
		name[NAME_MAX_LEN - 1] = '\0';
	} else {
		snprintf(name, NAME_MAX_LEN, "%s", s->name);
	}
	for (i = 0; name[i] != '\0'; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
}

/* --- the list --- */

/* False, with the reason. `url` is NULL for this server. */
static bool
add(struct peers *p, const char *name, const char *url, size_t len, char *error, size_t size)
{
	struct peer *peer = &p->at[p->count];

	for (size_t i = 0; i < p->count; i++) {
		const bool same = strcmp(p->at[i].name, name) == 0;

		/* A list may be the same for all servers: this one's own is passed over. */
		if (same && p->at[i].url == NULL)
			return true;
		if (same || p->at[i].id == id_of(name)) {
			snprintf(error, size,
			    same ? "READ_PEERS: %s is there twice"
				 : "READ_PEERS: %s cannot be told from another; "
				   "call it something else",
			    name);
			return false;
		}
	}
	if (p->count == PEERS_MAX) {
		snprintf(error, size, "READ_PEERS: %d servers at most, with this one", PEERS_MAX);
		return false;
	}
	*peer = (struct peer){.name = strdup(name),
	    .url = url != NULL ? strndup(url, len) : NULL,
	    .id = id_of(name),
	    .counts = &p->counts[p->count]};
	p->count++;
	if (peer->name == NULL || (url != NULL && peer->url == NULL)) {
		snprintf(error, size, "%s", diag_reason(ENOMEM));
		return false;
	}
	return true;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct peer *)a)->name, ((const struct peer *)b)->name);
}

static bool
add_all(struct peers *p, const struct peers_settings *s, char *error, size_t size)
{
	char name[NAME_MAX_LEN];
	size_t len;

	own_name(s, name);
	if (!add(p, name, NULL, 0, error, size))
		return false;
	for (const char *url = s->urls; (len = next_url(&url)) > 0; url += len) {
		if (!name_of(url, len, name)) {
			snprintf(error, size,
			    "READ_PEERS: must be addresses such as https://log1.example, a comma "
			    "between them, without user and query");
			return false;
		}
		if (!add(p, name, url, without_slash(url, len), error, size))
			return false;
	}
	qsort(p->at, p->count, sizeof(p->at[0]), by_name);
	for (size_t i = 0; i < p->count; i++) {
		if (p->at[i].url == NULL)
			p->self = i;
	}
	return true;
}

/* --- settings --- */

static bool
check_list(const struct peers_settings *s, char *error, size_t size)
{
	struct peers *p = calloc(1, sizeof(*p));
	bool good = p != NULL && add_all(p, s, error, size);

	if (p == NULL)
		snprintf(error, size, "%s", diag_reason(ENOMEM));
	peers_free(p);
	return good;
}

static void
check(const void *settings, struct buf *mistakes)
{
	const struct peers_settings *s = settings;
	char error[512];

	if (s->name != NULL) {
		for (const char *c = s->name; *c != '\0'; c++) {
			if (isgraph((unsigned char)*c) && strchr(",\"<>&", *c) == NULL &&
			    strlen(s->name) < NAME_MAX_LEN)
				continue;
			buf_puts(mistakes,
			    "READ_NAME: must be a name such as log1.example, without spaces\n");
			break;
		}
	}
	if (s->urls == NULL)
		return;
	network_check("READ_PEERS", mistakes);
	if (!peer_http_is_built())
		buf_puts(mistakes,
		    "READ_PEERS: this program was built without peers (configure --with-peers)\n");
	if (!check_list(s, error, sizeof(error)))
		buf_printf(mistakes, "%s\n", error);
	if (s->ca_file != NULL && access(s->ca_file, R_OK) < 0)
		buf_printf(mistakes, "READ_PEERS_CA: %s cannot be read: %s\n", s->ca_file,
		    diag_reason(errno));
	for (const char *c = s->token != NULL ? s->token : ""; *c != '\0'; c++) {
		if (isprint((unsigned char)*c) || (unsigned char)*c >= 0x80)
			continue;
		buf_puts(mistakes, "READ_PEERS_TOKEN: has a control character in it\n");
		break;
	}
}

static const struct setting rows[] = {
    {.name = "READ_PEERS",
	.help = "servers to read along, as one (none)",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct peers_settings, urls)},
    {.name = "READ_PEERS_TOKEN",
	.help = "their token for reading (none)",
	.kind = SETTING_SECRET,
	SETTING_INTO(struct peers_settings, token)},
    {.name = "READ_PEERS_CA",
	.help = "who vouches for them: a file (the system's)",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct peers_settings, ca_file)},
    {.name = "READ_PEERS_TIMEOUT",
	.help = "seconds that one of them may be silent",
	.fallback = "10",
	.kind = SETTING_NUMBER,
	.low = 1,
	.high = 600,
	SETTING_INTO(struct peers_settings, patience)},
    {.name = "READ_NAME",
	.help = "its own name among them (the host's)",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct peers_settings, name)},
};

const struct setting_group peers_settings_group = SETTING_GROUP(rows, check);

/* --- all --- */

static bool
make_word(char word[33])
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return false;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(word + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

struct peers *
peers_new(const struct peers_settings *s, char *error, size_t size)
{
	struct peers *p;
	struct peer_http_settings http;

	*error = '\0';
	if (s->urls == NULL)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (p == NULL || !make_word(p->word)) {
		snprintf(error, size, "%s", diag_reason(p == NULL ? ENOMEM : errno));
		free(p);
		return NULL;
	}
	http = (struct peer_http_settings){
	    .token = s->token, .ca_file = s->ca_file, .patience = s->patience, .self = p->word};
	if (add_all(p, s, error, size))
		p->http = peer_http_start(&http, error, size);
	if (p->http == NULL) {
		peers_free(p);
		return NULL;
	}
	return p;
}

void
peers_free(struct peers *p)
{
	if (p == NULL)
		return;
	peer_http_stop(p->http);
	for (size_t i = 0; i < p->count; i++) {
		free(p->at[i].name);
		free(p->at[i].url);
	}
	free(p);
}
