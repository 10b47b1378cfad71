/* One conversion of one value: what pyformat.c alone uses of pyformat_convert.c. */
#ifndef PBU_PYFORMAT_CONVERT_H
#define PBU_PYFORMAT_CONVERT_H

#include "python/pyformat.h"

#include <stdint.h>

/* How far a result may go. */
struct pyformat_bounds {
	size_t end;  /* out->len may not pass it */
	size_t work; /* that is left; pyformat.h says in what */
};

/* The bounds of a result of `limit` bytes after what is in out. */
static inline struct pyformat_bounds
pyformat_bounds(const struct buf *out, size_t limit, size_t work)
{
	return (struct pyformat_bounds){
	    limit < SIZE_MAX - out->len ? out->len + limit : SIZE_MAX, work};
}

/* Takes n from the work that is left. */
static inline void
pyformat_spend(struct pyformat_bounds *b, size_t n)
{
	b->work -= n < b->work ? n : b->work;
}

/* pyformat_convert() within bounds that several conversions share. */
enum pyformat_status pyformat_convert_within(struct buf *out, const struct pyformat_spec *spec,
    struct value v, struct pyformat_bounds *bounds);

#endif
