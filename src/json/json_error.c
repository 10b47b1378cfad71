#include "json/json_error.h"

#include "json/json.h"
#include "json/text.h"

#include <stdio.h>

void
json_verror(struct buf *out, const char *format, va_list ap)
{
	char words[512];
	struct buf text = BUF_INIT;

	vsnprintf(words, sizeof(words), format, ap);
	text_from_bytes(&text, words, strlen(words));
	buf_puts(out, JSON_ERROR_BEGIN);
	json_write_string(out, text.data, text.len, true);
	buf_putc(out, '}');
	buf_free(&text);
}
