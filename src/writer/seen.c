#include "writer/seen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* Lists by hash, a power of two. */
#define LISTS ((size_t)16 * 1024)

struct range {
	uint32_t from, to;
};

struct batch {
	uint64_t number;
	uint32_t count, room;
	struct range *range; /* sorted, with gaps between; owned. No room: see `first` */
	struct range first;  /* the only one, as most have */
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
	struct client_list lists[LISTS];
};

struct seen *
seen_new(void)
{
	struct seen *s = calloc(1, sizeof(*s));

	if (s != NULL)
		TAILQ_INIT(&s->ages);
	return s;
}

/* --- keys --- */

/* A decimal of the whole text; false: it is none, or beyond `most`. */
static bool
decimal(const char *text, size_t len, uint64_t most, uint64_t *number)
{
	uint64_t n = 0;

	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(unsigned char)text[i] - '0';

		if (digit > 9 || n > (most - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*number = n;
	return true;
}

/* As an Idempotency-Key has it. */
static bool
is_id(const char *id, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = id[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			c == '.' || c == '_' || c == '-'))
			return false;
	}
	return len > 0 && len <= SEEN_ID_MAX;
}

bool
seen_parse(
    const char *batch, size_t batch_len, const char *index, size_t index_len, struct seen_key *key)
{
	const char *dash = memrchr(batch, '-', batch_len);
	size_t len = dash == NULL ? 0 : (size_t)(dash - batch);
	uint64_t position;

	if (!is_id(batch, len) ||
	    !decimal(dash + 1, batch_len - len - 1, INT64_MAX, &key->number) ||
	    !decimal(index, index_len, UINT32_MAX - 1, &position))
		return false;
	key->id = batch;
	key->len = len;
	key->index = (uint32_t)position;
	return true;
}

/* FNV-1a. */
static uint32_t
hash_of(int32_t partition, const char *id, size_t len)
{
	uint32_t hash = (2166136261U ^ (uint32_t)partition) * 16777619U;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)id[i]) * 16777619U;
	return hash;
}

/* --- batches: ranges of indexes --- */

/* Room for one range more. Not for `first`, which moves with its batch. */
static bool
reserve_range(struct batch *b)
{
	uint32_t room = b->room == 0 ? 4 : b->room * 2;
	struct range *more;

	if (b->count < b->room)
		return true;
	more = realloc(b->range, room * sizeof(*more));
	if (more == NULL)
		return false;
	if (b->room == 0)
		memcpy(more, &b->first, b->count * sizeof(*more));
	b->range = more;
	b->room = room;
	return true;
}

static struct range *
ranges_of(struct batch *b)
{
	return b->room == 0 ? &b->first : b->range;
}

