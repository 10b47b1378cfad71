#include "reader/walk.h"

#include "walk_fixture.h"

#include <errno.h>

static struct walk *
begin(const struct walk_options *o, const struct place *from)
{
	struct walk *w;

	assert_int_equal(walk_new(&w, LEVEL_INFO, o, from), WALK_OPENED);
	return w;
}

static struct walk_options
everything(const struct log *l, bool forward)
{
	return (struct walk_options){.library = l->library,
	    .forward = forward,
	    .start = INT64_MIN,
	    .end = INT64_MAX,
	    .deadline = INT64_MAX};
}

static bool
is_wanted(const struct reference *r, const struct walk_options *o, const char *word)
{
	if (word != NULL && memmem(r->text, r->len, word, strlen(word)) == NULL)
		return false;
	if (o->start == INT64_MIN && o->end == INT64_MAX)
		return true;
	return r->ms != INT64_MIN && r->ms >= o->start && r->ms < o->end;
}

/* All of it, in pieces: now and then it rests, or another goes on from its place. */
static void
compare(struct log *l, const struct walk_options *o, const char *word, bool pieces)
{
	struct walk *w = begin(o, NULL);
	struct walk_entry e;
	struct place at;
	uint64_t scanned, of;

	for (size_t i = 0; i < l->n; i++) {
		const struct reference *r = &l->entries[o->forward ? i : l->n - 1 - i];

		if (!is_wanted(r, o, word))
			continue;
		if (step(w, &e) != WALK_ENTRY)
			fail_msg("entry %zu of %zu in %s at %zu is missing", i, l->n,
			    l->files[r->file].name, (size_t)r->offset);
		check_entry(l, &e, r);
		walk_progress(w, &scanned, &of);
		assert_true(scanned <= of);
		if (!pieces)
			continue;
		if (random_below(l, 50) == 0) {
			walk_rest(w);
		} else if (random_below(l, 50) == 0) {
			at = walk_place(w);
			walk_free(w);
			w = begin(o, &at);
		}
	}
	assert_int_equal(step(w, &e), WALK_END);
	assert_int_equal(step(w, &e), WALK_END);
	walk_free(w);
}

static void
gives_each_entry_once_in_both_directions(void **state)
{
	struct log *l = *state;
	struct walk_options o;

	for (int i = 0; i < 24; i++) {
		log_make(l, 1 + random_below(l, 5), i < 12 ? 5 : 300);
		for (int forward = 0; forward < 2; forward++) {
			o = everything(l, forward);
			compare(l, &o, NULL, false);
			compare(l, &o, NULL, true);
		}
	}
}

static void
gives_what_is_in_the_range(void **state)
{
	struct log *l = *state;
	struct walk_options o;

	for (int i = 0; i < 24; i++) {
		log_make(l, 1 + random_below(l, 5), 2000);
		for (int k = 0; k < 6; k++) {
			o = everything(l, k % 2);
			if (random_below(l, 4) > 0)
				o.start = T0 + random_below(l, 4 * 30000000);
			if (random_below(l, 4) > 0)
				o.end = T0 + random_below(l, 5 * 30000000);
			compare(l, &o, NULL, k > 2);
		}
	}
}

/* Clocks are put back an hour amid it, and now and then an entry is late. What is far from its time
 * is not read. */
static void
finds_the_first_of_two_places_of_a_time(void **state)
{
	struct log *l = *state;
	struct buf *b = &log_add(l, "info.log")->content;
	struct walk_options o = everything(l, true);
	struct walk_entry e;
	uint64_t scanned, of;
	struct walk *w;

	for (unsigned i = 0; i < 72000; i++) {
		int64_t ms = T0 + i * INT64_C(200) - (i > 36000 ? 3600000 : 0);

		put_time(b, random_below(l, 50) == 0 ? ms - random_below(l, 3600000) : ms);
		buf_putc(b, ' ');
		buf_fill(b, 'x', 370);
		buf_putc(b, '\n');
	}
	log_write(l);
	for (int i = 0; i < 8; i++) {
		/* In the hour that is there twice, most often. */
		o.start = T0 + 3000000 + random_below(l, 4800000);
		compare(l, &o, NULL, false);
	}
	o.start = T0 + INT64_C(10500000);
	w = begin(&o, NULL);
	assert_int_equal(step(w, &e), WALK_ENTRY);
	walk_progress(w, &scanned, &of);
	assert_true(scanned < 8000000);
	walk_free(w);
}

