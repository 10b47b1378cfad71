#include "record/entry_parse_parts.h"

/* So far back a time may begin whose length is not known. */
#define TIME_MAX 128

/* --- fields --- */

/* The end of the first n characters, or NULL: there are not so many. */
static const char *
skip_characters(const char *at, const char *end, size_t n)
{
	for (; n > 0; n--) {
		if (at == end)
			return NULL;
		at++;
		while (at < end && ((unsigned char)*at & 0xc0) == 0x80)
			at++;
	}
	return at;
}

/* The start of the last n characters, likewise. */
static const char *
skip_characters_back(const char *start, const char *at, size_t n)
{
	for (; n > 0; n--) {
		if (at == start)
			return NULL;
		at--;
		while (at > start && ((unsigned char)*at & 0xc0) == 0x80)
			at--;
	}
	return at;
}

static void
strip(const struct entry_part *part, const char **at, const char **end)
{
	if (part->width == 0)
		return;
	while (part->left && *end > *at && (*end)[-1] == ' ')
		--*end;
	while (!part->left && *at < *end && **at == ' ')
		++*at;
}

static bool
read_number(const char *at, const char *end, struct entry_number *n)
{
	return entry_parse_number(at, end, n) == end;
}

/* Takes note of a field's text. Of several fields of a kind the first counts. */
static void
take(struct entry_found *f, const struct entry_part *part, const char *at, const char *end)
{
	struct entry_span *span = NULL;
	struct entry_number n;

	strip(part, &at, &end);
	switch (part->kind) {
	case PART_LEVEL: span = &f->level; break;
	case PART_LOGGER: span = &f->logger; break;
	case PART_MESSAGE: span = &f->message; break;
	case PART_CREATED:
		if (!f->has_created)
			f->has_created = read_number(at, end, &f->created);
		break;
	case PART_MSECS:
		if (!f->has_msecs)
			f->has_msecs = read_number(at, end, &f->msecs);
		break;
	case PART_LEVELNO:
		if (!f->has_levelno && read_number(at, end, &n)) {
			f->has_levelno = true;
			f->levelno = n.whole;
		}
		break;
	case PART_RECEIVED:
		if (!f->has_received)
			f->has_received = entry_time_utc(at, (size_t)(end - at), &f->received);
		break;
	default: break;
	}
	if (span != NULL && span->data == NULL)
		*span = (struct entry_span){at, (size_t)(end - at)};
}

/* Reads asctime with its padding; where it ends, or NULL. */
static const char *
read_time(const struct entry_parser *p, struct entry_parse *t, const struct entry_part *part,
    const char *at, const char *end, struct entry_found *f)
{
	const char *start = at;
	bool fraction;
	int64_t ms;

	while (part->width > 0 && !part->left && at < end && *at == ' ' &&
	       (size_t)(at - start) < part->width)
		at++;
	at = entry_time_read(&p->time, t, at, end, part->most, &ms, &fraction);
	if (at == NULL)
		return NULL;
	while (part->left && at < end && *at == ' ' && (size_t)(at - start) < part->width)
		at++;
	if (!f->has_time) {
		f->has_time = true;
		f->time = ms;
		f->has_fraction = fraction;
	}
	return at;
}

/* Names of levels, for a field that has nothing after it by which its end could be told. */
static const char *
skip_level(const struct entry_part *part, const char *at, const char *end)
{
	static const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};
	const char *start = at;

	while (!part->left && at < end && *at == ' ' && (size_t)(at - start) < part->width)
		at++;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);

		len = len < part->most ? len : part->most;
		if ((size_t)(end - at) < len || memcmp(at, names[i], len) != 0)
			continue;
		at += len;
		while (part->left && at < end && *at == ' ' && (size_t)(at - start) < part->width)
			at++;
		return at;
	}
	return NULL;
}

/* The end of a field that another field follows, or NULL: it can't be told. */
static const char *
skip_field(const struct entry_part *part, const char *at, const char *end)
{
	struct entry_number n;

	if (part->most != SIZE_MAX && part->most == part->width)
		return skip_characters(at, end, part->width);
	if (part->kind == PART_LEVEL && part->most > 0)
		return skip_level(part, at, end);
	if (part->kind == PART_RECEIVED && part->width == 0 && part->most == SIZE_MAX)
		return end - at < 24 ? NULL : at + 24;
	if (!part->number || (part->width > 0 && part->left))
		return NULL;
	while (at < end && *at == ' ')
		at++;
	return entry_parse_number(at, end, &n);
}

/* The start of a field that ends at `end` and has no literal before it, or NULL. */
static const char *
skip_field_back(const struct entry_part *part, const char *start, const char *end)
{
	const char *at = end;

	if (part->most != SIZE_MAX && part->most == part->width)
		return skip_characters_back(start, end, part->width);
	if (!part->number || part->width > 0)
		return NULL;
	while (at > start && ((at[-1] >= '0' && at[-1] <= '9') || at[-1] == '.'))
		at--;
	return at < end ? at : NULL;
}

/* --- an entry from its start --- */

static const char *
find_literal(
    const struct entry_parser *p, const struct entry_part *literal, const char *at, const char *end)
{
	const char *text = p->text.data + literal->at;

	return literal->len == 1 ? memchr(at, *text, (size_t)(end - at))
				 : memmem(at, (size_t)(end - at), text, literal->len);
}

enum match {
	FITS,
	FITS_NOT,
	UNCLEAR /* so far it fits; where the next part begins can't be told */
};

