#include "reader/tally.h"

#include "walk_fixture.h"

#include <pthread.h>

#define BUCKETS 50

static void
run(const struct walk_options *o, int64_t width, uint64_t (*counts)[LEVEL_COUNT], uint64_t *read)
{
	struct tally *t = tally_new(LEVEL_BIT(LEVEL_INFO), o, width, counts);
	enum walk_result r;
	uint64_t of;

	assert_non_null(t);
	while ((r = tally_step(t)) == WALK_MORE) {
		tally_progress(t, read, &of);
		assert_true(*read <= of);
	}
	assert_int_equal(r, WALK_END);
	tally_progress(t, read, &of);
	tally_free(t);
}

static void
compare(struct log *l, const struct walk_options *o, int64_t width, const char *word)
{
	uint64_t counts[BUCKETS][LEVEL_COUNT] = {{0}}, expected[BUCKETS] = {0}, read;

	run(o, width, counts, &read);
	for (size_t i = 0; i < l->n; i++) {
		const struct reference *r = &l->entries[i];

		if (r->ms != INT64_MIN && r->ms >= o->start && r->ms < o->end &&
		    (word == NULL || memmem(r->text, r->len, word, strlen(word)) != NULL))
			expected[(r->ms - o->start) / width]++;
	}
	for (int i = 0; i < BUCKETS; i++)
		assert_int_equal(counts[i][LEVEL_INFO], expected[i]);
}

static void
counts_what_is_there(void **state)
{
	struct log *l = *state;
	struct buf why = BUF_INIT;
	size_t at;
	struct search *s = search_compile("needle", 6, &at, &why);

	assert_non_null(s);
	for (int i = 0; i < 30; i++) {
		log_make(l, 1 + random_below(l, 5), 3000);
		for (int k = 0; k < 8; k++) {
			struct walk_options o = {.library = l->library,
			    .start = T0 - 3600000 + random_below(l, 100000000),
			    .deadline = INT64_MAX};
			int64_t width = 1 + random_below(l, k % 2 == 0 ? 10000 : 6000000);

			o.end = o.start + width * BUCKETS - random_below(l, (unsigned)width);
			o.search = k == 3 ? s : NULL;
			compare(l, &o, width, k == 3 ? "needle" : NULL);
			/* It grows. */
			if (k == 5) {
				struct buf *b = &l->files[l->n_files - 1].content;

				buf_putc(b, '\n');
				for (int n = 0; n < 2000; n++)
					put_entry(l, b, l->ms + random_below(l, 3600000));
				log_write(l);
			}
		}
	}
	search_free(s);
}

/* Some begin with a time, and are of another format. */
static void
counts_what_seems_to_have_a_time(void **state)
{
	struct log *l = *state;
	struct buf *b = &log_add(l, "info.log")->content;
	struct walk_options o = {.library = l->library, .deadline = INT64_MAX};
	int64_t width = 20000000;

	for (unsigned i = 0; i < 20000; i++) {
		bool other = i > 10000 && random_below(l, 3000) == 0;

		put_time(b, T0 + i * INT64_C(1000) + (other ? 40000000 : 0));
		buf_puts(b, other ? "x no time\n" : " an entry of which there are some\n");
	}
	log_write(l);
	for (int i = 0; i < 20; i++) {
		o.start = T0 - random_below(l, 10000000);
		o.end = o.start + width * BUCKETS;
		compare(l, &o, width, NULL);
	}
}

/* Many blocks, of which the second time few are read. */
static void
remembers_the_times_of_blocks(void **state)
{
	struct log *l = *state;
	struct buf *b = &log_add(l, "info.log")->content;
	struct walk_options o = {
	    .library = l->library, .start = T0, .end = T0 + 1000000, .deadline = INT64_MAX};
	uint64_t read, counts[10][LEVEL_COUNT] = {{0}};
	size_t i = 0;

	for (; i < 50000; i++) {
		put_time(b, T0 + (int64_t)i * 10);
		buf_puts(
		    b, " which is an entry of a hundred bytes or so, as most of them are ......\n");
	}
	log_write(l);
	run(&o, 100000, counts, &read);
	assert_int_equal(read, b->len);
	for (int k = 0; k < 5; k++)
		assert_int_equal(counts[k][LEVEL_INFO], 10000);
	memset(counts, 0, sizeof(counts));
	run(&o, 100000, counts, &read);
	for (int k = 0; k < 5; k++)
		assert_int_equal(counts[k][LEVEL_INFO], 10000);
	/* The last block, and one at each border of two buckets. */
	assert_in_range(read, 1, 6 * 131072);
	/* Written anew, as large as before: nothing of that counts. */
	b->len = 0;
	for (; i < 100000; i++) {
		put_time(b, T0 + (int64_t)i * 10);
		buf_puts(
		    b, " which is an entry of a hundred bytes or so, as most of them are ......\n");
	}
	log_write(l);
	memset(counts, 0, sizeof(counts));
	run(&o, 100000, counts, &read);
	for (int k = 0; k < 10; k++)
		assert_int_equal(counts[k][LEVEL_INFO], k < 5 ? 0 : 10000);
}

/* --- several at once over one library --- */

struct counting {
	struct log *log;
	int64_t width;
};

static void *
count_often(void *arg)
{
	const struct counting *c = arg;
	const struct walk_options o = {.library = c->log->library,
	    .start = T0 - 3600000,
	    .end = T0 - 3600000 + BUCKETS * c->width,
	    .deadline = INT64_MAX};

	for (int i = 0; i < 10; i++)
		compare(c->log, &o, c->width, NULL);
	return NULL;
}

static void
counts_in_several_threads(void **state)
{
	struct log *l = *state;
	struct counting c[4];
	pthread_t threads[4];

	log_make(l, 5, 5000);
	for (int i = 0; i < 4; i++) {
		c[i] = (struct counting){l, 100000 << i};
		assert_int_equal(pthread_create(&threads[i], NULL, count_often, &c[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static void
takes_no_empty_range(void **state)
{
	struct log *l = *state;
	struct walk_options o = {
	    .library = l->library, .start = T0, .end = T0, .deadline = INT64_MAX};
	uint64_t counts[1][LEVEL_COUNT] = {{0}}, read;

	log_make(l, 2, 100);
	run(&o, 1, counts, &read);
	assert_int_equal(counts[0][LEVEL_INFO], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    log_test(counts_what_is_there),
	    log_test(counts_what_seems_to_have_a_time),
	    log_test(remembers_the_times_of_blocks),
	    log_test(counts_in_several_threads),
	    log_test(takes_no_empty_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
