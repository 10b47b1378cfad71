#include "reader/merge.h"

#include "walk_fixture.h"

#define ALL (LEVEL_BIT(LEVEL_COUNT) - 1)

struct expected {
	int level;
	int64_t ms;
	uint64_t offset;
	bool taken;
};

/* Entries of all levels as they lie in their files; their times need not be in order there. */
struct made {
	struct expected entries[LEVEL_COUNT][400];
	size_t n[LEVEL_COUNT];
};

static void
make(struct log *l, struct made *m)
{
	for (int i = 0; i < LEVEL_COUNT; i++) {
		struct buf b = BUF_INIT;
		int64_t ms = T0;

		m->n[i] = random_below(l, 400);
		for (size_t k = 0; k < m->n[i]; k++) {
			ms += random_below(l, 4) - 1;
			m->entries[i][k] = (struct expected){i, ms, b.len, false};
			put_time(&b, ms);
			buf_printf(&b, " %s %zu\n", level_name((enum level)i), k);
		}
		write_bytes(l, level_file((enum level)i), b.data, b.len, O_TRUNC);
		buf_free(&b);
	}
}

/* The next by the rule, of those that are next in each level. */
static const struct expected *
expect(const struct made *m, size_t next[LEVEL_COUNT], bool forward)
{
	const struct expected *best = NULL;

	for (int k = 0; k < LEVEL_COUNT; k++) {
		int i = forward ? k : LEVEL_COUNT - 1 - k;
		const struct expected *e;

		if (next[i] == m->n[i])
			continue;
		e = &m->entries[i][forward ? next[i] : m->n[i] - 1 - next[i]];
		if (best == NULL || (forward ? e->ms < best->ms : e->ms > best->ms))
			best = e;
	}
	if (best != NULL)
		next[best->level]++;
	return best;
}

static enum walk_result
merge_step(struct merge *m, struct walk_entry *e)
{
	enum walk_result r;

	do
		r = merge_next(m, e);
	while (r == WALK_MORE);
	return r;
}

static struct merge *
begin(struct log *l, bool forward, unsigned levels, const struct cursor *from)
{
	const struct walk_options o = {.library = l->library,
	    .forward = forward,
	    .start = INT64_MIN,
	    .end = INT64_MAX,
	    .deadline = INT64_MAX};
	struct merge *m;

	assert_int_equal(merge_new(&m, levels, &o, from), WALK_OPENED);
	return m;
}

/* The cursor as it goes to a client and comes back. */
static struct merge *
go_on(struct log *l, struct merge *m, bool forward)
{
	struct buf text = BUF_INIT;
	struct cursor c, back;

	merge_cursor(m, &c);
	cursor_print(&text, &c);
	buf_putc(&text, '\0');
	assert_true(cursor_parse(text.data, &back));
	buf_free(&text);
	merge_free(m);
	return begin(l, forward, ALL, &back);
}

static void
gives_all_levels_in_the_order_of_time(void **state)
{
	struct log *l = *state;
	struct made *made = calloc(1, sizeof(*made));
	struct walk_entry e;

	for (int round = 0; round < 20; round++) {
		make(l, made);
		for (int forward = 0; forward < 2; forward++) {
			struct merge *m = begin(l, forward, ALL, NULL);
			size_t next[LEVEL_COUNT] = {0};
			const struct expected *x;
			uint64_t scanned, of;

			while ((x = expect(made, next, forward)) != NULL) {
				assert_int_equal(merge_step(m, &e), WALK_ENTRY);
				assert_int_equal(e.level, x->level);
				assert_int_equal(e.ms, x->ms);
				assert_int_equal(e.at.offset, x->offset);
				if (random_below(l, 20) == 0)
					m = go_on(l, m, forward);
			}
			assert_int_equal(merge_step(m, &e), WALK_END);
			merge_progress(m, &scanned, &of);
			assert_int_equal(scanned, of);
			m = go_on(l, m, forward);
			assert_int_equal(merge_step(m, &e), WALK_END);
			merge_free(m);
		}
	}
	free(made);
}

/* What is new in any level comes, in each round anew. */
static void
goes_on_where_all_had_ended(void **state)
{
	struct log *l = *state;
	struct merge *m = begin(l, true, ALL, NULL);
	struct walk_entry e;

	for (int round = 0; round < 5; round++) {
		assert_int_equal(merge_step(m, &e), WALK_END);
		merge_rest(m);
		for (int i = 0; i < LEVEL_COUNT; i++) {
			struct buf b = BUF_INIT;

			put_time(&b, T0 + round * 100 - i);
			buf_puts(&b, " x\n");
			write_bytes(l, level_file((enum level)i), b.data, b.len, O_APPEND);
			buf_free(&b);
		}
		for (int i = LEVEL_COUNT - 1; i >= 0; i--) {
			assert_int_equal(merge_step(m, &e), WALK_ENTRY);
			assert_int_equal(e.level, i);
		}
	}
	merge_free(m);
}

static void
takes_levels_and_options_of_their_own(void **state)
{
	struct log *l = *state;
	struct walk_options o[LEVEL_COUNT];
	struct cursor c = {0};
	struct merge *m;
	struct walk_entry e;

	for (int i = 0; i < LEVEL_COUNT; i++) {
		struct buf b = BUF_INIT;

		put_time(&b, T0 + i);
		buf_puts(&b, " x\n");
		write_bytes(l, level_file((enum level)i), b.data, b.len, O_APPEND);
		buf_free(&b);
		o[i] = (struct walk_options){.library = l->library,
		    .forward = true,
		    .start = i == LEVEL_INFO ? T0 + 100 : T0,
		    .end = T0 + 1000,
		    .deadline = INT64_MAX};
	}
	assert_int_equal(merge_new_each(&m, ALL & ~LEVEL_BIT(LEVEL_ERROR), o, NULL), WALK_OPENED);
	assert_int_equal(merge_step(m, &e), WALK_ENTRY);
	assert_int_equal(e.level, LEVEL_DEBUG);
	assert_int_equal(merge_step(m, &e), WALK_ENTRY);
	assert_int_equal(e.level, LEVEL_WARNING);
	assert_int_equal(merge_step(m, &e), WALK_END);
	merge_cursor(m, &c);
	assert_int_equal(c.levels, ALL & ~LEVEL_BIT(LEVEL_ERROR));
	merge_free(m);
	/* One of its files is gone. */
	unlink(tmpdir_path(l->dir, "warning.log"));
	assert_int_equal(merge_new(&m, ALL, &o[0], &c), WALK_GONE);
	assert_null(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    log_test(gives_all_levels_in_the_order_of_time),
	    log_test(goes_on_where_all_had_ended),
	    log_test(takes_levels_and_options_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
