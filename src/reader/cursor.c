#include "reader/cursor.h"

/* Of each level, in its place. */
static const char letters[LEVEL_COUNT] = {'d', 'i', 'w', 'e'};

#define DIGITS_MAX 16 /* of 64 bits */

static void
print_hex(struct buf *out, uint64_t n)
{
	char digits[DIGITS_MAX], *at = digits + sizeof(digits);

	do
		*--at = "0123456789abcdef"[n % 16];
	while ((n /= 16) != 0);
	buf_append(out, at, (size_t)(digits + sizeof(digits) - at));
}

void
cursor_print(struct buf *out, const struct cursor *c)
{
	bool first = true;

	for (int level = LEVEL_COUNT - 1; level >= 0; level--) {
		const struct place *p = &c->at[level];

		if ((c->levels & LEVEL_BIT(level)) == 0)
			continue;
		if (!first)
			buf_putc(out, '-');
		first = false;
		buf_putc(out, letters[level]);
		print_hex(out, p->inode);
		if (p->inode == 0)
			continue;
		buf_putc(out, '.');
		print_hex(out, (uint64_t)p->born);
		buf_putc(out, '.');
		print_hex(out, p->offset);
	}
}

/* As print_hex() writes it: no zero goes before. */
static bool
parse_hex(const char **text, uint64_t *n)
{
	const char *p = *text;
	int digit;

	*n = 0;
	for (; p - *text <= DIGITS_MAX; p++) {
		if (*p >= '0' && *p <= '9')
			digit = *p - '0';
		else if (*p >= 'a' && *p <= 'f')
			digit = *p - 'a' + 10;
		else
			break;
		*n = *n * 16 + (uint64_t)digit;
	}
	if (p == *text || p - *text > DIGITS_MAX || (**text == '0' && p - *text > 1))
		return false;
	*text = p;
	return true;
}

static bool
parse_place(const char **text, struct place *at)
{
	uint64_t born;

	*at = (struct place){0};
	if (!parse_hex(text, &at->inode))
		return false;
	if (at->inode == 0)
		return true;
	if (*(*text)++ != '.' || !parse_hex(text, &born) || *(*text)++ != '.' ||
	    !parse_hex(text, &at->offset))
		return false;
	at->born = (int64_t)born;
	return true;
}

bool
cursor_parse(const char *text, struct cursor *c)
{
	int level = LEVEL_COUNT;

	*c = (struct cursor){0};
	for (;;) {
		/* From the highest down. */
		do {
			if (--level < 0)
				return false;
		} while (*text != letters[level]);
		text++;
		if (!parse_place(&text, &c->at[level]))
			return false;
		c->levels |= LEVEL_BIT(level);
		if (*text == '\0')
			return true;
		if (*text++ != '-')
			return false;
	}
}
