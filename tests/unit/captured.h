/* What a function writes to stdout or stderr. */
#ifndef PBU_CAPTURED_H
#define PBU_CAPTURED_H

#include "unit.h"

#include <stdio.h>
#include <unistd.h>

struct captured {
	int fd, kept;	 /* the descriptor, and what it was */
	FILE *file;	 /* what it is meanwhile */
	char text[8192]; /* after captured_end() */
};

static inline void
captured_begin(struct captured *c, int fd)
{
	fflush(NULL);
	c->fd = fd;
	c->kept = dup(fd);
	c->file = tmpfile();
	assert_true(c->kept >= 0 && c->file != NULL);
	assert_int_equal(dup2(fileno(c->file), fd), fd);
}

/* To be called before any assertion: what cmocka says would be captured as well. */
static inline const char *
captured_end(struct captured *c)
{
	ssize_t n;

	fflush(NULL);
	n = pread(fileno(c->file), c->text, sizeof(c->text) - 1, 0);
	dup2(c->kept, c->fd);
	close(c->kept);
	fclose(c->file);
	assert_true(n >= 0);
	c->text[n] = '\0';
	return c->text;
}

#endif
