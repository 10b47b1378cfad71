#include "server/repeats.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Digits of INT64_MAX. */
#define DIGITS_MAX 19

/* Lists by hash, a power of two. A client that makes ids for one list is waited for as long as it
 * takes to look through REPEATS_CLIENTS hashes: less than what a large body of its costs. */
#define CLIENT_LISTS ((size_t)16 * 1024)
#define CLAIM_LISTS  ((size_t)1024)

struct client {
	LIST_ENTRY(client) links;
	TAILQ_ENTRY(client) age;
	uint64_t greatest; /* number taken */
	uint64_t taken;	   /* bit i: greatest - i was */
	uint32_t hash;
	uint8_t len;
	char id[REPEATS_ID_MAX];
};

LIST_HEAD(client_list, client);
LIST_HEAD(claim_list, repeats_claim);

struct repeats {
	pthread_mutex_t lock;		      /* of all that follows */
	TAILQ_HEAD(client_ages, client) ages; /* the least recently heard of comes first */
	size_t known, most;
	size_t waiting_bytes, waiting_max;
	struct claim_list claims[CLAIM_LISTS]; /* under way */
	struct client_list lists[CLIENT_LISTS];
	struct client clients[]; /* the first `known` of them */
};

struct repeats *
repeats_new(size_t clients, size_t waiting_max)
{
	struct repeats *r = calloc(1, sizeof(*r) + clients * sizeof(struct client));

	if (r == NULL)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	TAILQ_INIT(&r->ages);
	r->most = clients;
	r->waiting_max = waiting_max;
	/* Empty lists are null pointers: memory that is not used yet is not touched. */
	return r;
}

void
repeats_free(struct repeats *r)
{
	if (r == NULL)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* --- keys --- */

/* FNV-1a. */
static uint32_t
hash_of(const char *id, size_t len)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)id[i]) * 16777619U;
	return hash;
}

bool
repeats_parse(const char *text, struct repeats_key *key)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	const char *dash = strrchr(text, '-');
	size_t len, digits;
	uint64_t number;

	if (dash == NULL)
		return false;
	len = (size_t)(dash - text);
	digits = strspn(dash + 1, "0123456789");
	if (len == 0 || len > REPEATS_ID_MAX || strspn(text, allowed) < len || digits == 0 ||
	    digits > DIGITS_MAX || dash[1 + digits] != '\0')
		return false;
	number = strtoull(dash + 1, NULL, 10);
	if (number > INT64_MAX)
		return false;
	*key = (struct repeats_key){text, len, number, hash_of(text, len)};
	return true;
}

/* --- clients --- */

static struct client *
find_client(struct repeats *r, const struct repeats_key *key)
{
	struct client *client = LIST_FIRST(&r->lists[key->hash % CLIENT_LISTS]);

	for (; client != NULL; client = LIST_NEXT(client, links)) {
		if (client->hash == key->hash && client->len == key->len &&
		    memcmp(client->id, key->id, key->len) == 0)
			break;
	}
	if (client == NULL)
		return NULL;
	TAILQ_REMOVE(&r->ages, client, age);
	TAILQ_INSERT_TAIL(&r->ages, client, age);
	return client;
}

/* In the place of the one that was least recently heard of, when there are as many as may be. */
static struct client *
add_client(struct repeats *r, const struct repeats_key *key)
{
	struct client *client;

	if (r->known < r->most) {
		client = &r->clients[r->known++];
	} else {
		client = TAILQ_FIRST(&r->ages);
		TAILQ_REMOVE(&r->ages, client, age);
		LIST_REMOVE(client, links);
	}
	client->hash = key->hash;
	client->len = (uint8_t)key->len;
	memcpy(client->id, key->id, key->len);
	client->greatest = key->number;
	client->taken = 0;
	LIST_INSERT_HEAD(&r->lists[key->hash % CLIENT_LISTS], client, links);
	TAILQ_INSERT_TAIL(&r->ages, client, age);
	return client;
}

static bool
was_taken(const struct client *client, uint64_t number)
{
	uint64_t below = client->greatest - number;

	return number <= client->greatest && below < REPEATS_WINDOW &&
	       (client->taken >> below & 1) != 0;
}

static void
note_taken(struct client *client, uint64_t number)
{
	if (number > client->greatest) {
		uint64_t above = number - client->greatest;

		client->taken = above < REPEATS_WINDOW ? client->taken << above : 0;
		client->greatest = number;
	}
	if (client->greatest - number < REPEATS_WINDOW)
		client->taken |= (uint64_t)1 << (client->greatest - number);
}

/* --- claims --- */

static struct claim_list *
claims_of(struct repeats *r, const struct repeats_key *key)
{
	return &r->claims[(key->hash + key->number) % CLAIM_LISTS];
}

static struct repeats_claim *
find_claim(struct repeats *r, const struct repeats_key *key)
{
	struct repeats_claim *c = LIST_FIRST(claims_of(r, key));

	for (; c != NULL; c = LIST_NEXT(c, links)) {
		if (c->key.number == key->number && c->key.hash == key->hash &&
		    c->key.len == key->len && memcmp(c->key.id, key->id, key->len) == 0)
			break;
	}
	return c;
}

enum repeats_verdict
repeats_claim(struct repeats *r, struct repeats_claim *c)
{
	enum repeats_verdict verdict = REPEATS_FIRST;
	struct repeats_claim *first;
	struct client *client;

	c->waiting = NULL;
	c->waiting_bytes = 0;
	pthread_mutex_lock(&r->lock);
	client = find_client(r, &c->key);
	first = find_claim(r, &c->key);
	if (client != NULL && was_taken(client, c->key.number)) {
		verdict = REPEATS_TAKEN;
	} else if (first != NULL && r->waiting_bytes >= r->waiting_max) {
		verdict = REPEATS_FULL;
	} else if (first != NULL) {
		verdict = REPEATS_WAITS;
		c->next = first->waiting;
		first->waiting = c;
		first->waiting_bytes += c->bytes;
		r->waiting_bytes += c->bytes;
	} else {
		LIST_INSERT_HEAD(claims_of(r, &c->key), c, links);
	}
	pthread_mutex_unlock(&r->lock);
	return verdict;
}

struct repeats_claim *
repeats_settle(struct repeats *r, struct repeats_claim *c, bool taken)
{
	struct client *client;

	pthread_mutex_lock(&r->lock);
	LIST_REMOVE(c, links);
	r->waiting_bytes -= c->waiting_bytes;
	if (taken) {
		client = find_client(r, &c->key);
		if (client == NULL)
			client = add_client(r, &c->key);
		note_taken(client, c->key.number);
	}
	pthread_mutex_unlock(&r->lock);
	return c->waiting;
}
