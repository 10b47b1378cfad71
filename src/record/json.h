/*
 * JSON in and out (RFC 8259, and what CPython's json adds: NaN, Infinity, lone surrogates).
 * The only user of cJSON.
 *
 * A body is read one record at a time, so that the memory of a batch is that of its largest
 * record. A strict pass comes before cJSON: it refuses what RFC 8259 and Python refuse, and
 * rewrites what cJSON would lose (the text of numbers, U+0000, lone surrogates).
 */
#ifndef PBU_JSON_H
#define PBU_JSON_H

#include "buf.h"
#include "record/json_pass.h"
#include "record/value.h"

#include <stdint.h>

/* Containers inside containers, as deep as cJSON goes. */
#define JSON_DEPTH_MAX 1000

enum json_status {
	JSON_RECORD,	 /* a record was decoded */
	JSON_END,	 /* no more records; the body was well-formed to its last byte */
	JSON_SYNTAX,	 /* not JSON: see what and offset */
	JSON_NOT_RECORD, /* JSON, but not an object or an array of objects: see what and offset */
	JSON_TOO_LARGE,	 /* a record that takes more memory decoded than the limit */
	JSON_NO_MEMORY,
};

/* What one thread needs to decode; reused from body to body. */
struct json_decoder;

/* Sets cJSON's allocator up; once, before any thread decodes. */
void json_init(void);

/*
 * A decoder whose records may take memory_max bytes decoded, each. NULL when memory ran out.
 * Owned by the caller, who frees it with json_decoder_free(); for one thread at a time.
 */
struct json_decoder *json_decoder_new(size_t memory_max);
void json_decoder_free(struct json_decoder *d);

/* Leaves out of every record the members that skip says; json_pass.h says how it is asked. */
void json_decoder_skip(struct json_decoder *d, json_skip *skip, void *context);

/* Begins a body of len bytes, which must stay where it is until json_end(). */
void json_begin(struct json_decoder *d, const char *body, size_t len);

/*
 * Decodes the next record into *record (an OBJECT), which is good until the next call. On
 * JSON_SYNTAX and JSON_NOT_RECORD *what says in words what is wrong and *offset at which byte,
 * counted from 0.
 */
enum json_status json_next_record(
    struct json_decoder *d, struct value *record, const char **what, size_t *offset);

/* Whether the body is an array of records, known after the first json_next_record(). */
bool json_is_batch(const struct json_decoder *d);

/* Lets go of the body and gives memory beyond the usual back. */
void json_end(struct json_decoder *d);

/* The first member of an OBJECT as it was sent, duplicates included; only before json_first(). */
const struct json_node *json_as_sent(struct value object);

/* The first element or member of an ARRAY or OBJECT; NULL when it is empty. */
const struct json_node *json_first(struct value container);

/*
 * The one after it. Members come as in a Python dict: one of each name, in the place of the
 * first of that name and with the value of the last. (First and next allocate nothing unless an
 * object holds many members; when memory runs out then, duplicates are left standing.)
 */
const struct json_node *json_next(const struct json_node *node);

/* The value of an element or a member. */
struct value json_value(const struct json_node *node);

/* A member's name and value at once; returns the member after it, as json_next() does. */
const struct json_node *json_read_member(
    const struct json_node *node, struct value *name, struct value *v);

/* A member's name, as a STRING. */
struct value json_name(const struct json_node *node);

/* The member of an OBJECT with that name (len bytes of text), the last if there are several;
 * its type is VALUE_ABSENT when there is none. */
struct value json_member(struct value object, const char *name, size_t len);

/*
 * Appends a value as JSON without spaces. Strict: what JSON can not say (NaN, Infinity) becomes
 * a string, and DEL, C1 controls and lone surrogates are escaped, so that the output is RFC 8259
 * in valid UTF-8 and safe for a terminal. Otherwise it is text as CPython's json.dumps(v,
 * ensure_ascii=False, separators=(",", ":")) gives it, numbers as they were sent.
 */
void json_write(struct buf *out, struct value v, bool strict);

/* Appends a string in quotes with its escapes, as json_write() does. */
void json_write_string(struct buf *out, const char *text, size_t len, bool strict);

#endif
