#include "reader/library.h"

#include "reader/blocks_times.h"
#include "reader/library_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is remembered of blocks: 24 bytes for each of 128 KiB, so that of 21 GiB. */
#define REMEMBERED_MAX ((size_t)4 * 1024 * 1024)

/* How far the first and the last time of a file are looked for. */
#define ENDS_MAX ((uint64_t)8 * BLOCK_SIZE)

struct library *
library_new(const char *path, const struct entry_parser *parser)
{
	struct library *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->path = strdup(path);
	l->blocks = blocks_new(REMEMBERED_MAX);
	l->parser = parser;
	pthread_mutex_init(&l->lock, NULL);
	if (l->path != NULL && l->blocks != NULL)
		return l;
	library_free(l);
	return NULL;
}

void
library_free(struct library *l)
{
	if (l == NULL)
		return;
	for (int i = 0; i < LEVEL_COUNT; i++)
		listing_release(l, l->listings[i]);
	pthread_mutex_destroy(&l->lock);
	blocks_free(l->blocks);
	free(l->path);
	free(l);
}

/* Looks at a file as it is now: a listing lasts as long as no name is changed. False, with errno.
 */
static bool
look_at(struct library *l, enum level level, struct times *t, const struct listed_file *listed,
    struct library_file *file)
{
	struct listed_file now;
	int fd = listing_open(l, level, listed, &now), error;
	bool ok;

	if (fd < 0)
		return errno == ENOENT; /* it went away meanwhile: no times */
	file->bytes = now.bytes;
	file->modified = now.modified / 1000000;
	times_open(t, fd, now.current);
	ok = times_first(t, ENDS_MAX, &file->first) &&
	     times_last(t, now.bytes, ENDS_MAX, &file->last);
	error = errno;
	close(fd);
	errno = error;
	return ok;
}

struct library_file *
library_list(struct library *l, enum level level, size_t *count)
{
	struct listing *listing = listing_take(l, level);
	struct times t = {.parser = l->parser};
	struct library_file *files;
	bool ok;
	int error;

	*count = 0;
	if (listing == NULL)
		return NULL;
	files = calloc(listing->count + 1, sizeof(*files));
	ok = files != NULL;
	for (size_t i = 0; ok && i < listing->count; i++) {
		const struct listed_file *listed = &listing->files[i];
		struct library_file *f = &files[(*count)++];

		snprintf(f->name, sizeof(f->name), "%s", listed->name);
		f->inode = listed->id.inode;
		f->born = listed->id.born;
		f->bytes = listed->bytes;
		f->modified = listed->modified / 1000000;
		f->first = f->last = TIMES_NONE;
		ok = look_at(l, level, &t, listed, f);
	}
	error = errno;
	times_free(&t);
	listing_release(l, listing);
	if (ok)
		return files;
	free(files);
	*count = 0;
	errno = error;
	return NULL;
}
