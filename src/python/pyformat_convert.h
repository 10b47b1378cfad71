/* One conversion of one value: what pyformat.c alone uses of pyformat_convert.c. */
#ifndef PBU_PYFORMAT_CONVERT_H
#define PBU_PYFORMAT_CONVERT_H

#include "python/pyformat.h"

#include <stdint.h>

#define PYFORMAT_CONVERSIONS "diouxXeEfFgGcrsa"

/* How far a result may go. */
struct pyformat_bounds {
	size_t end;	 /* out->len may not pass it */
	size_t work;	 /* bytes of values read so far */
	size_t work_max; /* that may be read */
};

/* The bounds of a result of `limit` bytes behind what is in out, with any work. */
static inline struct pyformat_bounds
pyformat_bounds(const struct buf *out, size_t limit)
{
	size_t end = limit < SIZE_MAX - out->len ? out->len + limit : SIZE_MAX;

	return (struct pyformat_bounds){end, 0, SIZE_MAX};
}

/* pyformat_convert() within bounds that several conversions share. */
enum pyformat_status pyformat_convert_within(struct buf *out, const struct pyformat_spec *spec,
    struct value v, struct pyformat_bounds *bounds);

#endif
