#include "writer/seen.h"

#include "writer/indexes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

/* Lists by hash, a power of two. */
#define LISTS ((size_t)16 * 1024)

struct batch {
	uint64_t number;
	struct indexes indexes;
};

struct client {
	LIST_ENTRY(client) links;
	TAILQ_ENTRY(client) age;
	struct batch *batch; /* sorted by number; owned */
	uint32_t count, room;
	uint32_t ranges; /* of all of them */
	uint32_t hash;
	int32_t partition;
	uint8_t len;
	char id[SEEN_ID_MAX];
};

LIST_HEAD(client_list, client);
TAILQ_HEAD(client_ages, client);

struct seen {
	struct client_ages ages; /* the least recently heard of comes first */
	size_t count, ranges;
	uint32_t seed;		  /* of hashes: no client knows which ids are in one list */
	size_t used;		  /* of the clients, from the first on */
	struct client_list spare; /* of these, those that are not known any more */
	struct client_list lists[LISTS];
	struct client clients[SEEN_CLIENTS];
};

struct seen *
seen_new(void)
{
	struct seen *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	TAILQ_INIT(&s->ages);
	/* Without one it is as good, but for who means harm. */
	if (getrandom(&s->seed, sizeof(s->seed), GRND_NONBLOCK) != sizeof(s->seed))
		s->seed = 0;
	return s;
}

/* --- clients --- */

/* FNV-1a, from a seed; its low bits, which choose the list, are mixed with the others. */
static uint32_t
hash_of(const struct seen *s, int32_t partition, const char *id, size_t len)
{
	uint32_t hash = (2166136261U ^ s->seed ^ (uint32_t)partition) * 16777619U;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)id[i]) * 16777619U;
	return hash ^ hash >> 16;
}

static void
drop_batch(struct seen *s, struct client *c, uint32_t at)
{
	c->ranges -= c->batch[at].indexes.count;
	s->ranges -= c->batch[at].indexes.count;
	indexes_free(&c->batch[at].indexes);
	memmove(c->batch + at, c->batch + at + 1, (c->count - at - 1) * sizeof(*c->batch));
	c->count--;
}

static void
drop_client(struct seen *s, struct client *c)
{
	while (c->count > 0)
		drop_batch(s, c, c->count - 1);
	TAILQ_REMOVE(&s->ages, c, age);
	LIST_REMOVE(c, links);
	s->count--;
	free(c->batch);
	LIST_INSERT_HEAD(&s->spare, c, links);
}

/* Memory for a client; the least recently heard of gives its own where there are too many. */
static struct client *
new_client(struct seen *s)
{
	struct client *c;

	if (s->count == SEEN_CLIENTS)
		drop_client(s, TAILQ_FIRST(&s->ages));
	c = LIST_FIRST(&s->spare);
	if (c != NULL)
		LIST_REMOVE(c, links);
	else
		c = &s->clients[s->used++];
	*c = (struct client){.batch = NULL};
	return c;
}

void
seen_clear(struct seen *s)
{
	while (!TAILQ_EMPTY(&s->ages))
		drop_client(s, TAILQ_FIRST(&s->ages));
}

void
seen_free(struct seen *s)
{
	if (s == NULL)
		return;
	seen_clear(s);
	free(s);
}

size_t
seen_count(const struct seen *s)
{
	return s->count;
}

static bool
is_client(const struct client *c, int32_t partition, const char *id, size_t len)
{
	return c->partition == partition && c->len == len && memcmp(c->id, id, len) == 0;
}

/* The client, if it is known. */
static struct client *
find_client(struct seen *s, int32_t partition, const char *id, size_t len, uint32_t hash)
{
	struct client *c = TAILQ_LAST(&s->ages, client_ages);

	/* Records of a request lie side by side. */
	if (c != NULL && c->hash == hash && is_client(c, partition, id, len))
		return c;
	c = LIST_FIRST(&s->lists[hash % LISTS]);
	while (c != NULL && !(c->hash == hash && is_client(c, partition, id, len)))
		c = LIST_NEXT(c, links);
	return c;
}

/* The client, made if there is none, and heard of last now. */
static struct client *
client_of(struct seen *s, int32_t partition, const char *id, size_t len)
{
	uint32_t hash = hash_of(s, partition, id, len);
	struct client *c = find_client(s, partition, id, len, hash);

	if (c != NULL) {
		TAILQ_REMOVE(&s->ages, c, age);
		TAILQ_INSERT_TAIL(&s->ages, c, age);
		return c;
	}
	c = new_client(s);
	c->hash = hash;
	c->partition = partition;
	c->len = (uint8_t)len;
	memcpy(c->id, id, len);
	LIST_INSERT_HEAD(&s->lists[hash % LISTS], c, links);
	TAILQ_INSERT_TAIL(&s->ages, c, age);
	s->count++;
	return c;
}

/* The batch of that number, made if there is none. NULL: the number is below those that are kept,
 * or there is no memory. */
