/*
 * For test_literals.py: reads texts, each after its length in a line, as the args of a record, and
 * answers each with "-" where they are no literal, else with how many values they are and, of each
 * value, what str(), repr() and ascii() give: a length in a line, and the text.
 */
#include "python/pyliteral.h"
#include "python/pyvalue.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMORY_MAX (64 * 1024 * 1024)

static void
answer_value(struct value v)
{
	for (const char *conversion = "sra"; *conversion != '\0'; conversion++) {
		struct buf text = BUF_INIT;

		pyvalue_bounded(&text, v, *conversion, SIZE_MAX);
		printf("%zu\n", text.len);
		fwrite(text.data, 1, text.len, stdout);
		buf_free(&text);
	}
}

static void
answer(struct json_decoder *decoder, const char *text, size_t len)
{
	struct buf record = BUF_INIT;
	struct value v;
	size_t count = 0;

	buf_puts(&record, "{\"args\":");
	if (!pyliteral_args(&record, text, len)) {
		puts("-");
		buf_free(&record);
		return;
	}
	buf_putc(&record, '}');
	if (json_decode(decoder, &record, &v) != JSON_RECORD)
		abort();
	v = json_member(v, "args", 4);
	if (v.type == VALUE_ARRAY) {
		for (const struct json_node *n = json_first(v); n != NULL; n = json_next(n))
			count++;
		printf("%zu\n", count);
		for (const struct json_node *n = json_first(v); n != NULL; n = json_next(n))
			answer_value(json_value(n));
	} else {
		puts("1");
		answer_value(v);
	}
	json_end(decoder);
	buf_free(&record);
}

int
main(void)
{
	struct json_decoder *decoder;
	size_t len;

	json_init();
	decoder = json_decoder_new(MEMORY_MAX, NULL);
	while (decoder != NULL && scanf("%zu", &len) == 1 && getchar() == '\n') {
		/* As long as it is, so that a sanitizer sees what is read after it. */
		char *text = malloc(len > 0 ? len : 1);

		if (text == NULL || fread(text, 1, len, stdin) != len)
			return 1;
		answer(decoder, text, len);
		free(text);
	}
	json_decoder_free(decoder);
	return 0;
}