/* The part i at *at, which is moved to its end. */
static enum match
match_part(const struct entry_parser *p, struct entry_parse *t, size_t i, const char **at,
    const char *end, struct entry_found *f)
{
	const struct entry_part *part = &p->part[i], *next = i + 1 < p->parts ? part + 1 : NULL;
	const char *start = *at, *stop;

	if (part->kind == PART_LITERAL) {
		if ((size_t)(end - start) < part->len || !entry_part_is(p, part, start))
			return FITS_NOT;
		*at += part->len;
		return FITS;
	}
	if (part->kind == PART_TIME) {
		*at = read_time(p, t, part, start, end, f);
		return *at != NULL ? FITS : FITS_NOT;
	}
	if (next == NULL) {
		stop = end;
	} else if (next->kind == PART_LITERAL) {
		/* The padding may look like the literal. */
		stop = skip_characters(start, end, part->width);
		if (stop != NULL)
			stop = find_literal(p, next, stop, end);
		if (stop == NULL)
			return FITS_NOT;
	} else {
		stop = skip_field(part, start, end);
		if (stop == NULL)
			return UNCLEAR;
	}
	take(f, part, start, stop);
	*at = stop;
	return FITS;
}

/* --- what follows the message, from the end --- */

/* The last of a literal's occurrences that ends at `end` at most, or NULL. */
static const char *
find_literal_back(const struct entry_parser *p, const struct entry_part *literal, const char *start,
    const char *end)
{
	const char *text = p->text.data + literal->at, *at = end;

	if ((size_t)(end - start) < literal->len)
		return NULL;
	at = end - literal->len + 1;
	while ((at = memrchr(start, *text, (size_t)(at - start))) != NULL) {
		if (entry_part_is(p, literal, at))
			return at;
	}
	return NULL;
}

/* Where a time begins that ends at `end`, or NULL; before it is a literal, or nothing to tell. */
static const char *
find_time_back(const struct entry_parser *p, struct entry_parse *t, const struct entry_part *part,
    const struct entry_part *literal, const char *start, const char *end, struct entry_found *f)
{
	const char *at = end, *earliest = end - start > TIME_MAX ? end - TIME_MAX : start;
	size_t fixed = p->time.fixed + (p->time.python ? 4 : 0);

	if (literal == NULL) {
		if (p->time.fixed == 0 || (size_t)(end - start) < fixed)
			return NULL;
		at = end - fixed;
		return read_time(p, t, part, at, end, f) == end ? at : NULL;
	}
	while ((at = find_literal_back(p, literal, earliest, at)) != NULL) {
		struct entry_found here = *f;
		const char *from = at + literal->len;

		if (read_time(p, t, part, from, end, &here) == end) {
			*f = here;
			return from;
		}
		at += literal->len - 1; /* the next ends before */
	}
	return NULL;
}

/* The part i, which ends at *end; that is moved to its start. */
static enum match
match_part_back(const struct entry_parser *p, struct entry_parse *t, size_t i, const char *start,
    const char **end, struct entry_found *f)
{
	const struct entry_part *part = &p->part[i], *before = part - 1;
	const char *at, *stop = *end;

	if (part->kind == PART_LITERAL) {
		if ((size_t)(stop - start) < part->len || !entry_part_is(p, part, stop - part->len))
			return FITS_NOT;
		*end -= part->len;
		return FITS;
	}
	if (before->kind != PART_LITERAL)
		before = NULL;
	if (part->kind == PART_TIME) {
		at = find_time_back(p, t, part, before, start, stop, f);
		if (at == NULL)
			return before != NULL || p->time.fixed > 0 ? FITS_NOT : UNCLEAR;
		*end = at;
		return FITS;
	}
	if (before == NULL) {
		at = skip_field_back(part, start, stop);
		if (at == NULL)
			return UNCLEAR;
	} else {
		at = skip_characters_back(start, stop, part->width);
		if (at != NULL)
			at = find_literal_back(p, before, start, at);
		if (at == NULL)
			return FITS_NOT;
		at += before->len;
	}
	take(f, part, at, stop);
	*end = at;
	return FITS;
}

/* The message, from `at` on, and the parts after it. */
static enum match
match_rest(const struct entry_parser *p, struct entry_parse *t, const char *at, const char *end,
    bool more_lines, struct entry_found *f)
{
	struct entry_found with = *f;
	const char *stop = end;
	enum match match = FITS;

	for (size_t i = p->parts; match == FITS && --i > p->message;)
		match = match_part_back(p, t, i, at, &stop, &with);
	if (match == FITS_NOT) {
		/* What follows a message of several lines is not on the first. */
		if (!more_lines || p->message == 0)
			return FITS_NOT;
		stop = end;
	} else {
		*f = with;
	}
	take(f, &p->part[p->message], at, stop);
	return FITS;
}

/* The end of the lines that the format is about. */
static const char *
head_end(const struct entry_parser *p, const char *at, const char *end)
{
	for (size_t line = 0;; line++) {
		const char *newline = at == end ? NULL : memchr(at, '\n', (size_t)(end - at));

		if (newline == NULL)
			return end;
		if (line == p->lines)
			return newline;
		at = newline + 1;
	}
}

bool
entry_match(const struct entry_parser *p, struct entry_parse *t, const char *entry, size_t len,
    struct entry_found *f)
{
	const char *at = entry, *end = head_end(p, entry, entry + len);

	for (size_t i = 0; i < p->parts; i++) {
		enum match match = i == p->message ? match_rest(p, t, at, end, end < entry + len, f)
						   : match_part(p, t, i, &at, end, f);

		if (match != FITS || i == p->message)
			return match != FITS_NOT;
	}
	return at == end;
}
