#include "reader/peer_buffer.h"

#include "unit.h"

static const char piece[PEER_BUFFER_PIECE] = {'a', 'b'};

static void
what_is_put_in_is_taken_in_order(void **state)
{
	_Atomic size_t sum = 0;
	struct peer_buffer b;
	const char *bytes;
	size_t len;

	(void)state;
	peer_buffer_init(&b, &sum);
	peer_buffer_bytes(&b, &len);
	assert_int_equal(len, 0);
	assert_true(peer_buffer_put(&b, "first", 5));
	peer_buffer_take(&b, 2);
	assert_true(peer_buffer_put(&b, "second", 6));
	bytes = peer_buffer_bytes(&b, &len);
	assert_int_equal(len, 9);
	assert_memory_equal(bytes, "rstsecond", 9);
	peer_buffer_take(&b, 9);
	peer_buffer_bytes(&b, &len);
	assert_int_equal(len, 0);
	peer_buffer_free(&b);
}

static void
it_is_full_when_as_much_waits_as_may(void **state)
{
	_Atomic size_t sum = 0;
	struct peer_buffer b;
	size_t len;

	(void)state;
	peer_buffer_init(&b, &sum);
	while (peer_buffer_has_room(&b))
		assert_true(peer_buffer_put(&b, piece, sizeof(piece)));
	peer_buffer_bytes(&b, &len);
	assert_int_equal(len, PEER_BUFFER_USUAL);
	assert_false(peer_buffer_is_half_empty(&b));
	peer_buffer_take(&b, PEER_BUFFER_USUAL / 2 - 1);
	assert_true(peer_buffer_has_room(&b) && !peer_buffer_is_half_empty(&b));
	peer_buffer_take(&b, 1);
	assert_true(peer_buffer_is_half_empty(&b));
	/* A large one has room for as much as it was allowed. */
	assert_true(peer_buffer_allow(&b, 10 * PEER_BUFFER_USUAL));
	while (peer_buffer_has_room(&b))
		assert_true(peer_buffer_put(&b, piece, sizeof(piece)));
	peer_buffer_bytes(&b, &len);
	assert_int_equal(len, 10 * PEER_BUFFER_USUAL);
	assert_true(peer_buffer_allow(&b, 1));
	assert_false(peer_buffer_has_room(&b));
	peer_buffer_free(&b);
}

static void
what_a_long_frame_took_is_given_back(void **state)
{
	_Atomic size_t sum = 0;
	struct peer_buffer b;
	const char *bytes;
	size_t len;

	(void)state;
	peer_buffer_init(&b, &sum);
	assert_true(peer_buffer_allow(&b, 100 * PEER_BUFFER_USUAL));
	while (peer_buffer_has_room(&b))
		assert_true(peer_buffer_put(&b, piece, sizeof(piece)));
	/* With the beginning of the next behind it. */
	peer_buffer_take(&b, 100 * PEER_BUFFER_USUAL - sizeof(piece));
	assert_true(b.bytes.cap >= 100 * PEER_BUFFER_USUAL);
	assert_true(peer_buffer_allow(&b, PEER_BUFFER_USUAL));
	assert_true(b.bytes.cap <= 2 * (PEER_BUFFER_USUAL + PEER_BUFFER_PIECE));
	bytes = peer_buffer_bytes(&b, &len);
	assert_int_equal(len, sizeof(piece));
	assert_memory_equal(bytes, piece, sizeof(piece));
	peer_buffer_free(&b);
}

static void
all_together_are_bounded(void **state)
{
	_Atomic size_t sum = 0;
	struct peer_buffer one, other;

	(void)state;
	peer_buffer_init(&one, &sum);
	peer_buffer_init(&other, &sum);
	assert_true(peer_buffer_allow(&one, PEER_BUFFER_EXTRA));
	assert_false(peer_buffer_allow(&other, 3 * PEER_BUFFER_USUAL));
	assert_int_equal(other.extra, 0);
	assert_true(peer_buffer_allow(&other, 2 * PEER_BUFFER_USUAL));
	assert_int_equal(sum, PEER_BUFFER_EXTRA);
	/* What one gives back, another may have. */
	assert_true(peer_buffer_allow(&one, PEER_BUFFER_USUAL));
	assert_true(peer_buffer_allow(&other, PEER_BUFFER_EXTRA));
	peer_buffer_free(&other);
	peer_buffer_free(&one);
	assert_int_equal(sum, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_put_in_is_taken_in_order),
	    cmocka_unit_test(it_is_full_when_as_much_waits_as_may),
	    cmocka_unit_test(what_a_long_frame_took_is_given_back),
	    cmocka_unit_test(all_together_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