static void
gives_what_matches(void **state)
{
	static const char *const words[] = {"needle", "alpha Beta", "line 4999", "nothing such"};
	struct log *l = *state;
	struct buf why = BUF_INIT;
	struct search *s;
	struct walk_options o;
	size_t at;

	for (int i = 0; i < 16; i++) {
		log_make(l, 1 + random_below(l, 5), 1000);
		for (int k = 0; k < 8; k++) {
			const char *word = words[k / 2];
			char q[64];

			snprintf(q, sizeof(q), "%s\"%s\"", k == 2 ? "/(?:)/ " : "", word);
			s = search_compile(q, strlen(q), &at, &why);
			assert_non_null(s);
			o = everything(l, k % 2);
			o.search = s;
			if (i % 2 == 0)
				o.end = T0 + random_below(l, 5 * 30000000);
			/* It has no capital letters: it is found in any case. */
			compare(l, &o, word, k > 3);
			search_free(s);
		}
	}
	buf_free(&why);
}

#define MIB ((size_t)1024 * 1024)

/* Of the longest only the beginning is given; the rest is no entry. */
static void
gives_entries_of_many_mebibytes(void **state)
{
	struct log *l = *state;

	for (int torn = 0; torn < 2; torn++) {
		struct buf *b;

		log_clear(l);
		b = &log_add(l, "info.log")->content;
		buf_puts(b, "first\n");
		put_time(b, T0);
		while (b->len < 5 * MIB) {
			buf_puts(b, "\n\t");
			buf_fill(b, 'c', 500);
		}
		buf_puts(b, "\nsecond\n");
		put_time(b, T0 + 1);
		buf_fill(b, '\0', 5 * MIB);
		buf_puts(b, "\nthird\n");
		put_time(b, T0 + 2);
		buf_fill(b, 'x', 34 * MIB);
		buf_puts(b, torn ? "\nfourth" : "\nfourth\n");
		log_write(l);
		for (size_t i = 0; i < l->n; i++) {
			if (l->entries[i].len > 32 * MIB)
				l->entries[i].len = 32 * MIB;
		}
		for (int forward = 0; forward < 2; forward++) {
			struct walk_options o = everything(l, forward);

			if (torn != forward)
				o.start = T0 + 1;
			compare(l, &o, NULL, torn);
		}
	}
}

/* No step takes long where times are far away. */
static void
inherits_times_from_far_away(void **state)
{
	struct log *l = *state;
	struct buf *b = &log_add(l, "info.log.2019-12-23")->content;
	struct walk_options o = everything(l, true);

	/* All have the time of the last. */
	while (b->len < 6 * MIB)
		buf_puts(b, "no time at all, and that again and again, in all of these entries\n");
	put_time(b, T0);
	buf_putc(b, '\n');
	b = &log_add(l, "info.log")->content;
	put_time(b, T0 + 5);
	buf_putc(b, '\n');
	while (b->len < 6 * MIB)
		buf_puts(b, "no time at all, and that again and again, in all of these entries\n");
	log_write(l);
	for (int k = 0; k < 4; k++) {
		o.forward = k % 2;
		o.start = k < 2 ? INT64_MIN : T0 + 5;
		compare(l, &o, NULL, false);
	}
}

/* A last line that is not finished, longer than anything that is looked at: it has holes. */
static void
is_not_lost_in_a_line_without_end(void **state)
{
	struct log *l = *state;
	struct walk_options o = everything(l, false);
	struct walk *w;
	struct walk_entry e;

	write_bytes(l, "info.log", "a\n", 2, O_TRUNC);
	assert_int_equal(truncate(tmpdir_path(l->dir, "info.log"), 100 * MIB), 0);
	w = begin(&o, NULL);
	assert_int_equal(step(w, &e), WALK_ENTRY);
	assert_int_equal(e.at.offset, 2);
	assert_int_equal(e.len, 32 * MIB);
	assert_int_equal(step(w, &e), WALK_ENTRY);
	assert_int_equal(e.len, 1);
	assert_int_equal(step(w, &e), WALK_END);
	walk_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    log_test(gives_each_entry_once_in_both_directions),
	    log_test(gives_what_is_in_the_range),
	    log_test(finds_the_first_of_two_places_of_a_time),
	    log_test(gives_what_matches),
	    log_test(gives_entries_of_many_mebibytes),
	    log_test(inherits_times_from_far_away),
	    log_test(is_not_lost_in_a_line_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
