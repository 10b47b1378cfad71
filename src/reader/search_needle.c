#include "reader/search_needle.h"

#include <stdint.h>
#include <string.h>

/* Bytes of log files, the most frequent first; what is not there is rarer. */
static const char FREQUENT[] =
    " e0:1-2tnaoirs,345.l6789dcupm_gh\n=fbvyw/IN\tEROFk\"()TDA[]SxCqjzUGLWMPB";

#define CASE_BIT 0x20

static unsigned
rarity(unsigned char c)
{
	const char *at = c != '\0' ? strchr(FREQUENT, c) : NULL;

	return at != NULL ? (unsigned)(at - FREQUENT) : sizeof(FREQUENT);
}

static unsigned char
fold(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c | CASE_BIT : c;
}

/* What a byte of the text is compared without. */
static unsigned char
case_bit(const struct search_needle *n, size_t at)
{
	return n->caseless && n->text[at] >= 'a' && n->text[at] <= 'z' ? CASE_BIT : 0;
}

void
search_needle_set(struct search_needle *n, char *text, size_t len, bool caseless)
{
	if (caseless)
		for (size_t i = 0; i < len; i++)
			text[i] = (char)fold((unsigned char)text[i]);
	*n = (struct search_needle){(const unsigned char *)text, len, caseless, 0, 0};
	for (size_t i = 1; i < len; i++)
		if (rarity(n->text[i]) > rarity(n->text[n->first]))
			n->first = i;
	n->second = n->first == 0 ? len - 1 : 0;
	for (size_t i = 0; i < len; i++)
		if (i != n->first && rarity(n->text[i]) > rarity(n->text[n->second]))
			n->second = i;
}

unsigned
search_needle_rarity(const struct search_needle *n)
{
	unsigned sum = rarity(n->text[n->first]) + rarity(n->text[n->second]);

	return sum + (unsigned)(n->len < 16 ? n->len : 16);
}

static bool
is_at(const struct search_needle *n, const unsigned char *p)
{
	if (!n->caseless)
		return memcmp(p, n->text, n->len) == 0;
	for (size_t i = 0; i < n->len; i++)
		if (fold(p[i]) != n->text[i])
			return false;
	return true;
}

/*
 * Vectors as GCC and clang have them on every machine. Lanes are places where it may begin; one is
 * all ones if both of the rarest bytes are where they would be.
 */
#define LANES 16
#define GROUP (4 * LANES)

typedef unsigned char lanes __attribute__((vector_size(LANES)));

struct probe {
	lanes first, first_case, second, second_case;
};

