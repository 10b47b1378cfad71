/* Whether something happens in a folder, by inotify(7). By one thread. */
#ifndef PBU_TAIL_WATCH_H
#define PBU_TAIL_WATCH_H

#include <stdbool.h>

struct tail_watch {
	const char *path;
	int fd;	    /* for poll(2); -1: there is no inotify here */
	int folder; /* watched; -1: none, as it is not there (yet) */
};

/* The path must outlive it. Without inotify, or where it does not tell (another machine writes to a
 * network's file system), one has to look by oneself now and then. */
void tail_watch_open(struct tail_watch *w, const char *path);
void tail_watch_close(struct tail_watch *w);

/* Watches the folder that has the path now: it may have come, or be another one. Now and then. */
void tail_watch_renew(struct tail_watch *w);

/* Forgets what was reported. */
void tail_watch_clear(struct tail_watch *w);

#endif
