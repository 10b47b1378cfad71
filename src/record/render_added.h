/*
 * What the line of LOG_FORMAT=json says otherwise than the record that was sent, beside its
 * remote_addr and received. Whoever makes an entry of another LOG_FORMAT from the line has to know,
 * so that it is the one that the record itself would have made.
 */
#ifndef PBU_RENDER_ADDED_H
#define PBU_RENDER_ADDED_H

#include "record/record.h"

#include <stdbool.h>
#include <stddef.h>

struct render_added {
	record_fields fields; /* members that were not sent, or sent as null: of name, levelname,
			       * created and message */
	bool strings;	      /* numbers that JSON has not (NaN) are strings */
};

/* In words, a comma between them ("message,created,nan"), without a NUL at the end; how many bytes,
 * 0: it is all as it was sent. */
#define RENDER_ADDED_SIZE 64
size_t render_added_put(const struct render_added *added, char text[RENDER_ADDED_SIZE]);

/* Reads it; words that are not known count for nothing. */
struct render_added render_added_parse(const char *text, size_t len);

#endif
