#include "reader/tail_render.h"

#include "unit.h"

#define LONG (48 * 1024)

static char text[LONG];

static struct parcel *
take(struct tail_render *r, const struct tail_form *form, uint64_t offset, struct entry_span whole,
    struct entry_span message)
{
	const struct entry_shown shown = {.text = whole,
	    .fields = {.fits = true, .message = message},
	    .at = {0x77, 1, offset},
	    .server = "a.example"};
	struct tail_entry e = tail_render_next_shown(r, &shown);

	return tail_render_take(r, form, &e);
}

static void
parcels_are_bounded_by_all_that_they_are_made_of(void **state)
{
	const struct entry_span whole = {text, LONG}, part = {text, LONG / 4}, none = {text, 1};
	struct civil_zone zone;
	const struct tail_form form = {.zone = &zone};
	struct parcel *first, *second;
	struct tail_render r;

	(void)state;
	memset(text, 'x', sizeof(text));
	civil_zone_open(&zone, "UTC");
	tail_render_init(&r, NULL, (size_t)LONG + LONG / 2);
	first = take(&r, &form, 1, none, none);
	assert_non_null(first);
	/* A peer may send as a message what is as long as the text. */
	assert_null(take(&r, &form, 2, whole, whole));
	second = take(&r, &form, 2, whole, part);
	assert_non_null(second);
	tail_render_give_back(&r, second);
	tail_render_give_back(&r, first);
	/* One there may always be. */
	first = take(&r, &form, 3, whole, whole);
	assert_non_null(first);
	tail_render_give_back(&r, first);
	assert_int_equal(r.held, 0);
	tail_render_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parcels_are_bounded_by_all_that_they_are_made_of),
	};

	return cmocka_run_group_tests_name("tail_render", tests, NULL, NULL);
}
