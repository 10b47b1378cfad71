/* What json_decoder.c, which finds the records of a body, has of json.c, which has their trees. */
#ifndef PBU_JSON_INSIDE_H
#define PBU_JSON_INSIDE_H

#include "json/arena.h"
#include "json/json.h"

/*
 * The tree of one value in the form that scan.h describes: `size` bytes of text with its NUL. NULL:
 * there was no memory for it. It lives in the arena, which the calling thread's walks through it
 * take from as well, until json_parse_end().
 */
const struct json_node *json_parse(struct arena *arena, const char *text, size_t size);
void json_parse_end(void);

#endif
