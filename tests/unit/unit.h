/* What every unit test includes: cmocka and what its header needs before it. */
#ifndef PBU_UNIT_H
#define PBU_UNIT_H

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The buffer holds exactly this text. */
#define assert_buf_equal(b, text)                                                                  \
	do {                                                                                       \
		buf_putc(b, '\0');                                                                 \
		(b)->len--;                                                                        \
		assert_string_equal((b)->data, text);                                              \
		assert_int_equal((b)->len, strlen(text));                                          \
	} while (0)

#endif
