/* Which of the peers' streams viewers are sent: as few as can be. Nothing is asked here. */
#include "reader/tail_sources.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture {
	struct peers *peers;
	struct tail_sources sources;
	struct viewer_list viewers;
	size_t there; /* the peer */
};

static int
setup(void **state)
{
	const struct peers_settings s = {
	    .urls = "http://127.0.0.1:1", .name = "here", .patience = 1};
	struct fixture *f = calloc(1, sizeof(*f));
	char error[512];

	*state = f;
	f->peers = peers_new(&s, error, sizeof(error));
	if (f->peers == NULL)
		return -1;
	f->there = 1 - f->peers->self;
	TAILQ_INIT(&f->viewers);
	return sources_init(&f->sources, f->peers) ? 0 : -1;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	struct viewer *v;

	while ((v = TAILQ_FIRST(&f->viewers)) != NULL) {
		TAILQ_REMOVE(&f->viewers, v, links);
		sources_leave(&f->sources, v);
		free(v->peer);
		free(v);
	}
	assert_int_equal(f->sources.count, 0);
	sources_free(&f->sources);
	peers_free(f->peers);
	free(f);
	return 0;
}

/* A cursor with an offset in info.log. */
static struct cursor
at(uint64_t offset)
{
	return (struct cursor){.levels = LEVEL_BIT(LEVEL_INFO),
	    .at[LEVEL_INFO] = {.inode = 7, .born = 1, .offset = offset}};
}

static bool
is_place(const struct cursor *c, uint64_t offset)
{
	const struct cursor expected = at(offset);

	return same_cursor(c, &expected);
}

static struct viewer *
view(struct fixture *f, char *q, uint64_t offset)
{
	struct viewer *v = calloc(1, sizeof(*v));

	assert_non_null(v);
	v->selection.levels = LEVEL_BIT(LEVEL_INFO);
	v->selection.q = q;
	v->peers = f->peers;
	v->peer = calloc(f->peers->count, sizeof(*v->peer));
	assert_non_null(v->peer);
	v->peer[f->there].known = offset > 0;
	v->peer[f->there].at = at(offset);
	TAILQ_INSERT_TAIL(&f->viewers, v, links);
	sources_join(&f->sources, v);
	return v;
}

static struct tail_source *
source_of(const struct fixture *f, const struct viewer *v)
{
	return v->peer[f->there].source;
}

/* As when its answer has begun, or moves on. */
static void
move(struct tail_source *source, uint64_t offset, bool live)
{
	source->known = true;
	source->at = at(offset);
	source->live = live;
}

static void
those_who_select_the_same_share_one(void **state)
{
	struct fixture *f = *state;
	char app[] = "app", other[] = "other";
	struct viewer *a, *b, *c, *d;

	a = view(f, NULL, 0);
	assert_non_null(source_of(f, a));
	assert_null(a->peer[f->peers->self].source);
	/* Both begin now, before it is known where that is, and after. */
	b = view(f, NULL, 0);
	assert_ptr_equal(source_of(f, b), source_of(f, a));
	move(source_of(f, a), 100, true);
	c = view(f, NULL, 0);
	assert_ptr_equal(source_of(f, c), source_of(f, a));
	assert_int_equal(source_of(f, a)->followers, 3);
	d = view(f, app, 0);
	assert_ptr_not_equal(source_of(f, d), source_of(f, a));
	assert_ptr_equal(source_of(f, view(f, app, 0)), source_of(f, d));
	assert_ptr_not_equal(source_of(f, view(f, other, 0)), source_of(f, d));
	assert_int_equal(f->sources.count, 3);
}

static void
who_stands_elsewhere_has_one_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct viewer *now, *same, *before, *again;

	now = view(f, NULL, 0);
	move(source_of(f, now), 100, true);
	same = view(f, NULL, 100);
	assert_ptr_equal(source_of(f, same), source_of(f, now));
	before = view(f, NULL, 50);
	assert_ptr_not_equal(source_of(f, before), source_of(f, now));
	assert_true(source_of(f, before)->known && is_place(&source_of(f, before)->at, 50));
	/* What is caught up with is nothing for who begins now. */
	again = view(f, NULL, 0);
	assert_ptr_equal(source_of(f, again), source_of(f, now));
	move(source_of(f, now), 100, false);
	assert_ptr_not_equal(source_of(f, view(f, NULL, 0)), source_of(f, now));
}

static void
who_has_caught_up_shares_again(void **state)
{
	struct fixture *f = *state;
	struct tail_source *shared, *own;
	struct viewer *now, *slow;
	struct peers_stream *there =
	    (struct peers_stream *)f; /* only whether there is one counts */

	now = view(f, NULL, 0);
	shared = source_of(f, now);
	move(shared, 100, true);
	shared->stream = there;
	slow = view(f, NULL, 50);
	own = source_of(f, slow);
	sources_unite(&f->sources, own, &f->viewers);
	assert_ptr_equal(source_of(f, slow), own);
	move(own, 100, false);
	/* Not with one of which nothing comes. */
	shared->missing = true;
	sources_unite(&f->sources, own, &f->viewers);
	assert_ptr_equal(source_of(f, slow), own);
	shared->missing = false;
	sources_unite(&f->sources, own, &f->viewers);
	assert_ptr_equal(source_of(f, slow), shared);
	assert_int_equal(own->followers, 0);
	assert_int_equal(shared->followers, 2);
	assert_true(shared->live);
	shared->stream = NULL;
	sources_remove(&f->sources, own);
}

static void
one_that_falls_behind_keeps_its_place(void **state)
{
	struct fixture *f = *state;
	struct viewer *a, *b;

	a = view(f, NULL, 0);
	b = view(f, NULL, 0);
	move(source_of(f, a), 100, true);
	sources_detach(&b->peer[f->there]);
	move(source_of(f, a), 200, true);
	assert_true(b->peer[f->there].known && is_place(&b->peer[f->there].at, 100));
	sources_join(&f->sources, b);
	assert_ptr_not_equal(source_of(f, b), source_of(f, a));
	assert_true(is_place(&source_of(f, b)->at, 100));
}

static void
there_is_an_end_to_them(void **state)
{
	struct fixture *f = *state;
	struct viewer *last;

	for (uint64_t i = 1; i <= 256; i++)
		assert_non_null(source_of(f, view(f, NULL, i)));
	last = view(f, NULL, 1000);
	assert_null(source_of(f, last));
	assert_true(last->peer[f->there].refused && last->anew);
	/* It goes on where it stands once there is room. */
	sources_leave(&f->sources, TAILQ_FIRST(&f->viewers));
	last->anew = false;
	sources_join(&f->sources, last);
	assert_non_null(source_of(f, last));
	assert_true(!last->peer[f->there].refused && last->anew);
	assert_true(is_place(&source_of(f, last)->at, 1000));
}

#define sources_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    sources_test(those_who_select_the_same_share_one),
	    sources_test(who_stands_elsewhere_has_one_of_its_own),
	    sources_test(who_has_caught_up_shares_again),
	    sources_test(one_that_falls_behind_keeps_its_place),
	    sources_test(there_is_an_end_to_them),
	};

	/* A skip() of cmocka's is "not ok", and automake takes it for a failure. */
	if (!peer_http_is_built()) {
		puts("1..0 # SKIP built without peers");
		return 0;
	}
	return cmocka_run_group_tests_name("tail_sources", tests, NULL, NULL);
}
