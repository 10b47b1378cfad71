#include "reader/tail_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

/* Writing, and what a roll-over does, whoever does it. Nothing that reading does. */
#define EVENTS (IN_MODIFY | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR)

void
tail_watch_open(struct tail_watch *w, const char *path)
{
	*w = (struct tail_watch){
	    .path = path, .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .folder = -1};
	tail_watch_renew(w);
}

void
tail_watch_close(struct tail_watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

void
tail_watch_renew(struct tail_watch *w)
{
	int folder;

	if (w->fd < 0)
		return;
	/* The same number as before when it is the same folder. */
	folder = inotify_add_watch(w->fd, w->path, EVENTS);
	if (w->folder >= 0 && folder != w->folder)
		inotify_rm_watch(w->fd, w->folder); /* fails when it was deleted */
	w->folder = folder;
}

void
tail_watch_clear(struct tail_watch *w)
{
	char events[4096];

	while (w->fd >= 0 && read(w->fd, events, sizeof(events)) > 0)
		;
}
