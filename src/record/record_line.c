#include "record/record_line.h"

#include "record/record_foreign.h"

#include <string.h>

/* Memory that is kept between records. */
#define KEEP_BYTES (64 * 1024)

/* What a line is made of beside what is copied: the message, the level, and what may stand for a
 * name, a level's or a time. */
#define MADE                                                                                       \
	(RECORD_BIT(FIELD_MSG) | RECORD_BIT(FIELD_ARGS) | RECORD_BIT(FIELD_MESSAGE) |              \
	    RECORD_BIT(FIELD_NAME) | RECORD_BIT(FIELD_LEVELNAME) | RECORD_BIT(FIELD_LEVELNO) |     \
	    RECORD_BIT(FIELD_CREATED))

/* These are looked at in a record that is no LogRecord, whatever is wanted of it. */
#define ELSEWHERE                                                                                  \
	(RECORD_BIT(FIELD_LEVEL) | RECORD_BIT(FIELD_SEVERITY) | RECORD_BIT(FIELD_EVENT) |          \
	    RECORD_BIT(FIELD_TIMESTAMP) | RECORD_BIT(FIELD_AT_TIMESTAMP) |                         \
	    RECORD_BIT(FIELD_TIME) | RECORD_BIT(FIELD_ASCTIME) | RECORD_BIT(FIELD_EXTRA) |         \
	    RECORD_BIT(FIELD_LOG) | RECORD_BIT(FIELD_RECORD) | RECORD_BIT(FIELD_TEXT))

/* What the server writes itself, whatever was sent. */
#define OURS (RECORD_BIT(FIELD_REMOTE_ADDR) | RECORD_BIT(FIELD_RECEIVED))

/* What is written otherwise where it is null. */
#define NULLABLE (RECORD_BIT(FIELD_NAME) | RECORD_BIT(FIELD_LEVELNAME) | RECORD_BIT(FIELD_CREATED))

void
record_line_init(struct record_line *l, struct budget *budget)
{
	memset(l, 0, sizeof(*l));
	l->text.budget = budget;
	l->wanted.typed = RECORD_ALWAYS_TYPED;
	l->wanted.fields = MADE | ELSEWHERE | RECORD_ALWAYS_TYPED;
	l->wanted.fields |= record_foreign_sources(MADE);
}

void
record_line_free(struct record_line *l)
{
	buf_free(&l->text);
}

void
record_line_begin(struct record_line *l)
{
	buf_clear(&l->text, KEEP_BYTES);
	l->begun = false;
	l->whole = true;
	l->sent = 0;
	l->count = l->holes = 0;
	l->bits = 0;
}

/* (DEL is written otherwise than it may come, and does not show before.) */
bool
record_line_is_whole(const struct record_line *l)
{
	return l->begun && l->whole && !l->text.failed &&
	       (l->text.len == 0 || memchr(l->text.data, 0x7f, l->text.len) == NULL);
}

/* One of 64 bits, by what tells names apart cheaply. */
static uint64_t
bit_of(const char *name, size_t len)
{
	size_t hash = len;

	if (len > 0)
		hash += 7U * (unsigned char)name[0] + 29U * (unsigned char)name[len / 2] +
			53U * (unsigned char)name[len - 1];
	return (uint64_t)1 << (hash % 64);
}

/* False: it came before, or there is no room for it. */
static bool
note_name(struct record_line *l, const char *name, size_t len)
{
	uint64_t bit = bit_of(name, len);

	for (size_t i = 0; (l->bits & bit) != 0 && i < l->count; i++) {
		if (l->name[i].len == len && memcmp(l->name[i].text, name, len) == 0)
			return false;
	}
	if (l->count == RECORD_LINE_MEMBERS)
		return false;
	l->bits |= bit;
	l->name[l->count++] = (struct record_line_name){name, len};
	return true;
}

/* A member as it came, without white space. False: there is no memory for it. */
static bool
copy(struct record_line *l, const char *name, size_t len, const struct value *v)
{
	struct buf *b = &l->text;
	size_t quotes = v->type == VALUE_STRING ? 1 : 0, need = len + v->len + 6;
	char *at;

	if (b->cap - b->len < need && !buf_reserve(b, need))
		return false;
	at = b->data + b->len;
	*at++ = ',';
	*at++ = '"';
	memcpy(at, name, len);
	at += len;
	*at++ = '"';
	*at++ = ':';
	memcpy(at, v->text - quotes, v->len + 2 * quotes);
	at += v->len + 2 * quotes;
	b->len = (size_t)(at - b->data);
	return true;
}

bool
record_line_skip(
    void *context, const char *name, size_t name_len, const struct value *v, bool plain)
{
	struct record_line *l = context;
	int f = record_field(name, name_len);
	record_fields field = f < 0 ? 0 : RECORD_BIT(f);

	l->begun = true;
	l->whole = l->whole && note_name(l, name, name_len);
	if (!l->whole)
		return false;
	l->sent |= field;
	if ((field & OURS) != 0)
		return true;
	if (v->type == VALUE_ARRAY || v->type == VALUE_OBJECT)
		plain = plain && v->len == 2; /* it is empty */
	if (plain && f != FIELD_MESSAGE && (v->type != VALUE_NULL || (field & NULLABLE) == 0) &&
	    copy(l, name, name_len, v)) {
		/* Of these no more is wanted than that they are good. */
		if ((field & RECORD_ALWAYS_TYPED & ~MADE) != 0)
			return record_fits((enum field)f, v);
		return (field & l->wanted.fields) == 0;
	}
	/* It is filled by its name, which must be the one that it will have. */
	l->whole = memchr(name, '\\', name_len) == NULL;
	l->hole[l->holes++] = (struct record_line_hole){l->text.len, {name, name_len}};
	return false;
}
