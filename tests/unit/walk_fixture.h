/* A log folder with files made up at random, and what they hold as a plain reading of them says. */
#ifndef PBU_WALK_FIXTURE_H
#define PBU_WALK_FIXTURE_H

#include "reader/library.h"
#include "reader/walk.h"
#include "tmpdir.h"

#include <stdio.h>
#include <time.h>

#define T0 INT64_C(1577145600000) /* 2019-12-24, 00:00 UTC */

struct reference {
	size_t file; /* from the oldest */
	uint64_t offset;
	size_t len;
	const char *text; /* in the file's content */
	int64_t ms;
};

struct made_file {
	char name[64];
	struct buf content;
	bool current;
};

struct log {
	struct tmpdir *dir;
	struct library *library;
	struct entry_parser *parser;
	struct made_file files[16];
	size_t n_files;
	struct reference *entries;
	size_t n, room;
	unsigned long long seed;
	int64_t ms; /* of the newest made up */
};

static inline unsigned
random_below(struct log *l, unsigned n)
{
	l->seed = l->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(l->seed >> 33) % n;
}

static inline int
log_setup(void **state)
{
	struct log *l = calloc(1, sizeof(*l));
	struct buf why = BUF_INIT;

	if (tmpdir_setup(state) != 0)
		return -1;
	l->dir = *state;
	l->parser = entry_parser_new("%(asctime)s %(message)s", NULL, &why);
	if (l->parser == NULL)
		fail_msg("%.*s", (int)why.len, why.data);
	buf_free(&why);
	l->library = library_new(l->dir->path, l->parser);
	l->seed = 1;
	*state = l;
	return 0;
}

static inline void
log_clear(struct log *l)
{
	for (size_t i = 0; i < l->n_files; i++) {
		unlink(tmpdir_path(l->dir, l->files[i].name));
		buf_free(&l->files[i].content);
	}
	free(l->entries);
	l->entries = NULL;
	l->n = l->room = l->n_files = 0;
}

static inline int
log_teardown(void **state)
{
	struct log *l = *state;
	void *dir = l->dir;

	log_clear(l);
	library_free(l->library);
	entry_parser_free(l->parser);
	free(l);
	return tmpdir_teardown(&dir);
}

#define log_test(f) cmocka_unit_test_setup_teardown(f, log_setup, log_teardown)

static inline void
put_time(struct buf *b, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[64];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	buf_printf(b, "%s,%03d", text, (int)(ms % 1000));
}

static inline void
write_bytes(struct log *l, const char *name, const char *data, size_t len, int flags)
{
	int fd = open(tmpdir_path(l->dir, name), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	assert_true(fd >= 0);
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		assert_true(n > 0);
		data += n;
		len -= (size_t)n;
	}
	close(fd);
}

/* A whole file, older than those that come later; it is read into l->entries by log_read(). */
static inline struct made_file *
log_add(struct log *l, const char *name)
{
	struct made_file *f = &l->files[l->n_files++];

	snprintf(f->name, sizeof(f->name), "%s", name);
	f->current = strcmp(name, "info.log") == 0;
	f->content = (struct buf)BUF_INIT;
	return f;
}

static inline void
add_reference(struct log *l, size_t file, size_t start, size_t end)
{
	const char *text = l->files[file].content.data + start;
	size_t len = end - start;

	if (l->n == l->room) {
		l->room = l->room * 2 + 64;
		l->entries = realloc(l->entries, l->room * sizeof(*l->entries));
	}
	if (len > 0 && text[len - 1] == '\n')
		len--;
	l->entries[l->n++] = (struct reference){file, start, len, text, 0};
}

