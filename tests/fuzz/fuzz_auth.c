/*
 * Lines with AUTH_TOKEN (empty: none), Authorization and Authentication, then what AUTH_TOKEN_FILE
 * holds at the start, and after a zero byte what becomes of it: a letter for how, and the new
 * content. Who is let in is who the tokens, read here in another way, say.
 */
#include "fuzz.h"
#include "web/auth.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than the server reads. */
#define TOO_LARGE (1024 * 1024 + 1)

static char folder[64], path[96], fresh[96];

/* A request with these two headers. */
static bool
allows(struct auth *a, const char *authorization, const char *authentication)
{
	const struct http_request q = {
	    .authorization = authorization, .authentication = authentication};

	return auth_allows(a, &q);
}

/* --- the file --- */

static void
remove_file(void)
{
	require(unlink(path) == 0 || rmdir(path) == 0 || access(path, F_OK) != 0);
}

static void
clean_up(void)
{
	remove_file();
	rmdir(folder);
}

static void
make_folder(void)
{
	snprintf(folder, sizeof(folder), "/dev/shm/pbu-fuzz-XXXXXX");
	if (mkdtemp(folder) == NULL) {
		snprintf(folder, sizeof(folder), "/tmp/pbu-fuzz-XXXXXX");
		require(mkdtemp(folder) != NULL);
	}
	snprintf(path, sizeof(path), "%s/tokens", folder);
	snprintf(fresh, sizeof(fresh), "%s/fresh", folder);
	atexit(clean_up);
}

/* A new file each time, so that its inode tells even within one tick of the clock. */
static void
put_file(const uint8_t *data, size_t size)
{
	int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL, 0600);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	rmdir(path); /* a folder is not replaced by a file */
	require(rename(fresh, path) == 0);
}

/* True: the file can be read, and holds data. */
static bool
change_file(char how, const uint8_t *data, size_t size)
{
	switch (how) {
	case 'd':
		remove_file();
		require(mkdir(path, 0700) == 0);
		return false;
	case 'f':
		remove_file();
		require(mkfifo(path, 0600) == 0);
		return false;
	case 'l':
		put_file(data, size);
		require(truncate(path, TOO_LARGE) == 0);
		return false;
	case 'm': remove_file(); return false;
	default: put_file(data, size); return true;
	}
}

/* --- what the tokens are --- */

/* The next line of a file without the white space around it; false at the end. */
static bool
next_token(const uint8_t **data, size_t *size, struct buf *token)
{
	size_t from = 0;

	if (*size == 0)
		return false;
	*token = fuzz_line(data, size);
	while (token->len > 0 && strchr(" \t\r", token->data[token->len - 1]) != NULL &&
	       token->data[token->len - 1] != '\0')
		token->len--;
	while (from < token->len && (token->data[from] == ' ' || token->data[from] == '\t'))
		from++;
	if (from > 0)
		memmove(token->data, token->data + from, token->len - from);
	token->len -= from;
	return true;
}

static size_t
count_tokens(const uint8_t *data, size_t size)
{
	struct buf token;
	size_t n = 0;

	while (next_token(&data, &size, &token)) {
		n += token.len > 0;
		buf_free(&token);
	}
	return n;
}

static bool
holds(const uint8_t *data, size_t size, const char *text)
{
	struct buf token;
	bool found = false;

	while (next_token(&data, &size, &token)) {
		found = found || (token.len > 0 && token.len == strlen(text) &&
				     memcmp(token.data, text, token.len) == 0);
		buf_free(&token);
	}
	return found;
}

struct tokens {
	const char *environment; /* AUTH_TOKEN, or NULL */
	const uint8_t *file;
	size_t size;
};

static bool
is_token(const struct tokens *t, const char *text)
{
	return (t->environment != NULL && strcmp(t->environment, text) == 0) ||
	       holds(t->file, t->size, text);
}

/* The text of a length is a token. */
static bool
is_token_of(const struct tokens *t, const char *text, size_t len)
{
	/* Not strndup(3): the text ends without a NUL. */
	char *copy = malloc(len + 1);
	bool found;

	memcpy(copy, text, len);
	copy[len] = '\0';
	found = strlen(copy) == len && is_token(t, copy);
	free(copy);
	return found;
}

/* What base64 stands for, a digit at a time: how many bytes; -1: it is none. */
static long
decode(const char *text, char *out)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(text), digits = strspn(text, alphabet);
	unsigned long bits = 0;
	unsigned spare;
	long n = 0;

	if (len % 4 != 0 || len - digits > 2 || strspn(text + digits, "=") != len - digits)
		return -1;
	for (size_t i = 0; i < digits; i++) {
		bits = (bits << 6 | (unsigned long)(strchr(alphabet, text[i]) - alphabet)) & 0xfff;
		if (i % 4 > 0)
			out[n++] = (char)(bits >> (6 - i % 4 * 2));
	}
	/* No bits may be left over of the last digit. */
	spare = digits % 4 == 2 ? 4 : digits % 4 == 3 ? 2 : 0;
	return (bits & ((1UL << spare) - 1)) == 0 ? n : -1;
}

static bool
is_allowed_basic(const struct tokens *t, const char *text)
{
	char *pair = malloc(strlen(text) + 1);
	long n = decode(text, pair);
	const char *colon = n > 0 ? memchr(pair, ':', (size_t)n) : NULL;
	bool found =
	    colon != NULL && (is_token_of(t, pair, (size_t)(colon - pair)) ||
				 is_token_of(t, colon + 1, (size_t)(pair + n - colon - 1)));

	free(pair);
	return found;
}

