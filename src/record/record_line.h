/*
 * The line of LOG_FORMAT=json, as far as it is the record that was sent: made while that is
 * scanned, by copying. So a member that is to be written as it came needs no node of cJSON's, and
 * what it says need not be put into JSON again, which together were two thirds of the instructions
 * from a body to its line.
 *
 * What can't be copied leaves a hole: the message, which is made; what is null and had from another
 * logger's field; and every value that json_write() would write in other words than it came in. A
 * record with a name twice, or with one that has escapes or more than RECORD_LINE_MEMBERS, has no
 * such line: it is to be read as a whole (json_whole_record()).
 */
#ifndef PBU_RECORD_LINE_H
#define PBU_RECORD_LINE_H

#include "base/buf.h"
#include "record/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_LINE_MEMBERS 64

/* A name as it was sent, in the body. */
struct record_line_name {
	const char *text;
	size_t len;
};

struct record_line {
	struct record_wanted wanted;
	bool begun;
	bool whole;	    /* so far */
	record_fields sent; /* all of these that were */
	struct buf text;    /* `,"name":value` of each member that is as it was sent */
	size_t count;
	uint64_t bits; /* of the names, by a hash */
	struct record_line_name name[RECORD_LINE_MEMBERS];
	size_t holes;
	struct record_line_hole {
		size_t at; /* in the text */
		struct record_line_name name;
	} hole[RECORD_LINE_MEMBERS];
};

/* The budget is for the text's memory. To be freed. */
void record_line_init(struct record_line *l, struct budget *budget);
void record_line_free(struct record_line *l);

/* Before a record is decoded. */
void record_line_begin(struct record_line *l);

/* A scan_skip, whose context is a struct record_line. What it keeps is what record_read() needs by
 * l->wanted, and what is written into holes. */
bool record_line_skip(
    void *context, const char *name, size_t name_len, const struct value *v, bool plain);

/* Whether there is one, once the record is decoded. */
bool record_line_is_whole(const struct record_line *l);

#endif
