/*
 * By LD_PRELOAD: of the calls of realloc(3) for 64 KiB or more, one in two finds no memory, the
 * same ones each time. Those of librdkafka, which would end the process, are smaller.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

void *
realloc(void *p, size_t size)
{
	static void *(*real)(void *, size_t);
	static _Atomic unsigned calls;
	unsigned mixed;

	if (real == NULL)
		real = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	if (size >= 64 * 1024) {
		/* No pattern that what is tried again could fall in with. */
		mixed = ++calls * 2654435761U;
		if ((mixed ^ mixed >> 15) % 2 == 0) {
			errno = ENOMEM;
			return NULL;
		}
	}
	return real(p, size);
}
