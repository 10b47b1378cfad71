#include "reader/blocks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_SIZE 64

/* Blocks by which a file's room grows at least. */
#define ROOM_STEP 64

/* A file, in the order of use: the one that was asked for last is first. */
struct known_file {
	struct known_file *next, *previous;
	struct file_id id;
	uint64_t bytes; /* that it had when it was looked at last */
	char head[HEAD_SIZE];
	size_t head_len;
	struct block_times *blocks;
	size_t room;
};

struct blocks {
	pthread_mutex_t lock;
	size_t max, used;
	struct known_file files; /* a ring */
};

struct blocks *
blocks_new(size_t max)
{
	struct blocks *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	pthread_mutex_init(&b->lock, NULL);
	b->max = max;
	b->files.next = b->files.previous = &b->files;
	return b;
}

static void
unlink_file(struct known_file *f)
{
	f->previous->next = f->next;
	f->next->previous = f->previous;
}

static void
link_first(struct blocks *b, struct known_file *f)
{
	f->next = b->files.next;
	f->previous = &b->files;
	f->next->previous = f;
	b->files.next = f;
}

static size_t
size_of(const struct known_file *f)
{
	return sizeof(*f) + f->room * sizeof(*f->blocks);
}

static void
forget(struct blocks *b, struct known_file *f)
{
	b->used -= size_of(f);
	unlink_file(f);
	free(f->blocks);
	free(f);
}

void
blocks_free(struct blocks *b)
{
	if (b == NULL)
		return;
	/* The list is empty when it leads to itself, which the analyzer does not follow. */
	while (b->files.next != &b->files)
		forget(b, b->files.next); // NOLINT(clang-analyzer-unix.Malloc)
	pthread_mutex_destroy(&b->lock);
	free(b);
}

/* It becomes the first. NULL: it is not known. */
static struct known_file *
find(struct blocks *b, const struct file_id *id)
{
	struct known_file *f = b->files.next;

	while (f != &b->files && !file_id_equal(&f->id, id))
		f = f->next;
	if (f == &b->files)
		return NULL;
	if (f != b->files.next) {
		unlink_file(f);
		link_first(b, f);
	}
	return f;
}

/* Drops what was not asked for longest until n bytes more may be taken; the first file stays. */
static bool
make_room(struct blocks *b, size_t n)
{
	while (b->used + n > b->max && b->files.previous != b->files.next)
		forget(b, b->files.previous); // NOLINT(clang-analyzer-unix.Malloc): as above
	return b->used + n <= b->max;
}

static struct known_file *
add(struct blocks *b, const struct file_id *id)
{
	struct known_file *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->id = *id;
	link_first(b, f);
	b->used += sizeof(*f);
	make_room(b, 0);
	return f;
}

void
blocks_check(
    struct blocks *b, const struct file_id *id, uint64_t bytes, const char *head, size_t len)
{
	struct known_file *f;

	if (len > HEAD_SIZE)
		len = HEAD_SIZE;
	pthread_mutex_lock(&b->lock);
	f = find(b, id);
	if (f != NULL &&
	    (bytes < f->bytes || len < f->head_len || memcmp(head, f->head, f->head_len) != 0)) {
		forget(b, f);
		f = NULL;
	}
	if (f == NULL)
		f = add(b, id);
	if (f != NULL) {
		f->bytes = bytes;
		memcpy(f->head, head, len);
		f->head_len = len;
	}
	pthread_mutex_unlock(&b->lock);
}

bool
blocks_get(struct blocks *b, const struct file_id *id, uint64_t block, uint32_t size,
    struct block_times *times)
{
	const struct known_file *f;
	bool known;

	pthread_mutex_lock(&b->lock);
	f = find(b, id);
	known = f != NULL && block < f->room && f->blocks[block].size == size && size > 0;
	if (known)
		*times = f->blocks[block];
	pthread_mutex_unlock(&b->lock);
	return known;
}

static bool
grow(struct blocks *b, struct known_file *f, uint64_t block)
{
	size_t room = block < f->bytes / BLOCK_SIZE ? f->bytes / BLOCK_SIZE + 1 : block + ROOM_STEP;
	struct block_times *more;

	/* The whole file at once: one goes through it backward, too. */
	if (block >= b->max / sizeof(*more) || room > b->max / sizeof(*more) ||
	    !make_room(b, (room - f->room) * sizeof(*more)))
		return false;
	more = calloc(room, sizeof(*more));
	if (more == NULL)
		return false;
	if (f->room > 0)
		memcpy(more, f->blocks, f->room * sizeof(*more));
	free(f->blocks);
	f->blocks = more;
	b->used += (room - f->room) * sizeof(*more);
	f->room = room;
	return true;
}

void
blocks_put(
    struct blocks *b, const struct file_id *id, uint64_t block, const struct block_times *times)
{
	struct known_file *f;

	pthread_mutex_lock(&b->lock);
	f = find(b, id);
	if (f != NULL && (block < f->room || grow(b, f, block)))
		f->blocks[block] = *times;
	pthread_mutex_unlock(&b->lock);
}
