/*
 * Housekeeping: a thread that, twice a second, notices files that were renamed or deleted from
 * outside, rolls over when midnight passes without traffic, syncs for SYNC_EVERYSEC, prunes, and
 * tries whether the folder can be written in. It may wait for a disk; no thread waits for it, but
 * for the little that it does with the writer's role.
 */
#ifndef PBU_HOUSEKEEPING_H
#define PBU_HOUSEKEEPING_H

#include "files/logs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* The writer's role, which is the commit's to give (commit.c): take() waits for it. */
struct housekeeping_role {
	void (*take)(void *context);
	void (*release)(void *context);
	void *context;
};

struct housekeeping {
	struct logs *logs;
	struct housekeeping_role role;
	pthread_t thread;
	int called_fd; /* an eventfd: there is something to do before the next round is due */
	int ended_fd;  /* another: the logs are closed */
	_Atomic unsigned long reopen_asked, reopen_done; /* how often */
	_Atomic bool stop;
};

/* Starts the thread, with all signals blocked. False, with the reason in error (size bytes). */
bool housekeeping_start(struct housekeeping *h, struct logs *l,
    const struct housekeeping_role *role, char *error, size_t size);

/* Asks for every file to be opened again, soon. Any thread. */
void housekeeping_reopen(struct housekeeping *h);

/* Whether all that was asked for before is done. Any thread. */
bool housekeeping_reopened(struct housekeeping *h);

/*
 * Ends the thread, which closes the logs (a last sync is part of that), and frees what it has.
 * False: after 2 s it still waits for a disk. Then it goes on with that until the process ends, and
 * all that it uses has to stay as it is.
 */
bool housekeeping_stop(struct housekeeping *h);

#endif
