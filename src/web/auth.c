#include "web/auth.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_FILE_MAX (1024 * 1024)

/* What the file holds. */
struct tokens {
	size_t count;
	struct buf text;
};

struct auth {
	const char *name;	/* of the setting: AUTH_TOKEN */
	const char *path;	/* AUTH_TOKEN_FILE; NULL: none */
	struct buf environment; /* a copy of AUTH_TOKEN; empty: none */
	pthread_rwlock_t lock;	/* guards file */
	struct tokens file;
	struct stat seen; /* of the file, when it was last read or tried */
	bool missing;	  /* it was not there when last looked for */
	bool unusable;	  /* what was there could not be used when last tried */
};

void
auth_forget(struct buf *text)
{
	if (text->data != NULL)
		explicit_bzero(text->data, text->len);
	buf_free(text);
}

/* The next token from *at on, and *at after its line; NULL at the end. White space around a token
 * and empty lines do not count. */
static const char *
next_token(const struct tokens *t, const char **at, size_t *len)
{
	const char *end;

	if (t->text.len == 0)
		return NULL; /* there may be no data */
	end = t->text.data + t->text.len;
	while (*at < end) {
		const char *token = *at, *stop = memchr(token, '\n', (size_t)(end - token));

		*at = stop == NULL ? end : stop + 1;
		stop = stop == NULL ? end : stop;
		while (token < stop && (*token == ' ' || *token == '\t'))
			token++;
		while (stop > token && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
			stop--;
		*len = (size_t)(stop - token);
		if (*len > 0)
			return token;
	}
	return NULL;
}

/* The whole file; 0 or an errno. */
static int
read_file(const char *path, struct buf *text, struct stat *seen)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = 0;
	ssize_t n;

	if (fd < 0)
		return errno;
	if (fstat(fd, seen) < 0)
		error = errno;
	else if (!S_ISREG(seen->st_mode))
		error = EINVAL;
	else if (seen->st_size > TOKEN_FILE_MAX)
		error = EFBIG;
	/* All at once: growing would leave tokens in memory that was freed. */
	else if (!buf_reserve(text, TOKEN_FILE_MAX + 1))
		error = ENOMEM;
	while (error == 0 && text->len <= TOKEN_FILE_MAX &&
	       (n = read(fd, text->data + text->len, TOKEN_FILE_MAX + 1 - text->len)) != 0) {
		if (n < 0)
			error = errno;
		else
			text->len += (size_t)n;
	}
	if (error == 0 && text->len > TOKEN_FILE_MAX)
		error = EFBIG;
	close(fd);
	return error;
}

static bool
tokens_read(struct tokens *t, const struct auth *a, struct stat *seen, char *error, size_t size)
{
	int e = read_file(a->path, &t->text, seen);

	if (e != 0) {
		snprintf(error, size, "%s_FILE %s cannot be read: %s", a->name, a->path,
		    e == EINVAL ? "not a regular file" : diag_reason(e));
	} else {
		const char *at = t->text.data;
		size_t len;

		while (next_token(t, &at, &len) != NULL)
			t->count++;
		if (t->count > 0)
			return true;
		snprintf(error, size, "%s_FILE %s holds no token (one a line)", a->name, a->path);
	}
	auth_forget(&t->text);
	return false;
}

struct auth *
auth_open(const struct auth_settings *settings, const char *name, char *error, size_t size)
{
	struct auth *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		snprintf(error, size, "out of memory");
		return NULL;
	}
	a->name = name;
	a->path = settings->token_file;
	if (settings->token != NULL)
		buf_puts(&a->environment, settings->token);
	if (a->environment.failed) {
		snprintf(error, size, "out of memory");
		free(a);
		return NULL;
	}
	if (a->path != NULL && !tokens_read(&a->file, a, &a->seen, error, size)) {
		auth_forget(&a->environment);
		free(a);
		return NULL;
	}
	pthread_rwlock_init(&a->lock, NULL);
	return a;
}

void
auth_close(struct auth *a)
{
	if (a == NULL)
		return;
	pthread_rwlock_destroy(&a->lock);
	auth_forget(&a->environment);
	auth_forget(&a->file.text);
	free(a);
}

/* Looks at every byte of the token, whatever the text holds; a NULL text equals no token. */
static bool
equal(const char *text, size_t text_len, const char *token, size_t token_len)
{
	volatile unsigned char difference = text_len != token_len;

	for (size_t i = 0; i < token_len; i++) {
		unsigned char c = i < text_len ? (unsigned char)text[i] : 0;

		difference |= (unsigned char)(c ^ (unsigned char)token[i]);
	}
	return difference == 0;
}

