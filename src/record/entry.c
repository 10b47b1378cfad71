#include "record/entry.h"

#include "json/text.h"

#include <stdint.h>

/*
 * Bytes that stand for themselves without a look at the character: not controls, and not the lead
 * bytes of what may be text_unsafe(): C0 (U+0000), C2 (C1 controls), E2 (separators, bidi), ED
 * (surrogates). A tab stays.
 */
static inline bool
is_plain(unsigned char c)
{
	return (c >= 0x20 && c != 0x7f && c != 0xc0 && c != 0xc2 && c != 0xe2 && c != 0xed) ||
	       c == '\t';
}

/*
 * Whether eight bytes are all printable ASCII: a byte that is not sets its top bit here. A word at
 * a time saves 4 % of the instructions from a real record to its entry, more of longer ones.
 */
static inline bool
is_plain_word(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return ((word | (word - TEXT_EACH(0x20)) | (word + TEXT_EACH(1))) & TEXT_EACH(0x80)) == 0;
}

/* Where the text from `at` on, up to end, has its first unsafe character. */
static const char *
safe_run(const char *at, const char *end)
{
	while (end - at >= 8 && is_plain_word(at))
		at += 8;
	while (at < end) {
		const char *next = at;

		if (is_plain((unsigned char)*at)) {
			at++;
			continue;
		}
		if (text_unsafe(text_next(&next, end)))
			break;
		at = next;
	}
	return at;
}

void
entry_begin(struct entry *e, struct buf *out)
{
	*e = (struct entry){.out = out, .start = out->len};
}

static void
write_escape(struct entry *e, uint32_t c)
{
	char text[TEXT_ESCAPE_MAX];
	size_t len = text_escape_unsafe(text, c, false);

	buf_append(e->out, text, len);
}

/* Writes what was held back, now that something follows it. */
static void
flush(struct entry *e)
{
	for (; e->newlines > 0; e->newlines--)
		buf_append(e->out, "\n\t", 2);
	if (e->carriage)
		write_escape(e, '\r');
	e->carriage = false;
}

static void
put_unsafe(struct entry *e, uint32_t c)
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
	else
		write_escape(e, c);
}

void
entry_text(struct entry *e, const char *text, size_t len)
{
	const char *at = text, *end;

	if (len == 0)
		return; /* text may be NULL */
	end = text + len;
	if (*at == '\t' && e->out->len == e->start && e->newlines == 0 && !e->carriage)
		write_escape(e, (uint32_t)*at++);
	while (at < end) {
		const char *run = at;

		at = safe_run(at, end);
		if (at > run) {
			if (e->newlines > 0 || e->carriage)
				flush(e);
			buf_append(e->out, run, (size_t)(at - run));
		}
		if (at < end)
			put_unsafe(e, text_next(&at, end));
	}
}

void
entry_break(struct entry *e)
{
	if (e->newlines == 0 || e->carriage)
		put_unsafe(e, '\n');
}

void
entry_end(struct entry *e)
{
	if (!e->carriage)
		e->newlines = 0;
	flush(e);
	buf_putc(e->out, '\n');
}
