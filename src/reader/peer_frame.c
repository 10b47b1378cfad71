#include "reader/peer_frame.h"

#include "base/civil.h"
#include "reader/blocks_window.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const char *const hows[] = {"complete", "limit", "deadline", "failed"};

static const char letters[LEVEL_COUNT] = {'d', 'i', 'w', 'e'};

/* --- reading --- */

/* What is left of a line, word by word. */
struct line {
	char *at; /* NULL: there is none, or one was wrong */
};

/* The next word, as a string; NULL: there is none. */
static const char *
next_word(struct line *l)
{
	char *word = l->at, *space;

	if (word == NULL)
		return NULL;
	space = strchr(word, ' ');
	if (space != NULL)
		*space++ = '\0';
	l->at = space;
	return *word != '\0' ? word : NULL;
}

static bool
take_number(const char *word, uint64_t max, uint64_t *number)
{
	char *end;

	if (word == NULL || *word < '0' || *word > '9')
		return false;
	errno = 0;
	*number = strtoull(word, &end, 10);
	return errno == 0 && *end == '\0' && *number <= max;
}

static bool
next_number(struct line *l, uint64_t max, uint64_t *number)
{
	return take_number(next_word(l), max, number);
}

static bool
next_size(struct line *l, size_t max, size_t *size)
{
	uint64_t n;

	if (!next_number(l, max, &n))
		return false;
	*size = (size_t)n;
	return true;
}

/* Milliseconds, or - for INT64_MIN. */
static bool
next_time(struct line *l, int64_t *ms)
{
	const char *word = next_word(l);
	char *end;

	*ms = INT64_MIN;
	if (word == NULL || strcmp(word, "-") == 0)
		return word != NULL;
	if (word[*word == '-'] < '0' || word[*word == '-'] > '9')
		return false;
	errno = 0;
	*ms = strtoll(word, &end, 10);
	/* No reader reads another from its files. The others are asked by these times, and would
	 * refuse what is far beyond. */
	return errno == 0 && *end == '\0' && civil_is_known(*ms);
}

static bool
next_cursor(struct line *l, struct cursor *cursor)
{
	const char *word = next_word(l);

	return word != NULL && cursor_parse(word, cursor);
}

/* <offset>+<length>, or -. */
static bool
next_part(struct line *l, size_t payload, struct peer_part *part)
{
	const char *word = next_word(l);
	char *plus = word != NULL ? strchr(word, '+') : NULL;
	uint64_t offset, len;

	*part = (struct peer_part){.len = SIZE_MAX};
	if (plus == NULL)
		return word != NULL && strcmp(word, "-") == 0;
	*plus = '\0';
	if (!take_number(word, payload, &offset) || !take_number(plus + 1, payload - offset, &len))
		return false;
	*part = (struct peer_part){(size_t)offset, (size_t)len};
	return true;
}

static bool
read_begin(struct peer_frame *f, struct line *l)
{
	f->has_cursor = true;
	return next_cursor(l, &f->cursor);
}

static size_t
part_len(const struct peer_part *part)
{
	return part->len != SIZE_MAX ? part->len : 0;
}

/* Fields don't overlap, so that who keeps an entry knows how much it can be by its payload. */
static bool
parts_fit(const struct peer_frame *f)
{
	return part_len(&f->level_name) + part_len(&f->logger) + part_len(&f->message) <=
	       f->payload;
}

static bool
read_entry(struct peer_frame *f, struct line *l)
{
	struct cursor at;

	f->has_cursor = f->has_payload = true;
	if (!next_time(l, &f->ms) || !next_cursor(l, &at) || !next_cursor(l, &f->cursor) ||
	    !next_size(l, PEER_FRAME_PAYLOAD, &f->payload) || !next_size(l, f->payload, &f->text) ||
	    !next_part(l, f->payload, &f->level_name) || !next_part(l, f->payload, &f->logger) ||
	    !next_part(l, f->payload, &f->message) || f->text > WINDOW_ENTRY_MAX || !parts_fit(f))
		return false;
	for (int level = 0; level < LEVEL_COUNT; level++) {
		if (at.levels != LEVEL_BIT(level) || at.at[level].inode == 0)
			continue;
		f->level = (enum level)level;
		f->at = at.at[level];
		return true;
	}
	return false;
}

