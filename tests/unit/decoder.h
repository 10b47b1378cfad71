/* A JSON decoder for the tests of a program, and the fixture that makes and frees it. */
#ifndef PBU_TEST_DECODER_H
#define PBU_TEST_DECODER_H

#include "json/json.h"

#define DECODER_MEMORY (64 * 1024 * 1024)

static struct json_decoder *decoder;

static int
decoder_set_up(void **state)
{
	(void)state;
	json_init();
	decoder = json_decoder_new(DECODER_MEMORY, NULL);
	return decoder == NULL;
}

static int
decoder_tear_down(void **state)
{
	(void)state;
	json_decoder_free(decoder);
	return 0;
}

/* Begins a body, and decodes its first record. */
static inline enum json_status
decoder_first(const char *body, size_t len, struct value *record, const char **what, size_t *offset)
{
	json_begin(decoder, body, len);
	return json_next_record(decoder, record, what, offset);
}

#endif
