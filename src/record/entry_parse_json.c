#include "record/entry_parse_json.h"

#include "record/entry_parse_number.h"
#include "record/entry_parse_time.h"
#include "json/text.h"

/* A value as it stands in the entry; of a string, what is between its quotes. */
struct raw {
	const char *data;
	size_t len;
	bool string, escaped;
};

/* The members that are wanted. */
struct members {
	struct raw level, levelno, logger, message, created, received;
};

static const char *
skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/* From after a quote to after the one that ends the string, or NULL. */
static const char *
skip_string(const char *at, const char *end, struct raw *string)
{
	*string = (struct raw){.data = at, .string = true};
	for (;;) {
		const char *quote = memchr(at, '"', (size_t)(end - at)), *before = quote;

		if (quote == NULL)
			return NULL;
		while (before > at && before[-1] == '\\')
			before--;
		at = quote + 1;
		/* After an even number of backslashes it is no part of the string. */
		if ((quote - before) % 2 == 0) {
			string->len = (size_t)(quote - string->data);
			return at;
		}
	}
}

/* From after the bracket that opens an array or object to after the one that closes it, or NULL. */
static const char *
skip_nested(const char *at, const char *end)
{
	struct raw string;
	size_t depth = 1;

	while (at != NULL && at < end) {
		switch (*at++) {
		case '"': at = skip_string(at, end, &string); break;
		case '[':
		case '{': depth++; break;
		case ']':
		case '}':
			if (--depth == 0)
				return at;
			break;
		default: break;
		}
	}
	return NULL;
}

static const char *
skip_value(const char *at, const char *end, struct raw *value)
{
	*value = (struct raw){.data = at};
	if (at == end)
		return NULL;
	if (*at == '"')
		return skip_string(at + 1, end, value);
	if (*at == '{' || *at == '[') {
		at = skip_nested(at + 1, end);
	} else {
		while (at < end && strchr(",}] \t\r\n", *at) == NULL)
			at++;
	}
	value->len = at == NULL ? 0 : (size_t)(at - value->data);
	return value->len > 0 ? at : NULL;
}

/* A null counts as not sent, as in record.h. */
static void
take(struct members *m, const struct raw *name, const struct raw *value)
{
	static const struct {
		const char *name;
		size_t len, at;
	} wanted[] = {
#define MEMBER(name, member) {name, sizeof(name) - 1, offsetof(struct members, member)}
	    MEMBER("levelname", level),
	    MEMBER("levelno", levelno),
	    MEMBER("name", logger),
	    MEMBER("message", message),
	    MEMBER("created", created),
	    MEMBER("received", received),
#undef MEMBER
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct raw *r = (struct raw *)(void *)((char *)m + wanted[i].at);

		if (name->len != wanted[i].len ||
		    memcmp(name->data, wanted[i].name, name->len) != 0)
			continue;
		*r = *value;
		if (!value->string && value->len == 4 && memcmp(value->data, "null", 4) == 0)
			*r = (struct raw){0};
		return;
	}
}

/* Goes through the members of the object that the entry is; false: it is none. */
static bool
find_members(const char *at, const char *end, struct members *m)
{
	struct raw name, value;

	at = skip_space(at, end);
	if (at == end || *at++ != '{')
		return false;
	at = skip_space(at, end);
	if (at < end && *at == '}')
		return skip_space(at + 1, end) == end;
	while (at < end && *at == '"') {
		at = skip_string(at + 1, end, &name);
		at = at == NULL ? end : skip_space(at, end);
		if (at == end || *at != ':')
			return false;
		at = skip_value(skip_space(at + 1, end), end, &value);
		at = at == NULL ? end : skip_space(at, end);
		if (at == end)
			return false;
		take(m, &name, &value);
		if (*at == '}')
			return skip_space(at + 1, end) == end;
		if (*at != ',')
			return false;
		at = skip_space(at + 1, end);
	}
	return false;
}

