/* A text that is looked for in blocks of any bytes, at the rate of memory. */
#ifndef PBU_SEARCH_NEEDLE_H
#define PBU_SEARCH_NEEDLE_H

#include <stdbool.h>
#include <stddef.h>

struct search_needle {
	const unsigned char *text; /* without case when it is caseless; not owned */
	size_t len;		   /* at least 1 */
	bool caseless;		   /* of ASCII's letters */
	size_t first, second;	   /* the two bytes of it that are rarest in logs */
};

/* `text` must outlive it; caseless, it is changed to lower case. */
void search_needle_set(struct search_needle *n, char *text, size_t len, bool caseless);

/* How rare it is likely to be: more is rarer. */
unsigned search_needle_rarity(const struct search_needle *n);

/* Where the first begins that lies in block from `from` on; len when there is none. */
size_t search_needle_find(
    const struct search_needle *n, const char *block, size_t from, size_t len);

/* Where the last begins that lies before `to`; SIZE_MAX when there is none. */
size_t search_needle_find_last(const struct search_needle *n, const char *block, size_t to);

#endif
