/* Starts threads. Any thread. */
#ifndef PBU_THREAD_H
#define PBU_THREAD_H

#include <pthread.h>
#include <stddef.h>

/*
 * Starts one with all signals blocked, as they are for the main thread, and a stack of so many
 * bytes, at least PTHREAD_STACK_MIN: the default of 8 MiB is too much under `ulimit -v`. 0, and
 * *thread is to be joined; or an errno.
 */
int thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *), void *argument);

#endif
