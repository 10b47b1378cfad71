/*
 * What is remembered of files that were read: of each block of 128 KiB the least and the greatest
 * time of the entries that begin in it, and how many these are. Bounded: what was not asked for
 * longest is dropped, file by file. Any thread.
 */
#ifndef PBU_BLOCKS_H
#define PBU_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_SIZE 131072

/* A file, whatever it is named. */
struct file_id {
	uint64_t inode;
	int64_t born; /* nanoseconds since the epoch; 0: the file system does not tell */
};

static inline bool
file_id_equal(const struct file_id *a, const struct file_id *b)
{
	return a->inode == b->inode && a->born == b->born;
}

struct block_times {
	int64_t least, greatest; /* milliseconds since the epoch; of entries that have a time */
	uint32_t entries;
	uint32_t size; /* bytes of the block when it was read; 0: it is not known */
};

struct blocks;

/* Takes at most `max` bytes, about. NULL: no memory. */
struct blocks *blocks_new(size_t max);
void blocks_free(struct blocks *b);

/*
 * Before a file's blocks are asked for: it has this many bytes now, and begins with these (64 at
 * most, fewer when it has fewer). What is remembered of a file that shrank or was written anew is
 * forgotten.
 */
void blocks_check(
    struct blocks *b, const struct file_id *id, uint64_t bytes, const char *head, size_t len);

/* What is known of a block, which has `size` bytes now (less than BLOCK_SIZE: the file ends in it);
 * false: nothing. */
bool blocks_get(struct blocks *b, const struct file_id *id, uint64_t block, uint32_t size,
    struct block_times *times);
/* It is remembered if there is room. */
void blocks_put(
    struct blocks *b, const struct file_id *id, uint64_t block, const struct block_times *times);

#endif