/* Line by line: what READ says of entries, in the plainest way. */
static inline void
log_read(struct log *l)
{
	struct entry_parse parse = {0};

	l->n = 0;
	for (size_t i = 0; i < l->n_files; i++) {
		const struct buf *b = &l->files[i].content;
		size_t start = 0, first = l->n;
		int64_t ms = INT64_MIN;

		for (size_t p = 0; p < b->len; p++) {
			if (b->data[p] == '\n' && p + 1 < b->len && b->data[p + 1] != '\t') {
				add_reference(l, i, start, p + 1);
				start = p + 1;
			}
		}
		if (b->len > start && (!l->files[i].current || b->data[b->len - 1] == '\n'))
			add_reference(l, i, start, b->len);
		for (size_t k = first; k < l->n; k++) {
			int64_t own;

			if (entry_parse_time(
				l->parser, &parse, l->entries[k].text, l->entries[k].len, &own))
				ms = own;
			l->entries[k].ms = ms;
		}
		/* Those before the first that has one. */
		ms = INT64_MIN;
		for (size_t k = first; k < l->n && ms == INT64_MIN; k++)
			ms = l->entries[k].ms;
		for (size_t k = first; k < l->n && l->entries[k].ms == INT64_MIN; k++)
			l->entries[k].ms = ms;
	}
	entry_parse_free(&parse);
}

static inline void
log_write(struct log *l)
{
	for (size_t i = 0; i < l->n_files; i++) {
		const struct buf *b = &l->files[i].content;

		write_bytes(l, l->files[i].name, b->data, b->len, O_TRUNC);
	}
	log_read(l);
}

/* An entry at about that time: most often a line. */
static inline void
put_entry(struct log *l, struct buf *b, int64_t ms)
{
	static const char *const words[] = {"alpha", "Beta", "gamma", "needle", "x"};
	unsigned kind = random_below(l, 100), lines;

	if (kind < 4) {
		buf_append(b, "no time here\0 \r\xff", 16);
	} else if (kind < 6) {
		/* an empty line */
	} else {
		put_time(b, ms);
		buf_puts(b, " ");
		for (unsigned i = random_below(l, 6); i > 0; i--)
			buf_printf(b, "%s ", words[random_below(l, 5)]);
		if (kind == 99)
			buf_fill(b, 'y', random_below(l, 500000));
		else if (kind > 95)
			buf_fill(b, 'z', random_below(l, 20000));
	}
	lines = kind > 90 ? random_below(l, 5) : 0;
	if (random_below(l, 1000) == 0)
		lines = 5000;
	for (unsigned i = 0; i < lines; i++)
		buf_printf(b, "\n\tline %u", i);
	buf_putc(b, '\n');
}

/* Up to `entries` in each of some files, each of which may end or begin amid an entry. */
static inline void
log_make(struct log *l, unsigned files, unsigned entries)
{
	int64_t ms = T0;
	char name[64];

	log_clear(l);
	for (unsigned i = 0; i < files; i++) {
		struct made_file *f;

		snprintf(name, sizeof(name), "info.log.2019-12-%02u", i + 1);
		f = log_add(l, i + 1 == files ? "info.log" : name);
		if (random_below(l, 4) == 0)
			buf_puts(&f->content, "\tcontinued\n");
		for (unsigned n = random_below(l, entries + 1); n > 0; n--) {
			ms += random_below(l, 60000);
			/* Nothing for hours, now and then. */
			if (random_below(l, 200) == 0)
				ms += 8 * 3600000;
			/* Out of order by less than two hours. */
			put_entry(l, &f->content, ms - random_below(l, 3600000));
		}
		if (random_below(l, 3) == 0)
			f->content.len -= f->content.len > 10 ? random_below(l, 10) : 0;
	}
	l->ms = ms;
	log_write(l);
}

static inline void
check_entry(const struct log *l, const struct walk_entry *e, const struct reference *r)
{
	assert_int_equal(e->at.offset, r->offset);
	assert_int_equal(e->len, r->len);
	assert_memory_equal(e->text, r->text, r->len);
	assert_int_equal(e->ms, r->ms);
	(void)l;
}

/* The next entry, however many steps that takes. */
static inline enum walk_result
step(struct walk *w, struct walk_entry *e)
{
	enum walk_result r;

	do
		r = walk_next(w, e);
	while (r == WALK_MORE);
	return r;
}

#endif