/* --- values --- */

static int
hex4(const char *at, const char *end)
{
	int n = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = at[i], letter = (char)(c | 0x20);

		if (c >= '0' && c <= '9')
			n = n * 16 + (c - '0');
		else if (letter >= 'a' && letter <= 'f')
			n = n * 16 + (letter - 'a' + 10);
		else
			return -1;
	}
	return n;
}

/* After \u: puts the character, that may be two escapes long. */
static const char *
decode_unicode(struct buf *out, const char *at, const char *end)
{
	int c = hex4(at, end), low;
	char text[4];

	if (c < 0) {
		buf_puts(out, "\\u");
		return at;
	}
	at += 4;
	if (c >= 0xd800 && c < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
		low = hex4(at + 2, end);
		if (low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			at += 6;
		}
	}
	if (c == 0)
		buf_putc(out, '\0');
	else
		buf_append(
		    out, text, text_encode(text, c >= 0xd800 && c < 0xe000 ? 0xfffd : (uint32_t)c));
	return at;
}

static void
decode(struct buf *out, const struct raw *r)
{
	static const char letters[] = "bfnrt\"\\/", bytes[] = "\b\f\n\r\t\"\\/";
	const char *at = r->data, *end = at + r->len;

	while (at < end) {
		const char *escape = memchr(at, '\\', (size_t)(end - at)), *letter;

		if (escape == NULL || escape + 1 == end)
			break;
		buf_append(out, at, (size_t)(escape - at));
		at = escape + 2;
		letter = escape[1] == '\0' ? NULL : strchr(letters, escape[1]);
		if (letter != NULL)
			buf_putc(out, bytes[letter - letters]);
		else if (escape[1] == 'u')
			at = decode_unicode(out, at, end);
		else
			buf_append(out, escape, 2);
	}
	buf_append(out, at, (size_t)(end - at));
}

/* How much a value needs of the scratch buffer: an escape is never shorter than its character. */
static size_t
room_for(struct raw *r)
{
	r->escaped = r->string && r->len > 0 && memchr(r->data, '\\', r->len) != NULL;
	return r->escaped ? r->len : 0;
}

static struct entry_span
text_of(struct entry_parse *t, const struct raw *r)
{
	size_t start = t->scratch.len;

	if (!r->escaped)
		return (struct entry_span){r->data, r->len};
	decode(&t->scratch, r);
	return (struct entry_span){t->scratch.data + start, t->scratch.len - start};
}

static void
find_time(const struct members *m, struct entry_fields *fields)
{
	struct entry_number n;

	if (m->created.data != NULL && !m->created.string &&
	    entry_parse_number(m->created.data, m->created.data + m->created.len, &n) != NULL) {
		fields->timed = true;
		fields->ms = n.ms;
	} else if (m->received.string) {
		fields->timed = entry_time_utc(m->received.data, m->received.len, &fields->ms);
	}
}

void
entry_parse_json(struct entry_parse *t, const char *entry, size_t len, bool time_only,
    struct entry_fields *fields)
{
	struct members m = {.level = {.data = NULL}};
	struct entry_number n;

	fields->fits = find_members(entry, entry + len, &m);
	if (!fields->fits)
		return;
	find_time(&m, fields);
	if (time_only)
		return;
	/* At once, so that no text moves when the next is added. */
	if (!buf_reserve(&t->scratch,
		room_for(&m.level) + room_for(&m.logger) + room_for(&m.message) + ENTRY_LEVEL_MAX))
		return;
	fields->level = text_of(t, &m.level);
	fields->logger = text_of(t, &m.logger);
	fields->message = text_of(t, &m.message);
	if (m.level.data == NULL && m.levelno.data != NULL && !m.levelno.string &&
	    entry_parse_number(m.levelno.data, m.levelno.data + m.levelno.len, &n) != NULL)
		fields->level = entry_level(t, n.whole);
}
