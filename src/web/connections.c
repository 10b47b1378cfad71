#include "web/connections.h"

#include <errno.h>
#include <stdlib.h>

/* The lower bits of a state; the generation is above them. A free place counts as TAKEN. */
enum { IDLE, TAKEN, TAKEN_AND_MORE };

#define STATE_BITS 2
#define STATE_MASK 3

static uint64_t
state_of(uint32_t generation, unsigned what)
{
	return (uint64_t)generation << STATE_BITS | what;
}

static uint32_t
generation_of(uint64_t state)
{
	return (uint32_t)(state >> STATE_BITS);
}

void
connections_init(struct connections *cs)
{
	pthread_mutex_init(&cs->lock, NULL);
	cs->free = NULL;
	cs->count = 0;
	for (int i = 0; i < CONNECTIONS_CHUNKS; i++)
		atomic_init(&cs->chunk[i], NULL);
}

void
connections_free(struct connections *cs)
{
	for (int i = 0; i < CONNECTIONS_CHUNKS; i++) {
		struct connection *chunk = atomic_load(&cs->chunk[i]);

		for (int j = 0; chunk != NULL && j < CONNECTIONS_CHUNK; j++) {
			if (chunk[j].fcgi != NULL)
				fcgi_connection_free(chunk[j].fcgi);
		}
		free(chunk);
	}
	pthread_mutex_destroy(&cs->lock);
}

/* A place that is free, made if need be; under the lock. */
static struct connection *
free_place(struct connections *cs)
{
	struct connection *c = cs->free, *chunk;

	if (c != NULL) {
		cs->free = c->next;
		return c;
	}
	if (cs->count % CONNECTIONS_CHUNK == 0) {
		if (cs->count == CONNECTIONS_CHUNK * CONNECTIONS_CHUNKS) {
			errno = ENFILE;
			return NULL;
		}
		chunk = calloc(CONNECTIONS_CHUNK, sizeof(*chunk));
		if (chunk == NULL)
			return NULL;
		atomic_store_explicit(
		    &cs->chunk[cs->count / CONNECTIONS_CHUNK], chunk, memory_order_release);
	}
	chunk =
	    atomic_load_explicit(&cs->chunk[cs->count / CONNECTIONS_CHUNK], memory_order_relaxed);
	c = &chunk[cs->count % CONNECTIONS_CHUNK];
	c->index = cs->count++;
	atomic_init(&c->state, state_of(0, TAKEN));
	return c;
}

static void
put_back(struct connections *cs, struct connection *c)
{
	pthread_mutex_lock(&cs->lock);
	c->next = cs->free;
	cs->free = c;
	pthread_mutex_unlock(&cs->lock);
}

struct connection *
connections_open(struct connections *cs, int fd, size_t body_max, uint64_t *token)
{
	struct connection *c;
	uint32_t generation;

	pthread_mutex_lock(&cs->lock);
	c = free_place(cs);
	pthread_mutex_unlock(&cs->lock);
	if (c == NULL)
		return NULL;
	c->fcgi = fcgi_connection_new(fd, body_max);
	if (c->fcgi == NULL) {
		put_back(cs, c);
		errno = ENOMEM;
		return NULL;
	}
	fcgi_ticket(c->fcgi)->owner = c;
	generation = generation_of(atomic_load_explicit(&c->state, memory_order_relaxed));
	*token = (uint64_t)generation << 32 | c->index;
	atomic_store_explicit(&c->state, state_of(generation, IDLE), memory_order_release);
	return c;
}

static struct connection *
place(struct connections *cs, uint32_t index)
{
	struct connection *chunk =
	    atomic_load_explicit(&cs->chunk[index / CONNECTIONS_CHUNK], memory_order_acquire);

	return &chunk[index % CONNECTIONS_CHUNK];
}

struct connection *
connections_take(struct connections *cs, uint64_t token)
{
	uint32_t generation = (uint32_t)(token >> 32);
	struct connection *c = place(cs, (uint32_t)token);
	uint64_t state = atomic_load_explicit(&c->state, memory_order_relaxed);

	while (generation_of(state) == generation && (state & STATE_MASK) != TAKEN_AND_MORE) {
		bool idle = (state & STATE_MASK) == IDLE;

		if (atomic_compare_exchange_weak_explicit(&c->state, &state,
			state_of(generation, idle ? TAKEN : TAKEN_AND_MORE), memory_order_acquire,
			memory_order_relaxed))
			return idle ? c : NULL;
	}
	return NULL;
}

bool
connections_release(struct connection *c)
{
	uint64_t state = atomic_load_explicit(&c->state, memory_order_relaxed);
	uint32_t generation = generation_of(state);

	state = state_of(generation, TAKEN);
	if (atomic_compare_exchange_strong_explicit(&c->state, &state, state_of(generation, IDLE),
		memory_order_release, memory_order_relaxed))
		return true;
	atomic_store_explicit(&c->state, state_of(generation, TAKEN), memory_order_relaxed);
	return false;
}

struct connection *
connections_take_waiting(struct connections *cs, int64_t since, uint32_t *index)
{
	uint32_t count;

	pthread_mutex_lock(&cs->lock);
	count = cs->count;
	pthread_mutex_unlock(&cs->lock);
	while (*index < count) {
		uint32_t at = (*index)++;
		struct connection *c = place(cs, at);
		int64_t waits = atomic_load_explicit(&c->waits_since, memory_order_relaxed);
		uint64_t state = atomic_load_explicit(&c->state, memory_order_relaxed);

		if (waits == 0 || waits > since)
			continue;
		c = connections_take(cs, (uint64_t)generation_of(state) << 32 | at);
		if (c != NULL)
			return c;
	}
	return NULL;
}

void
connections_close(struct connections *cs, struct connection *c)
{
	uint64_t state = atomic_load_explicit(&c->state, memory_order_relaxed);

	/* From here on no token of the old generation takes it, also not before the place is used
	 * again. The descriptor leaves the epoll set when it is closed. */
	atomic_store_explicit(
	    &c->state, state_of(generation_of(state) + 1, TAKEN), memory_order_relaxed);
	atomic_store_explicit(&c->waits_since, 0, memory_order_relaxed);
	fcgi_connection_free(c->fcgi);
	c->fcgi = NULL;
	put_back(cs, c);
}
