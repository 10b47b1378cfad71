#include "web/auth.h"

#include "diag.h"

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

struct token {
	const char *text;
	size_t len;
};

struct tokens {
	size_t count;
	struct buf text; /* what the tokens point into: the file, or a copy of AUTH_TOKEN */
	struct token *token;
};

struct auth {
	const char *path;	   /* AUTH_TOKEN_FILE; NULL: none */
	struct tokens environment; /* AUTH_TOKEN */
	pthread_rwlock_t lock;	   /* guards file */
	struct tokens file;
	struct stat seen; /* of the file, when it was last read or tried */
	bool missing;	  /* it was not there when last looked for */
	bool unread;	  /* what was there could not be used when last tried */
};

static void
tokens_free(struct tokens *t)
{
	if (t->text.len > 0)
		explicit_bzero(t->text.data, t->text.len);
	buf_free(&t->text);
	free(t->token);
	*t = (struct tokens){0};
}

static bool
add_token(struct tokens *t, const char *text, size_t len)
{
	struct token *grown = realloc(t->token, (t->count + 1) * sizeof(*grown));

	if (grown == NULL)
		return false;
	t->token = grown;
	t->token[t->count++] = (struct token){text, len};
	return true;
}

/* One token a line; white space around it and empty lines do not count. */
static bool
split_lines(struct tokens *t)
{
	char *line = t->text.data, *end = line + t->text.len;

	while (line < end) {
		char *stop = memchr(line, '\n', (size_t)(end - line));
		char *next = stop == NULL ? end : stop + 1;

		stop = stop == NULL ? end : stop;
		while (line < stop && (*line == ' ' || *line == '\t'))
			line++;
		while (stop > line && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
			stop--;
		if (stop > line && !add_token(t, line, (size_t)(stop - line)))
			return false;
		line = next;
	}
	return true;
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
	else /* all at once: growing would leave tokens behind in memory that is free */
		buf_reserve(text, (size_t)seen->st_size + 8192);
	while (error == 0) {
		if (!buf_reserve(text, 4096)) {
			error = ENOMEM;
			break;
		}
		n = read(fd, text->data + text->len, 4096);
		if (n == 0)
			break;
		if (n < 0)
			error = errno;
		else
			text->len += (size_t)n;
		if (text->len > TOKEN_FILE_MAX)
			error = EFBIG;
	}
	close(fd);
	return error;
}

static bool
tokens_read(struct tokens *t, const char *path, struct stat *seen, char *error, size_t size)
{
	int e = read_file(path, &t->text, seen);

	if (e != 0) {
		snprintf(error, size, "AUTH_TOKEN_FILE %s cannot be read: %s", path,
		    e == EINVAL ? "not a regular file" : diag_reason(e));
	} else if (!split_lines(t)) {
		snprintf(error, size, "AUTH_TOKEN_FILE %s: out of memory", path);
	} else if (t->count == 0) {
		snprintf(error, size, "AUTH_TOKEN_FILE %s holds no token (one a line)", path);
	} else {
		return true;
	}
	tokens_free(t);
	return false;
}

static bool
tokens_copy(struct tokens *t, const char *token)
{
	size_t len = strlen(token);

	buf_append(&t->text, token, len);
	if (!t->text.failed && add_token(t, t->text.data, len))
		return true;
	tokens_free(t);
	return false;
}

struct auth *
auth_open(const struct options *o, char *error, size_t size)
{
	struct auth *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		snprintf(error, size, "out of memory");
		return NULL;
	}
	a->path = o->auth_token_file;
	if (o->auth_token != NULL && !tokens_copy(&a->environment, o->auth_token)) {
		snprintf(error, size, "out of memory");
		free(a);
		return NULL;
	}
	if (o->auth_token_file != NULL &&
	    !tokens_read(&a->file, o->auth_token_file, &a->seen, error, size)) {
		tokens_free(&a->environment);
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
	tokens_free(&a->environment);
	tokens_free(&a->file);
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

static unsigned
matches_one_of(const struct tokens *t, const char *text)
{
	size_t len = text == NULL ? 0 : strlen(text);
	unsigned found = 0;

	for (size_t i = 0; i < t->count; i++)
		found |= equal(text, len, t->token[i].text, t->token[i].len);
	return found;
}

static unsigned
matches(const struct auth *a, const char *text)
{
	return matches_one_of(&a->environment, text) | matches_one_of(&a->file, text);
}

bool
auth_allows(struct auth *a, const char *authorization, const char *authentication)
{
	const char *bearer = NULL;
	unsigned found;

	if (a->environment.count == 0 && a->path == NULL)
		return true;
	/* RFC 9110, 11.1: the name of the scheme in any case, then spaces. */
	if (authorization != NULL && strncasecmp(authorization, "Bearer ", 7) == 0)
		bearer = authorization + 7 + strspn(authorization + 7, " ");
	pthread_rwlock_rdlock(&a->lock);
	found = matches(a, authorization) | matches(a, authentication);
	if (bearer != NULL)
		found |= matches(a, bearer);
	pthread_rwlock_unlock(&a->lock);
	return found != 0;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

void
auth_refresh(struct auth *a)
{
	const char *path = a->path;
	struct tokens fresh = {0}, old;
	struct stat now;
	char error[512];
	bool same;

	if (path == NULL)
		return;
	if (stat(path, &now) < 0) {
		if (!a->missing)
			diag_warn("AUTH_TOKEN_FILE %s cannot be read: %s; the old tokens stay",
			    path, diag_reason(errno));
		a->missing = true;
		return;
	}
	same = !a->missing && same_file(&now, &a->seen);
	if (same && !a->unread)
		return;
	a->missing = false;
	a->seen = now;
	/* What fails is tried again, and said once: it may have been for want of memory. */
	a->unread = !tokens_read(&fresh, path, &now, error, sizeof(error));
	if (a->unread) {
		if (!same)
			diag_warn("%s; the old tokens stay", error);
		return;
	}
	pthread_rwlock_wrlock(&a->lock);
	old = a->file;
	a->file = fresh;
	pthread_rwlock_unlock(&a->lock);
	diag_info("AUTH_TOKEN_FILE %s was read again: %zu token%s", path, fresh.count,
	    fresh.count == 1 ? "" : "s");
	tokens_free(&old);
}
