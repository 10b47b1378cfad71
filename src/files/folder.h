/*
 * The log folder: created with its parents, held open, and locked, so that no second server
 * appends to the same files. The lock is flock(2) on `.lock` in it, with the process id as text;
 * it is never deleted, so that two servers cannot hold a lock each.
 */
#ifndef PBU_FOLDER_H
#define PBU_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct folder {
	const char *path; /* the caller's */
	int fd;		  /* of the folder, for openat(2) and its like; -1: closed */
	int lock;	  /* of `.lock` */
	off_t lock_size;  /* bytes of the process id in it */
	dev_t dev;
	ino_t ino;
	ino_t lock_ino;
};

/*
 * Opens the folder, creating what is missing of the path, and locks it. The path must outlive
 * the folder. False, and closed, with the reason in words in error (size bytes).
 */
bool folder_open(struct folder *f, const char *path, char *error, size_t size);

void folder_close(struct folder *f);

/*
 * Makes sure that the path still names the folder that is held, and the lock still is the one
 * in it; if not, opens and locks the one that is there now (creating it) and sets *changed. False,
 * with the reason in words, when that cannot be; what was held is still held then.
 */
bool folder_refresh(struct folder *f, bool *changed, char *why, size_t size);

/* Whether bytes can be written in the folder: writes some after the process id in its `.lock`, and
 * cuts them off. Any thread, one at a time. False, with the reason in words. */
bool folder_probe(const struct folder *f, char *why, size_t size);

#endif
