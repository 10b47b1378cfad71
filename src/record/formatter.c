#include "record/formatter.h"

#include "record/record_foreign.h"
#include "json/text.h"

#include <stdlib.h>

static struct formatter_part *
add_part(struct formatter *f)
{
	struct formatter_part *grown = realloc(f->part, (f->parts + 1) * sizeof(*grown));

	if (grown == NULL)
		return NULL;
	f->part = grown;
	f->part[f->parts] = (struct formatter_part){.field = -1};
	return &f->part[f->parts++];
}

static bool
add_literal(struct formatter *f, const char *text, size_t len)
{
	struct formatter_part *p;

	if (len == 0)
		return true;
	p = add_part(f);
	if (p == NULL)
		return false;
	p->literal = true;
	p->text = text;
	p->len = len;
	return true;
}

/* The conversion after a `%`; false, and the reason in why. */
static bool
add_conversion(struct formatter *f, const char **at, const char *end, struct buf *why)
{
	struct pyformat_spec spec;
	struct formatter_part *p;
	const char *key, *error;
	size_t len;

	error = pyformat_parse_keyed(at, end, &spec, &key, &len);
	if (error != NULL) {
		buf_printf(why, "%s, at character %zu", error,
		    text_length(f->text.data, (size_t)(*at - f->text.data)) + 1);
		return false;
	}
	if (key == NULL) /* %% */
		return add_literal(f, *at - 1, 1);
	p = add_part(f);
	if (p == NULL)
		return false;
	p->text = key;
	p->len = len;
	p->field = record_field(key, len);
	p->spec = spec;
	return true;
}

static bool
compile(struct formatter *f, struct buf *why)
{
	const char *at = f->text.len > 0 ? f->text.data : "", *end = at + f->text.len;
	bool any = false;

	while (at < end) {
		const char *percent = memchr(at, '%', (size_t)(end - at));
		const char *stop = percent == NULL ? end : percent;

		if (!add_literal(f, at, (size_t)(stop - at)))
			return false;
		at = stop;
		if (at < end) {
			at++;
			if (!add_conversion(f, &at, end, why))
				return false;
		}
	}
	for (size_t i = 0; i < f->parts; i++)
		any = any || !f->part[i].literal;
	if (!any)
		buf_puts(why, "it names no field, such as %(message)s");
	return any;
}

bool
formatter_compile(struct formatter *f, const char *format, const char *date_format, struct buf *why)
{
	bool good;

	*f = (struct formatter){.date_format = date_format};
	if (strcmp(format, "json") == 0) {
		f->json = true;
		return true;
	}
	text_from_bytes(&f->text, format, strlen(format));
	good = !f->text.failed && compile(f, why);
	if (!good && why->len == 0)
		buf_puts(why, "out of memory");
	if (!good)
		formatter_free(f);
	return good;
}

struct record_wanted
formatter_wanted(const struct formatter *f)
{
	struct record_wanted w = {RECORD_ALWAYS_WANTED, RECORD_ALWAYS_TYPED, false, 0};

	if (f->json)
		return (struct record_wanted){UINT64_MAX, RECORD_ALWAYS_TYPED, true, 0};
	for (size_t i = 0; i < f->parts; i++) {
		const struct formatter_part *part = &f->part[i];

		if (part->literal)
			continue;
		if (part->field < 0) {
			w.others = true;
			continue;
		}
		w.fields |= RECORD_BIT(part->field);
		/* Text of anything can be shown, as Python's %s does. */
		if (strchr("rsa", part->spec.conversion) == NULL)
			w.typed |= RECORD_BIT(part->field);
	}
	w.fields |= record_foreign_sources(w.fields);
	return w;
}

void
formatter_free(struct formatter *f)
{
	free(f->part);
	buf_free(&f->text);
	*f = (struct formatter){0};
}