static struct batch *
batch_of(struct seen *s, struct client *c, uint64_t number)
{
	uint32_t at = c->count;

	while (at > 0 && c->batch[at - 1].number >= number)
		at--;
	if (at < c->count && c->batch[at].number == number)
		return &c->batch[at];
	if (c->count == SEEN_NUMBERS) {
		if (at == 0)
			return NULL;
		drop_batch(s, c, 0);
		at--;
	}
	if (c->count == c->room) {
		uint32_t room = c->room == 0 ? 2 : c->room * 2;
		struct batch *more = realloc(c->batch, room * sizeof(*more));

		if (more == NULL)
			return NULL;
		c->batch = more;
		c->room = room;
	}
	memmove(c->batch + at + 1, c->batch + at, (c->count - at) * sizeof(*c->batch));
	memset(&c->batch[at], 0, sizeof(c->batch[at]));
	c->batch[at].number = number;
	c->count++;
	return &c->batch[at];
}

/* Too many ranges: the smallest numbers of the client go, and the clients not heard of longest. */
static void
make_room(struct seen *s, struct client *c)
{
	while (c->ranges > SEEN_RANGES && c->count > 1)
		drop_batch(s, c, 0);
	while (s->ranges > SEEN_RANGES_OF && s->ranges > c->ranges) {
		struct client *oldest = TAILQ_FIRST(&s->ages);

		drop_client(s, oldest != c ? oldest : TAILQ_NEXT(oldest, age));
	}
	if (s->ranges > SEEN_RANGES_OF)
		drop_batch(s, c, 0);
}

/* A batch of the client may be gone after it. */
static void
note_range(struct seen *s, struct client *c, struct batch *b, uint32_t from, uint32_t to)
{
	int more = indexes_add(&b->indexes, from, to);

	c->ranges += (uint32_t)more;
	s->ranges += (size_t)(long)more;
	if (more > 0)
		make_room(s, c);
}

bool
seen_known(struct seen *s, const struct seen_key *key)
{
	struct client *c = find_client(
	    s, key->partition, key->id, key->len, hash_of(s, key->partition, key->id, key->len));
	uint32_t at = c == NULL ? 0 : c->count;

	while (at > 0 && c->batch[at - 1].number > key->number)
		at--;
	return at > 0 && c->batch[at - 1].number == key->number &&
	       indexes_have(&c->batch[at - 1].indexes, key->index);
}

bool
seen_note(struct seen *s, const struct seen_key *key)
{
	struct client *c = client_of(s, key->partition, key->id, key->len);
	struct batch *b = batch_of(s, c, key->number);

	if (b == NULL)
		return true;
	if (indexes_have(&b->indexes, key->index))
		return false;
	note_range(s, c, b, key->index, key->index);
	return true;
}

static void
merge_client(struct seen *s, const struct client *from)
{
	struct client *c = client_of(s, from->partition, from->id, from->len);

	for (uint32_t i = 0; i < from->count; i++) {
		const struct indexes *indexes = &from->batch[i].indexes;

		for (uint32_t j = 0; j < indexes->count; j++) {
			const struct indexes_range *r = &indexes_ranges(indexes)[j];
			/* Each time: room that is made may take it away. */
			struct batch *b = batch_of(s, c, from->batch[i].number);

			if (b != NULL)
				note_range(s, c, b, r->from, r->to);
		}
	}
}

void
seen_merge(struct seen *s, struct seen *fresh)
{
	const struct client *from = TAILQ_FIRST(&fresh->ages);

	for (; from != NULL; from = TAILQ_NEXT(from, age))
		merge_client(s, from);
	seen_clear(fresh);
}

/* --- the text of it --- */

static void
write_client(const struct client *c, struct buf *out)
{
	buf_printf(out, "[%d,\"%.*s\",\"", (int)c->partition, (int)c->len, c->id);
	for (uint32_t i = 0; i < c->count; i++) {
		if (i > 0)
			buf_putc(out, ' ');
		buf_put_number(out, c->batch[i].number);
		buf_putc(out, ':');
		indexes_write(&c->batch[i].indexes, out);
	}
	buf_puts(out, "\"]");
}

void
seen_write(const struct seen *s, struct buf *out)
{
	const struct client *c = TAILQ_FIRST(&s->ages);

	buf_putc(out, '[');
	for (; c != NULL; c = TAILQ_NEXT(c, age)) {
		if (c != TAILQ_FIRST(&s->ages))
			buf_puts(out, ",\n");
		write_client(c, out);
	}
	buf_putc(out, ']');
}

/* The ranges after the number and its colon, where *at is. */
static bool
read_batch(struct seen *s, struct client *c, uint64_t number, const char **at)
{
	struct indexes_range range = {0, 0};
	uint32_t least = 0;

	do {
		struct batch *b = batch_of(s, c, number);

		++*at;
		if (!indexes_read_range(at, least, &range))
			return false;
		least = range.to + 1;
		if (b != NULL && !indexes_have(&b->indexes, range.from))
			note_range(s, c, b, range.from, range.to);
	} while (**at == ',');
	return true;
}

bool
seen_read(struct seen *s, int32_t partition, const char *id, size_t len, const char *ranges)
{
	const char *at = ranges;
	struct client *c;

	if (!seen_key_is_id(id, len))
		return false;
	c = client_of(s, partition, id, len);
	while (*at != '\0') {
		uint64_t number;

		if (!indexes_read_number(&at, INT64_MAX, &number) || *at != ':' ||
		    !read_batch(s, c, number, &at))
			return false;
		if (*at == ' ' && at[1] != '\0')
			at++;
		else if (*at != '\0')
			return false;
	}
	return true;
}