/* The first range that ends at or after the index: most often the last one, or none. */
static uint32_t
find_range(struct batch *b, uint32_t index)
{
	const struct range *r = ranges_of(b);
	uint32_t low = 0, high = b->count;

	if (high > 0 && r[high - 1].to < index)
		return high;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (r[middle].to < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
has_index(struct batch *b, uint32_t index)
{
	uint32_t at = find_range(b, index);

	return at < b->count && ranges_of(b)[at].from <= index;
}

/* Adds from .. to at place `at`, before which all ranges end below `from`: from > to is not, and
 * nothing of it is in a range. How many ranges it has more, -1: one less, or 2: no memory. */
static int
add_range(struct batch *b, uint32_t at, uint32_t from, uint32_t to)
{
	struct range *r = ranges_of(b);
	bool joins_below = at > 0 && r[at - 1].to + 1 == from;
	bool joins_above = at < b->count && r[at].from == to + 1;

	if (joins_below && joins_above) {
		r[at - 1].to = r[at].to;
		memmove(r + at, r + at + 1, (b->count - at - 1) * sizeof(*r));
		b->count--;
		return -1;
	}
	if (joins_below) {
		r[at - 1].to = to;
		return 0;
	}
	if (joins_above) {
		r[at].from = from;
		return 0;
	}
	if (b->count > 0 && !reserve_range(b))
		return 2;
	r = ranges_of(b);
	memmove(r + at + 1, r + at, (b->count - at) * sizeof(*r));
	r[at] = (struct range){from, to};
	b->count++;
	return 1;
}

/* --- clients --- */

static void
drop_batch(struct seen *s, struct client *c, uint32_t at)
{
	c->ranges -= c->batch[at].count;
	s->ranges -= c->batch[at].count;
	free(c->batch[at].range);
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
	free(c);
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
	LIST_FOREACH(c, &s->lists[hash % LISTS], links)
	{
		if (c->hash == hash && is_client(c, partition, id, len))
			break;
	}
	return c;
}

/* The client, made if there is none, and heard of last now. NULL: no memory. */
static struct client *
client_of(struct seen *s, int32_t partition, const char *id, size_t len)
{
	uint32_t hash = hash_of(partition, id, len);
	struct client *c = find_client(s, partition, id, len, hash);

	if (c != NULL) {
		TAILQ_REMOVE(&s->ages, c, age);
		TAILQ_INSERT_TAIL(&s->ages, c, age);
		return c;
	}
	if (s->count >= SEEN_CLIENTS)
		drop_client(s, TAILQ_FIRST(&s->ages));
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
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
	while (s->ranges > SEEN_RANGES_OF && TAILQ_FIRST(&s->ages) != c)
		drop_client(s, TAILQ_FIRST(&s->ages));
	if (s->ranges > SEEN_RANGES_OF)
		drop_batch(s, c, 0);
}

static void
note_range(
    struct seen *s, struct client *c, struct batch *b, uint32_t at, uint32_t from, uint32_t to)
{
	int more = add_range(b, at, from, to);

	if (more == 2)
		return;
	c->ranges += (uint32_t)more;
	s->ranges += (size_t)(long)more;
	if (more > 0)
		make_room(s, c);
}

bool
seen_known(struct seen *s, const struct seen_key *key)
{
	struct client *c = find_client(
	    s, key->partition, key->id, key->len, hash_of(key->partition, key->id, key->len));
	uint32_t at = c == NULL ? 0 : c->count;

	while (at > 0 && c->batch[at - 1].number > key->number)
		at--;
	return at > 0 && c->batch[at - 1].number == key->number &&
	       has_index(&c->batch[at - 1], key->index);
}

bool
seen_note(struct seen *s, const struct seen_key *key)
{
	struct client *c = client_of(s, key->partition, key->id, key->len);
	struct batch *b = c == NULL ? NULL : batch_of(s, c, key->number);

	if (b == NULL)
		return true;
	if (has_index(b, key->index))
		return false;
	note_range(s, c, b, find_range(b, key->index), key->index, key->index);
	return true;
}

static void
merge_client(struct seen *s, struct client *from)
{
	struct client *c = client_of(s, from->partition, from->id, from->len);

	for (uint32_t i = 0; c != NULL && i < from->count; i++) {
		const struct range *r = ranges_of(&from->batch[i]);

		for (uint32_t j = 0; j < from->batch[i].count; j++) {
			/* Each time: room that is made may take it away. */
			struct batch *b = batch_of(s, c, from->batch[i].number);

			if (b != NULL)
				note_range(s, c, b, find_range(b, r[j].from), r[j].from, r[j].to);
		}
	}
}

void
seen_merge(struct seen *s, struct seen *fresh)
{
	struct client *from;

	TAILQ_FOREACH(from, &fresh->ages, age)
	merge_client(s, from);
	seen_clear(fresh);
}

/* --- the text of it --- */

static void
write_client(const struct client *c, struct buf *out)
{
	buf_printf(out, "[%d,\"%.*s\",\"", (int)c->partition, (int)c->len, c->id);
	for (uint32_t i = 0; i < c->count; i++) {
		struct batch *b = &c->batch[i];
		const struct range *r = ranges_of(b);

		if (i > 0)
			buf_putc(out, ' ');
		buf_put_number(out, b->number);
		for (uint32_t j = 0; j < b->count; j++) {
			buf_putc(out, j == 0 ? ':' : ',');
			buf_put_number(out, r[j].from);
			if (r[j].to > r[j].from) {
				buf_putc(out, '-');
				buf_put_number(out, r[j].to);
			}
		}
	}
	buf_puts(out, "\"]");
}

void
seen_write(const struct seen *s, struct buf *out)
{
	const struct client *c;

	buf_putc(out, '[');
	TAILQ_FOREACH(c, &s->ages, age)
	{
		if (c != TAILQ_FIRST(&s->ages))
			buf_puts(out, ",\n");
		write_client(c, out);
	}
	buf_putc(out, ']');
}

/* A decimal at *at, which is moved behind it. */
static bool
read_number(const char **at, uint64_t most, uint64_t *number)
{
	size_t len = strspn(*at, "0123456789");

	if (!decimal(*at, len, most, number))
		return false;
	*at += len;
	return true;
}

bool
seen_read(struct seen *s, int32_t partition, const char *id, size_t len, const char *ranges)
{
	const char *at = ranges;
	struct client *c;

	if (!is_id(id, len))
		return false;
	c = client_of(s, partition, id, len);
	if (c == NULL)
		return true;
	while (*at != '\0') {
		uint64_t number, from, to, least = 0;

		if (!read_number(&at, INT64_MAX, &number) || *at != ':')
			return false;
		do {
			struct batch *b = batch_of(s, c, number);

			at++;
			if (!read_number(&at, UINT32_MAX - 1, &from))
				return false;
			to = from;
			if (*at == '-') {
				at++;
				if (!read_number(&at, UINT32_MAX - 1, &to))
					return false;
			}
			if (from < least || to < from)
				return false;
			least = to + 1;
			if (b != NULL && find_range(b, (uint32_t)from) == b->count)
				note_range(s, c, b, b->count, (uint32_t)from, (uint32_t)to);
		} while (*at == ',');
		if (*at == ' ' && at[1] != '\0')
			at++;
		else if (*at != '\0')
			return false;
	}
	return true;
}
