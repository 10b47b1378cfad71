/*
 * JSON in and out (RFC 8259, and what CPython's json adds: NaN, Infinity, lone surrogates).
 *
 * cJSON builds the tree of a record, and json.c alone knows it; scan.c reads every byte before it,
 * and alone decides what is JSON. doc/design.md ("cJSON") says what cJSON does that needs this.
 *
 * A body is read one record at a time, so that the memory of a batch is that of its largest record.
 * A limit on what JSON may hold belongs in scan.c, with its words; one on memory in the arena.
 */
#ifndef PBU_JSON_H
#define PBU_JSON_H

#include "base/buf.h"
#include "json/scan.h"
#include "json/value.h"

#include <stdint.h>

enum json_status {
	JSON_RECORD,	 /* a record was decoded */
	JSON_END,	 /* no more records; the body was well-formed to its last byte */
	JSON_SYNTAX,	 /* not JSON: see what and offset */
	JSON_NOT_RECORD, /* JSON, but not an object or an array of objects: see offset */
	JSON_TOO_LARGE,	 /* a record that takes more memory decoded than the limit */
	JSON_NO_MEMORY,
};

/* What one thread needs to decode; reused from body to body. */
struct json_decoder;

/* Sets cJSON's allocator up; once, before any thread decodes. */
void json_init(void);

/*
 * A decoder whose records may take memory_max bytes decoded, each, which count against the budget
 * (NULL: none). NULL when memory ran out. Owned by the caller, who frees it with
 * json_decoder_free(); for one thread at a time.
 */
struct json_decoder *json_decoder_new(size_t memory_max, struct budget *budget);
void json_decoder_free(struct json_decoder *d);

/* Leaves out of every record the members that skip says; scan.h says how it is asked. */
void json_decoder_skip(struct json_decoder *d, scan_skip *skip, void *context);

/* Begins a body of len bytes, which must stay where it is until json_end(). */
void json_begin(struct json_decoder *d, const char *body, size_t len);

/* The same of a body that holds a record a line (NDJSON): each ends in its line, and nothing else
 * is in it but white space. Lines without a record are passed over, and a body may hold none. */
void json_begin_lines(struct json_decoder *d, const char *body, size_t len);

/*
 * Decodes the next record into *record (an OBJECT), which is good until the next call. On
 * JSON_SYNTAX *what says in words what is wrong; then, and on JSON_NOT_RECORD, *offset says at
 * which byte, counted from 0.
 */
enum json_status json_next_record(
    struct json_decoder *d, struct value *record, const char **what, size_t *offset);

/*
 * Decodes one record that came otherwise than as JSON: *rewritten holds an object in the form that
 * scan.h describes, and is emptied. JSON_RECORD, JSON_TOO_LARGE or JSON_NO_MEMORY; the record is
 * good until json_end().
 */
enum json_status json_decode(struct json_decoder *d, struct buf *rewritten, struct value *record);

/*
 * Decodes the record once more, with the members that were left out, into *record; the first one's
 * memory is gone. Nothing happens where none was. JSON_RECORD, JSON_TOO_LARGE or JSON_NO_MEMORY.
 */
enum json_status json_whole_record(struct json_decoder *d, struct value *record);

/*
 * Whether the record was whole for all that was read of it since: JSON_RECORD, or JSON_TOO_LARGE
 * or JSON_NO_MEMORY when there was no memory to look up the members of a large object, which
 * seemed empty then.
 */
enum json_status json_record_status(const struct json_decoder *d);

/* Whether the body is an array of records, known after the first json_next_record(), or one of
 * lines. */
bool json_is_batch(const struct json_decoder *d);

/* Lets go of the body and gives memory beyond the usual back. */
void json_end(struct json_decoder *d);

/* The first member of an OBJECT as it was sent, duplicates included; only before json_first(). */
const struct json_node *json_as_sent(struct value object);

/* The first element or member of an ARRAY or OBJECT; NULL when it is empty. */
const struct json_node *json_first(struct value container);

/*
 * The one after it. Members come as in a Python dict: one of each name, in the place of the
 * first of that name and with the value of the last. Large objects take some memory here: see
 * json_record_status().
 */
const struct json_node *json_next(const struct json_node *node);

/* The value of an element or a member. */
struct value json_value(const struct json_node *node);

/* A member's name, as a STRING; in an object that came as a Python dict, a LITERAL where the key is
 * no string. */
struct value json_name(const struct json_node *node);

/* The member of an OBJECT with that name (len bytes of text), the last if there are several;
 * its type is VALUE_ABSENT when there is none. */
struct value json_member(struct value object, const char *name, size_t len);

/*
 * Appends a value as JSON without spaces; a LITERAL is a string. False: a number had to become one.
 * Strict: what JSON can not say
 * (NaN, Infinity) becomes a string, and what is text_unsafe() is escaped, so that the output is RFC
 * 8259 in valid UTF-8 and safe for a terminal. Otherwise it is text as CPython's json.dumps(v,
 * ensure_ascii=False, separators=(",", ":")) gives it, numbers as they were sent.
 */
bool json_write(struct buf *out, struct value v, bool strict);

/* Appends a string in quotes with its escapes, as json_write() does. */
void json_write_string(struct buf *out, const char *text, size_t len, bool strict);
/* Appends a part of one, without the quotes. */
void json_write_characters(struct buf *out, const char *text, size_t len, bool strict);

#endif