bool
auth_any(struct auth *a, bool (*is)(const void *context, const char *token, size_t len),
    const void *context)
{
	const char *at, *token;
	unsigned found = 0;
	size_t len;

	if (a->environment.len > 0)
		found = is(context, a->environment.data, a->environment.len);
	pthread_rwlock_rdlock(&a->lock);
	at = a->file.text.data;
	while ((token = next_token(&a->file, &at, &len)) != NULL)
		found |= is(context, token, len);
	pthread_rwlock_unlock(&a->lock);
	return found != 0;
}

/* A client's text; NULL or empty: it was not sent. */
struct text {
	const char *data;
	size_t len;
};

static bool
is_text(const void *context, const char *token, size_t len)
{
	const struct text *text = context;

	return equal(text->data, text->len, token, len);
}

bool
auth_holds(struct auth *a, const char *text, size_t len)
{
	const struct text t = {text, len};

	return auth_any(a, is_text, &t);
}

/* Where a token may come. To add a header is a line here, beside what passes it on (http.h). */
static const struct {
	size_t offset;
	bool schemes; /* also as `Bearer <token>`, and within `Basic` */
} headers[] = {
    {offsetof(struct http_request, authorization), true},
    {offsetof(struct http_request, authentication), false},
};

bool
auth_is_configured(const struct auth *a)
{
	return a->environment.len > 0 || a->path != NULL;
}

/* What comes after the name of a scheme, in any case, and spaces (RFC 9110, 11.1); NULL: it is of
 * another. */
static const char *
after_scheme(const char *text, const char *scheme)
{
	size_t len = strlen(scheme);

	if (strncasecmp(text, scheme, len) != 0 || text[len] != ' ')
		return NULL;
	return text + len + strspn(text + len, " ");
}

/* Whether a text is a token; then it is appended to *token, unless that is NULL. */
static bool
is_token(struct auth *a, const char *text, size_t len, struct buf *token)
{
	if (!auth_holds(a, text, len))
		return false;
	if (token != NULL && token->len == 0)
		buf_append(token, text, len);
	return true;
}

/* RFC 7617: base64 of a name, which holds no colon, a colon, and a password. */
static bool
basic_holds(struct auth *a, const char *text, struct buf *token)
{
	struct buf pair = BUF_INIT;
	size_t len = strlen(text);
	const char *colon = NULL;
	unsigned found = 0;

	/* All at once: growing would leave tokens in memory that was freed. */
	if (buf_reserve(&pair, len + 1) && base64_decode(&pair, text, len) && pair.len > 0)
		colon = memchr(pair.data, ':', pair.len);
	if (colon != NULL) {
		size_t name = (size_t)(colon - pair.data);

		found = is_token(a, colon + 1, pair.len - name - 1, token);
		found |= is_token(a, pair.data, name, token);
	}
	auth_forget(&pair);
	return found != 0;
}

bool
auth_token_of(struct auth *a, const struct http_request *request, struct buf *token)
{
	unsigned found = 0;

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		const char *text, *rest;

		memcpy(&text, (const char *)request + headers[i].offset, sizeof(text));
		if (text == NULL || *text == '\0')
			continue;
		found |= is_token(a, text, strlen(text), token);
		if (!headers[i].schemes)
			continue;
		if ((rest = after_scheme(text, "Bearer")) != NULL)
			found |= is_token(a, rest, strlen(rest), token);
		if ((rest = after_scheme(text, "Basic")) != NULL)
			found |= basic_holds(a, rest, token);
	}
	return found != 0;
}

bool
auth_is_basic(const struct http_request *request)
{
	return request->authorization != NULL &&
	       after_scheme(request->authorization, "Basic") != NULL;
}

bool
auth_allows(struct auth *a, const struct http_request *request)
{
	return !auth_is_configured(a) || auth_token_of(a, request, NULL);
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool
auth_refresh(struct auth *a)
{
	const char *path = a->path;
	struct tokens fresh = {0}, old;
	struct stat now;
	char error[512];
	bool same;

	if (path == NULL)
		return false;
	if (stat(path, &now) < 0) {
		if (!a->missing)
			diag_warn("%s_FILE %s cannot be read: %s; the old tokens stay", a->name,
			    path, diag_reason(errno));
		a->missing = true;
		return false;
	}
	same = !a->missing && same_file(&now, &a->seen);
	if (same && !a->unusable)
		return false;
	a->missing = false;
	a->seen = now;
	/* What fails is tried again, and logged once: it may have been for lack of memory. */
	a->unusable = !tokens_read(&fresh, a, &now, error, sizeof(error));
	if (a->unusable) {
		if (!same)
			diag_warn("%s; the old tokens stay", error);
		return false;
	}
	pthread_rwlock_wrlock(&a->lock);
	old = a->file;
	a->file = fresh;
	pthread_rwlock_unlock(&a->lock);
	diag_info("%s_FILE %s was read again: %zu token%s", a->name, path, fresh.count,
	    fresh.count == 1 ? "" : "s");
	auth_forget(&old.text);
	return true;
}
