#include "record/entry.h"

#include "record/text.h"

#include <stdint.h>

/*
 * Lead bytes that may need a closer look: control characters, C0 80 (U+0000), C2 (U+0080 to
 * U+009F are C1 controls), ED (surrogates). A tab stays.
 */
static inline bool
is_plain(unsigned char c)
{
	return (c >= 0x20 && c != 0x7f && c != 0xc0 && c != 0xc2 && c != 0xed) || c == '\t';
}

void
entry_begin(struct entry *e, struct buf *out)
{
	*e = (struct entry){.out = out};
}

static void
write_hex(struct entry *e, char letter, uint32_t c, int digits)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = {'\\', letter};
	int n = 2;

	for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4)
		text[n++] = hex[c >> shift & 15];
	buf_append(e->out, text, (size_t)n);
}

/* Writes what was held back, now that something follows it. */
static void
flush(struct entry *e)
{
	for (; e->newlines > 0; e->newlines--)
		buf_append(e->out, "\n\t", 2);
	if (e->carriage)
		write_hex(e, 'x', '\r', 2);
	e->carriage = false;
}

static void
put_special(struct entry *e, uint32_t c, const char *bytes, size_t n)
{
	if (c == '\n') {
		e->carriage = false;
		e->newlines++;
		return;
	}
	if (c == '\r' && !e->carriage) {
		e->carriage = true; /* until the next character tells what it is */
		return;
	}
	flush(e);
	if (c == '\r')
		e->carriage = true;
	else if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
		write_hex(e, 'x', c, 2);
	else if (c >= 0xd800 && c <= 0xdfff)
		write_hex(e, 'u', c, 4);
	else
		buf_append(e->out, bytes, n);
}

void
entry_text(struct entry *e, const char *text, size_t len)
{
	const char *at = text, *end;

	if (len == 0)
		return; /* text may be NULL */
	end = text + len;
	while (at < end) {
		const char *run = at;

		while (at < end && is_plain((unsigned char)*at))
			at++;
		if (at > run) {
			if (e->newlines > 0 || e->carriage)
				flush(e);
			buf_append(e->out, run, (size_t)(at - run));
		}
		if (at < end) {
			const char *special = at;
			uint32_t c = text_next(&at, end);

			put_special(e, c, special, (size_t)(at - special));
		}
	}
}

void
entry_break(struct entry *e)
{
	if (e->newlines == 0 || e->carriage)
		put_special(e, '\n', NULL, 0);
}

void
entry_end(struct entry *e)
{
	if (!e->carriage)
		e->newlines = 0;
	flush(e);
	buf_putc(e->out, '\n');
}