static bool
read_progress(struct peer_frame *f, struct line *l)
{
	f->has_cursor = true;
	return next_number(l, UINT64_MAX / 64, &f->scanned) &&
	       next_number(l, UINT64_MAX / 64, &f->of) && next_cursor(l, &f->cursor);
}

static bool
read_dropped(struct peer_frame *f, struct line *l)
{
	f->has_cursor = true;
	return next_number(l, UINT64_MAX / 64, &f->matched) && next_cursor(l, &f->cursor);
}

static bool
read_counts(struct peer_frame *f, struct line *l)
{
	f->has_payload = true;
	return next_number(l, UINT64_MAX / 64, &f->scanned) &&
	       next_number(l, UINT64_MAX / 64, &f->of) &&
	       next_size(l, PEER_FRAME_PAYLOAD, &f->payload);
}

static bool
read_file(struct peer_frame *f, struct line *l)
{
	const char *word = next_word(l);
	int level = 0;

	f->has_payload = true;
	while (level < LEVEL_COUNT && word != NULL && word[0] != letters[level])
		level++;
	if (word == NULL || level == LEVEL_COUNT || word[1] != '\0')
		return false;
	f->level = (enum level)level;
	return next_time(l, &f->ms) && next_time(l, &f->last) && next_time(l, &f->modified) &&
	       next_number(l, UINT64_MAX, &f->bytes) && next_size(l, 255, &f->payload) &&
	       f->payload > 0;
}

static bool
read_end(struct peer_frame *f, struct line *l)
{
	const char *word = next_word(l);
	size_t how = 0;

	while (how < sizeof(hows) / sizeof(hows[0]) && word != NULL && strcmp(word, hows[how]) != 0)
		how++;
	if (word == NULL || how == sizeof(hows) / sizeof(hows[0]))
		return false;
	f->how = (enum peer_frame_how)how;
	if (!next_number(l, UINT64_MAX / 64, &f->scanned) ||
	    !next_number(l, UINT64_MAX / 64, &f->of) ||
	    !next_number(l, UINT64_MAX / 64, &f->matched) ||
	    !next_number(l, UINT64_MAX / 64, &f->given_up))
		return false;
	if (l->at != NULL && strcmp(l->at, "-") == 0) {
		l->at = NULL;
		return true;
	}
	f->has_cursor = true;
	return next_cursor(l, &f->cursor);
}

static const struct {
	char letter;
	bool (*read)(struct peer_frame *f, struct line *l);
} kinds[] = {
    [PEER_FRAME_BEGIN] = {'B', read_begin},
    [PEER_FRAME_ENTRY] = {'E', read_entry},
    [PEER_FRAME_PROGRESS] = {'P', read_progress},
    [PEER_FRAME_DROPPED] = {'D', read_dropped},
    [PEER_FRAME_COUNTS] = {'H', read_counts},
    [PEER_FRAME_FILE] = {'F', read_file},
    [PEER_FRAME_END] = {'Z', read_end},
};

int
peer_frame_read(struct peer_frame *f, const char *bytes, size_t len)
{
	const size_t most = len < PEER_FRAME_LINE ? len : PEER_FRAME_LINE;
	const char *newline = len > 0 ? memchr(bytes, '\n', most) : NULL;
	char copy[PEER_FRAME_LINE];
	struct line line;
	size_t n;

	if (newline == NULL)
		return len >= PEER_FRAME_LINE ? -1 : 0;
	n = (size_t)(newline - bytes);
	if (n < 3 || bytes[1] != ' ' || memchr(bytes, '\0', n) != NULL)
		return -1;
	memcpy(copy, bytes, n);
	copy[n] = '\0';
	line.at = copy + 2;
	*f = (struct peer_frame){.ms = INT64_MIN, .last = INT64_MIN};
	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		if (kinds[kind].letter != bytes[0])
			continue;
		f->kind = (enum peer_frame_kind)kind;
		/* To its last word. */
		return kinds[kind].read(f, &line) && line.at == NULL ? (int)n + 1 : -1;
	}
	return -1;
}

