#include "record/entry_parse.h"

#include "record/entry_parse_json.h"
#include "record/entry_parse_parts.h"

/* Scratch buffers larger than this are given back after the entry that needed them. */
#define KEEP_BYTES (64 * 1024)

/*
 * entry_match() for the time alone of an entry whose format is_plain(), as the default one:
 * millions of entries are counted by it, and this takes a quarter of the time. It stops at the
 * first newline or where the message begins, so that the message isn't read at all; if not `whole`,
 * at the time itself.
 */
static bool
skim_time(const struct entry_parser *p, struct entry_parse *t, const char *entry, size_t len,
    bool whole, int64_t *ms)
{
	const char *at = entry, *end = entry + len;
	bool timed = false, fraction;
	int64_t other;

	for (size_t i = 0; i < p->message; i++) {
		const struct entry_part *part = &p->part[i];

		if (part->kind == PART_LITERAL) {
			if ((size_t)(end - at) < part->len || !entry_part_is(p, part, at))
				return false;
			at += part->len;
		} else if (part->kind == PART_TIME) {
			at = entry_time_read(
			    &p->time, t, at, end, SIZE_MAX, timed ? &other : ms, &fraction);
			if (at == NULL)
				return false;
			timed = true;
			if (!whole)
				return true;
		} else {
			char stop = p->text.data[part[1].at];

			while (at < end && *at != stop && *at != '\n')
				at++;
		}
	}
	return timed;
}

static bool
time_of(const struct entry_found *f, int64_t *ms)
{
	bool exact = f->has_created && (f->created.decimals >= 3 || !f->has_time);

	if (exact)
		*ms = f->created.ms;
	else if (f->has_time)
		*ms = f->time;
	else if (f->has_received)
		*ms = f->received;
	else
		return false;
	/* %(msecs)03d beside a second. */
	if (f->has_msecs && (exact ? f->created.decimals == 0 : f->has_time && !f->has_fraction) &&
	    f->msecs.whole >= 0)
		*ms += f->msecs.whole > 999 ? 999 : f->msecs.whole;
	return true;
}

void
entry_parse(const struct entry_parser *p, struct entry_parse *t, const char *entry, size_t len,
    struct entry_fields *fields)
{
	struct entry_found f = {.has_time = false};
	const char *newline;

	*fields = (struct entry_fields){.fits = false};
	buf_clear(&t->scratch, KEEP_BYTES);
	if (p->json) {
		entry_parse_json(t, entry, len, false, fields);
		return;
	}
	if (!entry_match(p, t, entry, len, &f))
		return;
	fields->fits = true;
	fields->timed = time_of(&f, &fields->ms);
	fields->level = f.level;
	fields->logger = f.logger;
	fields->message = f.message;
	newline = f.message.len > 0 ? memchr(f.message.data, '\n', f.message.len) : NULL;
	if (newline != NULL)
		fields->message.len = (size_t)(newline - f.message.data);
	if (f.level.data == NULL && f.has_levelno)
		fields->level = entry_level(t, f.levelno);
}

bool
entry_parse_time(
    const struct entry_parser *p, struct entry_parse *t, const char *entry, size_t len, int64_t *ms)
{
	struct entry_found f = {.has_time = false};
	struct entry_fields fields = {.fits = false};

	if (p->json) {
		entry_parse_json(t, entry, len, true, &fields);
		*ms = fields.ms;
		return fields.timed;
	}
	if (p->plain)
		return skim_time(p, t, entry, len, true, ms);
	return entry_match(p, t, entry, len, &f) && time_of(&f, ms);
}

bool
entry_parse_time_if(
    const struct entry_parser *p, struct entry_parse *t, const char *entry, size_t len, int64_t *ms)
{
	if (p->plain && !p->json)
		return skim_time(p, t, entry, len, false, ms);
	return entry_parse_time(p, t, entry, len, ms);
}

void
entry_parse_free(struct entry_parse *t)
{
	buf_free(&t->scratch);
}