static inline lanes
load(const unsigned char *p)
{
	lanes v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline lanes
spread(unsigned char c)
{
	return (lanes){0} + c;
}

static struct probe
make_probe(const struct search_needle *n)
{
	return (struct probe){spread(n->text[n->first]), spread(case_bit(n, n->first)),
	    spread(n->text[n->second]), spread(case_bit(n, n->second))};
}

static inline lanes
look(const struct search_needle *n, const struct probe *p, const unsigned char *at)
{
	lanes first = (load(at + n->first) | p->first_case) == p->first;
	lanes second = (load(at + n->second) | p->second_case) == p->second;

	return first & second;
}

/* Lanes as two words, each lane a byte of all ones or none. */
#define WORDS (LANES / 8)

static inline bool
is_any(lanes v)
{
	typedef uint64_t words __attribute__((vector_size(LANES)));
	words w = (words)v;

	return (w[0] | w[1]) != 0;
}

/* The first byte, as it lies in memory, that is set in a word that is not 0; and the last. */
static inline unsigned
first_byte(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (unsigned)__builtin_ctzll(word) / 8;
#else
	return (unsigned)__builtin_clzll(word) / 8;
#endif
}

static inline unsigned
last_byte(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return 7 - (unsigned)__builtin_clzll(word) / 8;
#else
	return 7 - (unsigned)__builtin_ctzll(word) / 8;
#endif
}

static inline uint64_t
without_byte(uint64_t word, unsigned byte)
{
	unsigned char bytes[8];

	memcpy(bytes, &word, sizeof(bytes));
	bytes[byte] = 0;
	memcpy(&word, bytes, sizeof(word));
	return word;
}

static inline lanes
look_for_both(const struct search_needle *n, const struct probe *p, const unsigned char *at)
{
	return look(n, p, at) | look(n, p, at + LANES) | look(n, p, at + 2 * LANES) |
	       look(n, p, at + 3 * LANES);
}

/*
 * A byte that is rare enough is looked for alone, in a stretch at once, which takes half the time.
 * Where it is found in vain too often, both are looked for.
 */
#define RARE	   56
#define STRETCH	   (2 * GROUP)
#define PATIENCE   64
#define ALARM_COST 8

static inline int
first_patience(const struct search_needle *n)
{
	return rarity(n->text[n->first]) >= RARE ? PATIENCE : 0;
}

static inline lanes
look_for_first(const struct search_needle *n, const struct probe *p, const unsigned char *at)
{
	at += n->first;
	return ((load(at) | p->first_case) == p->first) |
	       ((load(at + LANES) | p->first_case) == p->first) |
	       ((load(at + 2 * LANES) | p->first_case) == p->first) |
	       ((load(at + 3 * LANES) | p->first_case) == p->first);
}

/* Whether the stretch that begins there may hold it; *patience is above 0. */
static inline bool
may_be_in_stretch(
    const struct search_needle *n, const struct probe *p, const unsigned char *at, int *patience)
{
	if (is_any(look_for_first(n, p, at) | look_for_first(n, p, at + GROUP))) {
		*patience -= ALARM_COST;
		return true;
	}
	*patience += *patience < PATIENCE;
	return false;
}

/* The first of the LANES places from `at` on where it is. */
static const unsigned char *
first_in_lanes(const struct search_needle *n, const struct probe *p, const unsigned char *at)
{
	lanes hits = look(n, p, at);
	uint64_t words[WORDS];

	if (!is_any(hits))
		return NULL;
	memcpy(words, &hits, sizeof(words));
	for (size_t w = 0; w < WORDS; w++)
		for (; words[w] != 0; words[w] = without_byte(words[w], first_byte(words[w])))
			if (is_at(n, at + w * 8 + first_byte(words[w])))
				return at + w * 8 + first_byte(words[w]);
	return NULL;
}

static const unsigned char *
last_in_lanes(const struct search_needle *n, const struct probe *p, const unsigned char *at)
{
	lanes hits = look(n, p, at);
	uint64_t words[WORDS];

	if (!is_any(hits))
		return NULL;
	memcpy(words, &hits, sizeof(words));
	for (size_t w = WORDS; w-- > 0;)
		for (; words[w] != 0; words[w] = without_byte(words[w], last_byte(words[w])))
			if (is_at(n, at + w * 8 + last_byte(words[w])))
				return at + w * 8 + last_byte(words[w]);
	return NULL;
}

/* The first of the GROUP places from `at` on where it is. */
static const unsigned char *
first_in_group(const struct search_needle *n, const struct probe *p, const unsigned char *at)
{
	const unsigned char *found = NULL;

	for (int i = 0; i < GROUP && found == NULL; i += LANES)
		found = first_in_lanes(n, p, at + i);
	return found;
}

static const unsigned char *
last_in_group(const struct search_needle *n, const struct probe *p, const unsigned char *at)
{
	const unsigned char *found = NULL;

	for (int i = GROUP; i > 0 && found == NULL; i -= LANES)
		found = last_in_lanes(n, p, at + i - LANES);
	return found;
}

size_t
search_needle_find(const struct search_needle *n, const char *block, size_t from, size_t len)
{
	const unsigned char *base = (const unsigned char *)block, *at = base + from, *stop, *found;
	struct probe p;
	int patience;

	if (from > len || len - from < n->len)
		return len;
	stop = base + len - n->len + 1; /* places where it may begin lie before */
	p = make_probe(n);
	patience = first_patience(n);
	for (; stop - at >= GROUP; at += GROUP) {
		while (patience > 0 && stop - at >= STRETCH &&
		       !may_be_in_stretch(n, &p, at, &patience))
			at += STRETCH;
		if (stop - at < GROUP)
			break;
		if (!is_any(look_for_both(n, &p, at)))
			continue;
		found = first_in_group(n, &p, at);
		if (found != NULL)
			return (size_t)(found - base);
	}
	for (; stop - at >= LANES; at += LANES) {
		found = first_in_lanes(n, &p, at);
		if (found != NULL)
			return (size_t)(found - base);
	}
	for (; at < stop; at++)
		if (is_at(n, at))
			return (size_t)(at - base);
	return len;
}

size_t
search_needle_find_last(const struct search_needle *n, const char *block, size_t to)
{
	const unsigned char *base = (const unsigned char *)block, *stop, *found;
	struct probe p;
	int patience;

	if (to < n->len)
		return SIZE_MAX;
	stop = base + to - n->len + 1;
	p = make_probe(n);
	patience = first_patience(n);
	for (; stop - base >= GROUP; stop -= GROUP) {
		while (patience > 0 && stop - base >= STRETCH &&
		       !may_be_in_stretch(n, &p, stop - STRETCH, &patience))
			stop -= STRETCH;
		if (stop - base < GROUP)
			break;
		if (!is_any(look_for_both(n, &p, stop - GROUP)))
			continue;
		found = last_in_group(n, &p, stop - GROUP);
		if (found != NULL)
			return (size_t)(found - base);
	}
	for (; stop - base >= LANES; stop -= LANES) {
		found = last_in_lanes(n, &p, stop - LANES);
		if (found != NULL)
			return (size_t)(found - base);
	}
	while (stop > base)
		if (is_at(n, --stop))
			return (size_t)(stop - base);
	return SIZE_MAX;
}