static bool
is_allowed(const struct tokens *t, const char *authorization, const char *authentication)
{
	bool basic = strncasecmp(authorization, "basic ", 6) == 0;
	const char *rest = authorization + (basic ? 6 : 7);

	if (is_token(t, authorization) || is_token(t, authentication))
		return true;
	if (!basic && strncasecmp(authorization, "bearer ", 7) != 0)
		return false;
	while (*rest == ' ')
		rest++;
	return basic ? is_allowed_basic(t, rest) : is_token(t, rest);
}

/* --- what auth says --- */

/* Each of the three forms, and none that is one byte off. */
static void
check_token(struct auth *a, const struct tokens *t, const char *token, size_t len)
{
	struct buf text = BUF_INIT;

	buf_puts(&text, "bEARER  ");
	buf_append(&text, token, len);
	buf_putc(&text, '\0');
	require(allows(a, NULL, text.data + 8));
	require(allows(a, text.data + 8, NULL));
	/* The spaces before it are Bearer's, whoever else would want them. */
	require(allows(a, text.data, "") || *token == ' ');
	require(allows(a, NULL, text.data) == is_token(t, text.data));
	text.data[text.len - 2] ^= 1;
	require(allows(a, text.data + 8, "") == is_allowed(t, text.data + 8, ""));
	require(allows(a, text.data, "") == is_allowed(t, text.data, ""));
	text.data[text.len - 2] = '\0';
	require(allows(a, text.data + 8, "") == is_allowed(t, text.data + 8, ""));
	buf_free(&text);
}

/* Each costs a look at all the others: of many, some. */
#define CHECKED 32

static void
check(struct auth *a, const struct tokens *t, const char *authorization, const char *authentication)
{
	const uint8_t *data = t->file;
	size_t size = t->size;
	size_t step = count_tokens(data, size) / CHECKED + 1;
	struct buf token;

	require(allows(a, authorization, authentication) ==
		is_allowed(t, authorization, authentication));
	require(!allows(a, NULL, NULL) && !allows(a, "", ""));
	require(allows(a, "Bearer ", NULL) == is_allowed(t, "Bearer ", ""));
	if (t->environment != NULL)
		check_token(a, t, t->environment, strlen(t->environment));
	for (size_t n = 0; next_token(&data, &size, &token); n++) {
		/* One that holds a zero byte, no header can hold. */
		if (n % step == 0 && token.len > 0 && memchr(token.data, '\0', token.len) == NULL)
			check_token(a, t, token.data, token.len);
		buf_free(&token);
	}
}

static void
open_and_change(const struct auth_settings *o, struct tokens t, const char *authorization,
    const char *authentication, const uint8_t *then, size_t size)
{
	char how = size > 0 ? (char)*then : 'm', error[512] = "";
	struct auth *a;

	remove_file();
	if (t.size > 0)
		put_file(t.file, t.size);
	a = auth_open(o, "AUTH_TOKEN", error, sizeof(error));
	require((a != NULL) == (count_tokens(t.file, t.size) > 0));
	require((a == NULL) == (*error != '\0'));
	if (a == NULL)
		return;
	check(a, &t, authorization, authentication);
	then += size > 0;
	size -= size > 0;
	if (change_file(how, then, size) && count_tokens(then, size) > 0) {
		t.file = then;
		t.size = size;
	}
	auth_refresh(a);
	check(a, &t, authorization, authentication);
	auth_refresh(a);
	check(a, &t, authorization, authentication);
	/* Whatever it was: it is noticed when it can be read again. */
	put_file((const uint8_t *)"back again", 10);
	t.file = (const uint8_t *)"back again";
	t.size = 10;
	auth_refresh(a);
	check(a, &t, authorization, authentication);
	auth_close(a);
}

/* AUTH_TOKEN alone; without it, whoever comes is let in. */
static void
open_without_file(const char *token, const char *authorization, const char *authentication)
{
	struct tokens t = {token, NULL, 0};
	struct auth_settings o = {.token = token};
	char error[512];
	struct auth *a = auth_open(&o, "AUTH_TOKEN", error, sizeof(error));

	require(a != NULL);
	auth_refresh(a);
	if (token != NULL)
		check(a, &t, authorization, authentication);
	else
		require(allows(a, authorization, authentication));
	auth_close(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_settings o = {.token_file = path};
	struct buf part[3];
	const uint8_t *zero;
	struct tokens t;

	if (*folder == '\0')
		make_folder();
	for (int i = 0; i < 3; i++) {
		part[i] = fuzz_line(&data, &size);
		buf_putc(&part[i], '\0');
	}
	o.token = *part[0].data != '\0' ? part[0].data : NULL;
	zero = size > 0 ? memchr(data, '\0', size) : NULL;
	t = (struct tokens){o.token, data, zero != NULL ? (size_t)(zero - data) : size};
	open_without_file(o.token, part[1].data, part[2].data);
	open_and_change(&o, t, part[1].data, part[2].data, zero != NULL ? zero + 1 : data,
	    zero != NULL ? size - t.size - 1 : 0);
	for (int i = 0; i < 3; i++)
		buf_free(&part[i]);
	return 0;
}
