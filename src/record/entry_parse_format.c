#include "record/entry_parse_parts.h"
#include "record/formatter.h"

#include <stdlib.h>

static enum entry_part_kind
kind_of(const struct entry_parser *p, const struct formatter_part *f)
{
	bool decimal = strchr("diu", f->spec.conversion) != NULL, text = f->spec.conversion == 's';
	bool plain = decimal || text || f->spec.conversion == 'f' || f->spec.conversion == 'F';

	switch (f->field) {
	case FIELD_ASCTIME: return text && p->timed ? PART_TIME : PART_OTHER;
	case FIELD_CREATED: return plain || f->spec.conversion == 'r' ? PART_CREATED : PART_OTHER;
	case FIELD_MSECS: return plain || f->spec.conversion == 'r' ? PART_MSECS : PART_OTHER;
	case FIELD_RECEIVED: return text ? PART_RECEIVED : PART_OTHER;
	case FIELD_LEVELNAME: return text ? PART_LEVEL : PART_OTHER;
	case FIELD_LEVELNO: return plain || f->spec.conversion == 'r' ? PART_LEVELNO : PART_OTHER;
	case FIELD_NAME: return text ? PART_LOGGER : PART_OTHER;
	case FIELD_MESSAGE: return p->message == p->parts ? PART_MESSAGE : PART_OTHER;
	default: return PART_OTHER;
	}
}

static void
set_field(struct entry_parser *p, struct entry_part *part, const struct formatter_part *f)
{
	bool numeric = strchr("diufF", f->spec.conversion) != NULL;

	part->kind = kind_of(p, f);
	part->width = f->spec.width > 0 ? (size_t)f->spec.width : 0;
	part->left = (f->spec.flags & PYFORMAT_MINUS) != 0;
	part->most = !numeric && f->spec.precision >= 0 ? (size_t)f->spec.precision : SIZE_MAX;
	part->number = numeric;
}

/* Literals that stand side by side become one. */
static bool
set_literal(struct entry_parser *p, struct buf *literal, bool last)
{
	struct entry_part *part = &p->part[p->parts];

	while (last && literal->len > 0 && literal->data[literal->len - 1] == '\n')
		literal->len--; /* as entry.h says of newlines at the very end */
	if (literal->len > 0) {
		part->at = p->text.len;
		entry_parse_literal(&p->text, literal->data, literal->len, p->parts == 0);
		part->len = p->text.len - part->at;
		for (size_t i = 0; i < literal->len; i++)
			p->lines += literal->data[i] == '\n';
		p->parts++;
		literal->len = 0;
	}
	return !p->text.failed && !literal->failed;
}

static bool
compile(struct entry_parser *p, const struct formatter *f)
{
	struct buf literal = BUF_INIT;
	bool good = true;

	p->part = calloc(2 * f->parts + 1, sizeof(*p->part));
	p->message = SIZE_MAX;
	for (size_t i = 0; p->part != NULL && good && i < f->parts; i++) {
		if (f->part[i].literal) {
			buf_append(&literal, f->part[i].text, f->part[i].len);
			continue;
		}
		good = set_literal(p, &literal, false);
		if (p->message == SIZE_MAX)
			p->message = p->parts;
		set_field(p, &p->part[p->parts], &f->part[i]);
		if (p->part[p->parts].kind != PART_MESSAGE && p->message == p->parts)
			p->message = SIZE_MAX;
		p->parts++;
	}
	good = p->part != NULL && good && set_literal(p, &literal, true);
	if (p->message == SIZE_MAX)
		p->message = p->parts;
	buf_free(&literal);
	return good;
}

/*
 * Whether the time can be read by skim_time(): asctime alone says it, the message is last, nothing
 * is padded, and what ends a field is one byte.
 */
static bool
is_plain(const struct entry_parser *p)
{
	if (!p->timed || p->lines > 0 || p->message + 1 != p->parts)
		return false;
	for (size_t i = 0; i < p->message; i++) {
		const struct entry_part *part = &p->part[i], *next = part + 1;
		bool taken = part->kind == PART_LITERAL || part->kind == PART_TIME;

		if (part->width > 0 || (part->kind == PART_TIME && part->most != SIZE_MAX))
			return false;
		if (part->kind == PART_CREATED || part->kind == PART_MSECS ||
		    part->kind == PART_RECEIVED)
			return false;
		if (!taken && (next->kind != PART_LITERAL || next->len != 1))
			return false;
	}
	return true;
}

/* Whether an entry begins with asctime. */
static bool
begins_with_time(const struct formatter *f)
{
	return f->parts > 0 && !f->part[0].literal && f->part[0].field == FIELD_ASCTIME;
}

struct entry_parser *
entry_parser_new(const char *format, const char *date_format, struct buf *why)
{
	struct entry_parser *p = calloc(1, sizeof(*p));
	struct formatter f;
	bool good = true, tells = false;

	if (p == NULL) {
		buf_puts(why, "out of memory");
		return NULL;
	}
	if (!formatter_compile(&f, format, date_format, why)) {
		free(p);
		return NULL;
	}
	p->json = f.json;
	if (!f.json) {
		p->timed = entry_time_compile(&p->time, date_format, begins_with_time(&f), &tells);
		good = (p->timed || !tells) && compile(p, &f);
		p->plain = good && is_plain(p);
	}
	formatter_free(&f);
	if (!good) {
		buf_puts(why, "out of memory");
		entry_parser_free(p);
		return NULL;
	}
	return p;
}

void
entry_parser_free(struct entry_parser *p)
{
	if (p == NULL)
		return;
	entry_time_free(&p->time);
	buf_free(&p->text);
	free(p->part);
	free(p);
}
