#include "json/scan.h"
#include "json/text.h"

/* Escaped is what strict JSON wants to be; a zero byte can't be among it (value.h). */
void
scan_put_characters(struct buf *out, const char *text, size_t len)
{
	const char *end = text + len, *run = text;
	char escape[TEXT_ESCAPE_MAX];

	for (const char *at = text; at < end; at++) {
		if ((unsigned char)*at >= 0x20 && *at != '"' && *at != '\\')
			continue;
		buf_append(out, run, (size_t)(at - run));
		buf_append(out, escape, text_escape(escape, 'u', (unsigned char)*at));
		run = at + 1;
	}
	buf_append(out, run, (size_t)(end - run));
}

void
scan_put_string(struct buf *out, const char *text, size_t len)
{
	buf_putc(out, '"');
	scan_put_characters(out, text, len);
	buf_putc(out, '"');
}

void
scan_put_literal(struct buf *out, const char *text, size_t len)
{
	static const char opening[] = {'"', SCAN_LITERAL};

	buf_append(out, opening, sizeof(opening));
	scan_put_characters(out, text, len);
	buf_putc(out, '"');
}
