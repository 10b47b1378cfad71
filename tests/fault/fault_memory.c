/*
 * Allocations that fail. They are told apart by the thread that asked: the main thread and, in the
 * server, the first that it starts, which does the housekeeping; of the threads that serve requests
 * the program (with its JSON library), and libfcgi, which does not look at what malloc(3) returned.
 */
#define _GNU_SOURCE
#include "fault.h"

#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static pthread_t main_thread, second_thread;
static bool second_started;

/* Where the code of a library is. */
struct code {
	const char *name;
	uintptr_t start, end;
};

static struct code fcgi = {.name = "/libfcgi.so"}, seccomp = {.name = "/libseccomp.so"};

/* --- the real ones --- */

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);

/* dlsym(3) may ask for memory before the real functions are known; it is never given back. */
static char early[64 * 1024];
static size_t early_used;
static bool looking_up;

static void *
early_alloc(size_t n)
{
	size_t aligned = (n + 15) & ~(size_t)15;
	void *p = early + early_used;

	if (aligned > sizeof(early) - early_used)
		return NULL;
	early_used += aligned;
	return p;
}

static bool
is_early(const void *p)
{
	return (const char *)p >= early && (const char *)p < early + sizeof(early);
}

/* The first allocation is before any thread. */
static bool
know_allocator(void)
{
	if (real_free != NULL)
		return true;
	if (looking_up)
		return false;
	looking_up = true;
	*(void **)&real_malloc = dlsym(RTLD_NEXT, "malloc");
	*(void **)&real_calloc = dlsym(RTLD_NEXT, "calloc");
	*(void **)&real_realloc = dlsym(RTLD_NEXT, "realloc");
	*(void **)&real_free = dlsym(RTLD_NEXT, "free");
	looking_up = false;
	return true;
}

/* --- who asks --- */

static int
find(struct dl_phdr_info *info, size_t size, void *argument)
{
	struct code *code = argument;

	(void)size;
	if (strstr(info->dlpi_name, code->name) == NULL)
		return 0;
	code->start = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t end =
		    info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type == PT_LOAD && end > code->end)
			code->end = end;
	}
	return 1;
}

static bool
is_in(const struct code *code, const void *address)
{
	return (uintptr_t)address >= code->start && (uintptr_t)address < code->end;
}

__attribute__((constructor)) static void
look_around(void)
{
	main_thread = pthread_self();
	dl_iterate_phdr(find, &fcgi);
	dl_iterate_phdr(find, &seccomp);
}

/* Only the main thread starts others. */
int
pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *argument)
{
	int error = REAL(pthread_create)(thread, attr, run, argument);

	if (error == 0 && !second_started &&
	    strcmp(program_invocation_short_name, "pbu-log-server") == 0) {
		second_thread = *thread;
		second_started = true;
	}
	return error;
}

static bool
no_memory(const void *caller)
{
	int which = MALLOC, error;

	if (!fault_active || is_in(&seccomp, caller))
		return false;
	if (pthread_equal(pthread_self(), main_thread) ||
	    (second_started && pthread_equal(pthread_self(), second_thread)))
		which = MALLOC_MAIN;
	else if (is_in(&fcgi, caller))
		which = MALLOC_FCGI;
	if (!fault_fails(which, &error))
		return false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t n)
{
	if (!know_allocator())
		return early_alloc(n);
	return no_memory(__builtin_return_address(0)) ? NULL : real_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	if (!know_allocator())
		return early_alloc(n * size);
	return no_memory(__builtin_return_address(0)) ? NULL : real_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	if (!know_allocator())
		return early_alloc(n);
	return no_memory(__builtin_return_address(0)) ? NULL : real_realloc(p, n);
}

void
free(void *p)
{
	if (!is_early(p) && know_allocator())
		real_free(p);
}