/* --- writing --- */

static void
put_time(struct buf *out, int64_t ms)
{
	if (ms == INT64_MIN)
		buf_puts(out, "- ");
	else
		buf_printf(out, "%" PRId64 " ", ms);
}

void
peer_frame_begin(struct buf *out, const struct cursor *cursor)
{
	buf_puts(out, "B ");
	cursor_print(out, cursor);
	buf_putc(out, '\n');
}

/* Where a field lies in the payload; what is not in the text goes to `extra`. */
static void
place_field(struct buf *out, struct buf *extra, const struct walk_entry *e, struct entry_span field)
{
	size_t offset;

	if (field.data == NULL) {
		buf_puts(out, " -");
		return;
	}
	/* Addresses, as pointers into different objects may not be compared. */
	offset = (size_t)((uintptr_t)field.data - (uintptr_t)e->text);
	if (offset > e->len || field.len > e->len - offset) {
		offset = e->len + extra->len;
		buf_append(extra, field.data, field.len);
	}
	buf_putc(out, ' ');
	buf_put_number(out, offset);
	buf_putc(out, '+');
	buf_put_number(out, field.len);
}

void
peer_frame_entry(struct buf *out, struct buf *extra, const struct walk_entry *entry,
    const struct entry_fields *fields, const struct cursor *after)
{
	struct cursor at = {.levels = LEVEL_BIT(entry->level)};
	struct buf places = BUF_INIT;

	buf_clear(extra, PEER_FRAME_LINE);
	at.at[entry->level] = entry->at;
	buf_puts(out, "E ");
	put_time(out, entry->ms);
	cursor_print(out, &at);
	buf_putc(out, ' ');
	cursor_print(out, after);
	place_field(&places, extra, entry, fields->level);
	place_field(&places, extra, entry, fields->logger);
	place_field(&places, extra, entry, fields->message);
	buf_putc(out, ' ');
	buf_put_number(out, entry->len + extra->len);
	buf_putc(out, ' ');
	buf_put_number(out, entry->len);
	buf_append(out, places.data, places.len);
	buf_putc(out, '\n');
	out->failed = out->failed || places.failed || extra->failed;
	buf_free(&places);
}

void
peer_frame_progress(struct buf *out, uint64_t scanned, uint64_t of, const struct cursor *cursor)
{
	buf_printf(out, "P %" PRIu64 " %" PRIu64 " ", scanned, of);
	cursor_print(out, cursor);
	buf_putc(out, '\n');
}

void
peer_frame_dropped(struct buf *out, uint64_t dropped, const struct cursor *cursor)
{
	buf_printf(out, "D %" PRIu64 " ", dropped);
	cursor_print(out, cursor);
	buf_putc(out, '\n');
}

void
peer_frame_end(struct buf *out, const struct peer_frame *f)
{
	buf_printf(out, "Z %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " ", hows[f->how],
	    f->scanned, f->of, f->matched, f->given_up);
	if (f->has_cursor)
		cursor_print(out, &f->cursor);
	else
		buf_putc(out, '-');
	buf_putc(out, '\n');
}

void
peer_frame_file(struct buf *out, enum level level, const char *name, int64_t first, int64_t last,
    int64_t modified, uint64_t bytes)
{
	buf_printf(out, "F %c ", letters[level]);
	put_time(out, first);
	put_time(out, last);
	put_time(out, modified);
	buf_printf(out, "%" PRIu64 " %zu\n%s\n", bytes, strlen(name), name);
}

void
peer_frame_counts(struct buf *out, uint64_t scanned, uint64_t of, size_t payload)
{
	buf_printf(out, "H %" PRIu64 " %" PRIu64 " %zu\n", scanned, of, payload);
}
