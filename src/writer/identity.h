/* Which file it is, whatever it is named: inodes are used again, so the time of its making counts,
 * too, where the file system tells it. Any thread. */
#ifndef PBU_IDENTITY_H
#define PBU_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

struct identity {
	uint64_t inode;
	int64_t born; /* nanoseconds since the epoch; 0: the file system does not tell */
};

/* Of the file of that name in a folder, through a link unless `link` is set; or with "" that of an
 * open descriptor. *bytes: its length (NULL: not asked for). False, with errno: also for what is no
 * regular file. */
bool identity_of(int folder, const char *name, bool link, struct identity *id, uint64_t *bytes);

bool identity_equal(const struct identity *a, const struct identity *b);

#endif
