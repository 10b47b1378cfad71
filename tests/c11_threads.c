/*
 * C11's threads as POSIX's, for builds with ThreadSanitizer: it knows the latter only, and
 * librdkafka uses the former. A thread that it has not seen begin crashes in it, and a lock that it
 * has not seen taken is none to it. (They are the same in glibc, sizes and all.)
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

struct start {
	thrd_start_t run;
	void *argument;
};

static int
result(int error)
{
	switch (error) {
	case 0: return thrd_success;
	case EBUSY: return thrd_busy;
	case ENOMEM: return thrd_nomem;
	case ETIMEDOUT: return thrd_timedout;
	default: return thrd_error;
	}
}

static void *
run(void *argument)
{
	struct start start = *(struct start *)argument;

	free(argument);
	return (void *)(intptr_t)start.run(start.argument);
}

int
thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
	struct start *start = malloc(sizeof(*start));
	int error;

	if (start == NULL)
		return thrd_nomem;
	*start = (struct start){function, argument};
	error = pthread_create(thread, NULL, run, start);
	if (error != 0)
		free(start);
	return result(error);
}

int
thrd_join(thrd_t thread, int *value)
{
	void *returned = NULL;
	int error = pthread_join(thread, &returned);

	if (error == 0 && value != NULL)
		*value = (int)(intptr_t)returned;
	return result(error);
}

int
mtx_init(mtx_t *mutex, int type)
{
	pthread_mutexattr_t attributes;
	int error;

	pthread_mutexattr_init(&attributes);
	if ((type & mtx_recursive) != 0)
		pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	error = pthread_mutex_init((pthread_mutex_t *)mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return result(error);
}

void
mtx_destroy(mtx_t *mutex)
{
	pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

int
mtx_lock(mtx_t *mutex)
{
	return result(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int
mtx_unlock(mtx_t *mutex)
{
	return result(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

int
cnd_init(cnd_t *condition)
{
	return result(pthread_cond_init((pthread_cond_t *)condition, NULL));
}

void
cnd_destroy(cnd_t *condition)
{
	pthread_cond_destroy((pthread_cond_t *)condition);
}

int
cnd_signal(cnd_t *condition)
{
	return result(pthread_cond_signal((pthread_cond_t *)condition));
}

int
cnd_broadcast(cnd_t *condition)
{
	return result(pthread_cond_broadcast((pthread_cond_t *)condition));
}

int
cnd_wait(cnd_t *condition, mtx_t *mutex)
{
	return result(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex));
}

int
cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict end)
{
	return result(
	    pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, end));
}
